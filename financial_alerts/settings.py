"""Django's settings: one file for every place, fed by the environment alone (see .env.example)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import django_stubs_ext
from dotenv import load_dotenv

from financial_alerts import env

# Lets ModelAdmin[Transaction] and its like be written as base classes.
django_stubs_ext.monkeypatch()

BASE_DIR = Path(__file__).resolve().parent.parent

# What the process environment says stands; DOTENV_PATH= (empty) reads no file at all.
if dotenv_path := os.environ.get("DOTENV_PATH", str(BASE_DIR / ".env")):
    load_dotenv(dotenv_path)
environment = env.read(os.environ)

DEBUG = environment.DEBUG
SECRET_KEY = environment.SECRET_KEY.get_secret_value()
SECRET_KEY_FALLBACKS = [key.get_secret_value() for key in environment.SECRET_KEY_FALLBACKS]
ALLOWED_HOSTS = environment.ALLOWED_HOSTS
CSRF_TRUSTED_ORIGINS = environment.CSRF_TRUSTED_ORIGINS

SECURE_SSL_REDIRECT = environment.ssl_redirect
SECURE_HSTS_SECONDS = environment.hsts_seconds
SECURE_HSTS_INCLUDE_SUBDOMAINS = environment.SECURE_HSTS_INCLUDE_SUBDOMAINS
SECURE_HSTS_PRELOAD = environment.SECURE_HSTS_PRELOAD
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = not DEBUG
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
if environment.TRUST_X_FORWARDED_PROTO:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "accounts",
    "budget",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

ROOT_URLCONF = "financial_alerts.urls"
WSGI_APPLICATION = "financial_alerts.wsgi.application"


def database(url: str) -> dict[str, Any]:
    """Give the settings of the one database, with what each kind needs to serve many writers."""
    settings = env.database_of(url)
    settings["CONN_MAX_AGE"] = environment.CONN_MAX_AGE
    if settings["ENGINE"] == "django.db.backends.sqlite3":
        # A relative path lies beside manage.py, wherever the command was started from.
        if settings["NAME"] != ":memory:":
            settings["NAME"] = str(BASE_DIR / settings["NAME"])
        # IMMEDIATE: a transaction that reads first and writes later would otherwise fail with
        # "database is locked" at once, without waiting for the timeout (seconds).
        settings["OPTIONS"] = {
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
        }
    else:
        settings["CONN_HEALTH_CHECKS"] = True
        named = {"application_name": "financial_alerts", "connect_timeout": 10}
        settings["OPTIONS"] = named | settings.get("OPTIONS", {})
    return settings


DATABASES = {"default": database(environment.DATABASE_URL.get_secret_value())}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]

LANGUAGE_CODE = "en-us"
USE_I18N = False
USE_TZ = True
TIME_ZONE = "UTC"

STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
STATIC_STORAGE = (
    "django.contrib.staticfiles.storage.StaticFilesStorage"
    if DEBUG
    else "whitenoise.storage.CompressedManifestStaticFilesStorage"
)
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": STATIC_STORAGE},
}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "{asctime} {levelname} {name}: {message}", "style": "{"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": environment.LOG_LEVEL},
    # Django gives this logger a handler and a level of its own; with them a line would come twice.
    "loggers": {"django": {"handlers": [], "level": environment.LOG_LEVEL}},
}
