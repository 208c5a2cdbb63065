"""Django's settings: one file for every place, filled only from the environment (.env.example)."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import django_stubs_ext
from dotenv import load_dotenv

from lib import env, logs

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
PUBLIC_URL = environment.public_url

SECURE_SSL_REDIRECT = environment.ssl_redirect
SECURE_HSTS_SECONDS = environment.hsts_seconds
SECURE_HSTS_INCLUDE_SUBDOMAINS = environment.SECURE_HSTS_INCLUDE_SUBDOMAINS
SECURE_HSTS_PRELOAD = environment.SECURE_HSTS_PRELOAD
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
# Of pages: nothing from elsewhere, nothing inline; data: is for the admin's icons.
SECURE_CSP = {
    "default-src": ["'self'"],
    "img-src": ["'self'", "data:"],
    "object-src": ["'none'"],
    "base-uri": ["'none'"],
    "form-action": ["'self'"],
    "frame-ancestors": ["'none'"],
}
# Of whatever is no page, should a browser ever take it for one.
DATA_CSP = {"default-src": ["'none'"], "frame-ancestors": ["'none'"]}
PERMISSIONS_POLICY = ", ".join(
    f"{feature}=()" for feature in ("camera", "geolocation", "microphone", "payment", "usb")
)
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = not DEBUG
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
# Seconds after its last day of use that a session ends, of a phone as of a browser.
SESSION_COOKIE_AGE = 30 * 24 * 60 * 60
CSRF_COOKIE_DOMAIN = environment.CSRF_COOKIE_DOMAIN
CSRF_FAILURE_VIEW = "accounts.refusals.csrf_failed"
if environment.TRUST_X_FORWARDED_PROTO:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

INSTALLED_APPS = [
    "support.apps.SiteConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "allauth.headless",
    "allauth.mfa",
    "allauth.usersessions",
    # After allauth, whose admin pages they replace.
    "accounts",
    "support.apps.SupportConfig",
    "web.apps.WebConfig",
    "api",
    "corsheaders",
    # Static files of Swagger UI, for the page that shows the API.
    "drf_spectacular_sidecar",
    "budget",
]

MIDDLEWARE = [
    # Sees every answer, those to probes too.
    "financial_alerts.middleware.Framing",
    # Probes call by IP address, over plain HTTP, as no other request may.
    "financial_alerts.middleware.Health",
    # These two see every other answer, also those that the rest refuses with.
    "financial_alerts.middleware.RequestLog",
    "financial_alerts.middleware.SecurityHeaders",
    "corsheaders.middleware.CorsMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "financial_alerts.middleware.AddressThrottle",
    # What follows is for browsers.
    "financial_alerts.middleware.Direct",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "web.language.Language",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        # Before the apps' templates: these replace allauth's mails and pages.
        "DIRS": [BASE_DIR / name / "templates" for name in ("accounts", "web", "support")],
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


# Of libpq, all on this side of the connection: a pooler would not pass on what is sent to a server
# at the start. Timeouts of statements and locks are therefore set on the role (deploy/database).
# Seconds, but tcp_user_timeout in milliseconds: a server that has gone without a word, as in a
# failover, is noticed within 25 s by a connection that waits for it, within 15 s by one that sends.
CONNECTION = {
    "application_name": "financial_alerts",
    "connect_timeout": 5,
    "keepalives": 1,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,
}


def database(url: str, **connection: int) -> dict[str, Any]:
    """Give the settings of a database, with what each kind needs to serve many writers.

    connection: defaults of PostgreSQL's connection that differ; the URL has the last word.
    """
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
        # Django's own, with cheaper checks of a connection that is kept.
        settings["ENGINE"] = "lib.postgresql"
        settings["CONN_HEALTH_CHECKS"] = True
        # A cursor of the server's lives on one connection, and a pooler hands out another one for
        # each transaction.
        settings["DISABLE_SERVER_SIDE_CURSORS"] = True
        settings["OPTIONS"] = CONNECTION | connection | settings.get("OPTIONS", {})
    return settings


DATABASES = {"default": database(environment.DATABASE_URL.get_secret_value())}
if environment.REPLICA_DATABASE_URL is not None:
    # No request waits long for what the primary can answer, too.
    replica_url = environment.REPLICA_DATABASE_URL.get_secret_value()
    DATABASES["replica"] = database(replica_url, connect_timeout=2)
# What `manage.py database_roles` sets, "next" on the login that DATABASE_APP_USER is not; the
# service connects with what DATABASE_URL says.
DATABASE_APP_USER = environment.DATABASE_APP_USER
ROLE_PASSWORDS = {
    role: password.get_secret_value()
    for role, password in (
        ("owner", environment.DATABASE_OWNER_PASSWORD),
        ("app", environment.DATABASE_APP_PASSWORD),
        ("next", environment.DATABASE_APP_NEXT_PASSWORD),
    )
    if password is not None
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# Shared by every process, because limits that each one counts on its own are no limits. Redis where
# there is one; while it is down the database stands in.
database_cache = {
    "BACKEND": "django.core.cache.backends.db.DatabaseCache",
    "LOCATION": "accounts_cache",
    "OPTIONS": {"MAX_ENTRIES": 100_000},
}
CACHES: dict[str, dict[str, Any]] = {
    "default": database_cache,
    "summaries": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"},
}
SESSION_ENGINE = "django.contrib.sessions.backends.db"
if environment.REDIS_URL is not None:
    redis = {
        "BACKEND": "lib.cache.RedisCache",
        "LOCATION": environment.REDIS_URL.get_secret_value(),
        "KEY_PREFIX": "financial_alerts",
    }
    CACHES = {
        "default": redis | {"OPTIONS": {"fallback": "database"}},
        "database": database_cache,
        # Sessions are rows of the database either way. A session that was ended while Redis was
        # down must not live on there for the month that it was kept for: hence `longest` (seconds).
        "sessions": redis | {"OPTIONS": {"fallback": "nothing", "longest": 300}},
        # Summaries, each for one version of a ledger; computed again while Redis is down.
        "summaries": redis | {"OPTIONS": {"fallback": "nothing"}},
        "nothing": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"},
    }
    SESSION_ENGINE = "django.contrib.sessions.backends.cached_db"
    SESSION_CACHE_ALIAS = "sessions"

# How often the API may be asked: (requests, seconds), or None for no limit. allauth has finer
# ones for logging in and for mails.
THROTTLE_LIMITS = {
    "credential": environment.THROTTLE_USER,
    "address": environment.THROTTLE_ADDRESS,
    "unauthenticated": environment.THROTTLE_UNAUTHENTICATED,
    "messages": environment.THROTTLE_MESSAGES,
}
THROTTLE_REDIS_URL = environment.REDIS_URL.get_secret_value() if environment.REDIS_URL else None

# Without a mail server mail is printed, so that a developer finds the codes that it carries.
EMAIL_BACKEND = "lib.console.EmailBackend"
if environment.EMAIL_URL is not None:
    EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    mail = env.mail_of(environment.EMAIL_URL.get_secret_value())
    EMAIL_HOST, EMAIL_PORT = mail.host, mail.port
    EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = mail.user, mail.password
    EMAIL_USE_TLS, EMAIL_USE_SSL = mail.starttls, mail.tls
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = SERVER_EMAIL = environment.DEFAULT_FROM_EMAIL

# Web push: the key that names the sender to push services, and where they reach the operator.
VAPID_PRIVATE_KEY: str | None = None
if environment.VAPID_PRIVATE_KEY is not None:
    VAPID_PRIVATE_KEY = environment.VAPID_PRIVATE_KEY.get_secret_value()
VAPID_SUBJECT = environment.VAPID_SUBJECT

# Accounts: what apps do over /_allauth/, and the pages of `web`.
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "web:overview"
ACCOUNT_LOGOUT_REDIRECT_URL = "account_login"
ADMIN_SECOND_FACTOR = environment.admin_second_factor
ALLAUTH_TRUSTED_PROXY_COUNT = environment.TRUSTED_PROXY_COUNT
HEADLESS_ONLY = False
HEADLESS_CLIENTS = ("app", "browser")
HEADLESS_TOKEN_STRATEGY = "accounts.sessions.SingleLoadStrategy"  # noqa: S105 - a class
HEADLESS_SERVE_SPECIFICATION = True
HEADLESS_SPECIFICATION_TEMPLATE_NAME = None
ACCOUNT_ADAPTER = "accounts.adapters.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_UNIQUE_EMAIL = True
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
ACCOUNT_EMAIL_VERIFICATION_BY_CODE_ENABLED = True
ACCOUNT_EMAIL_VERIFICATION_SUPPORTS_RESEND = True
ACCOUNT_EMAIL_VERIFICATION_SUPPORTS_CHANGE = True
ACCOUNT_PASSWORD_RESET_BY_CODE_ENABLED = True
# Seconds; mail may take minutes.
ACCOUNT_PASSWORD_RESET_BY_CODE_TIMEOUT = ACCOUNT_EMAIL_VERIFICATION_BY_CODE_TIMEOUT = 15 * 60
ACCOUNT_REAUTHENTICATION_REQUIRED = True
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_MAX_EMAIL_ADDRESSES = 5
ACCOUNT_EMAIL_NOTIFICATIONS = True
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
MFA_ADAPTER = "accounts.adapters.MFAAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_PASSKEY_SIGNUP_ENABLED = True
MFA_TOTP_ISSUER = "Financial Alerts"
# Steps of 30 seconds that a phone's clock may be off by, either way.
MFA_TOTP_TOLERANCE = 1
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = DEBUG
PASSKEY_DOMAIN = environment.PASSKEY_DOMAIN
# When a session was last seen is noted once a day, with the day it is prolonged on; allauth's own
# middleware, left out here, would write at every request.
USERSESSIONS_TRACK_ACTIVITY = True

# Web pages of other origins: those named may send cookies, and '*' lets in any without them.
CORS_URLS_REGEX = r"^/(api$|api/|_allauth/)"
CORS_ALLOW_ALL_ORIGINS = environment.CORS_ALLOWED_ORIGINS == ["*"]
CORS_ALLOWED_ORIGINS = [] if CORS_ALLOW_ALL_ORIGINS else environment.CORS_ALLOWED_ORIGINS
CORS_ALLOW_CREDENTIALS = bool(CORS_ALLOWED_ORIGINS)
CORS_ALLOW_METHODS = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")
CORS_ALLOW_HEADERS = (
    "Accept",
    "Authorization",
    "Content-Type",
    "Idempotency-Key",
    "If-Match",
    "If-None-Match",
    "X-CSRFToken",
    "X-Email-Verification-Key",
    "X-Password-Reset-Key",
    "X-Request-ID",
    "X-Session-Token",
)
CORS_EXPOSE_HEADERS = (
    "Allow",
    "Content-Disposition",
    "ETag",
    "Idempotent-Replayed",
    "Link",
    "Location",
    "RateLimit",
    "RateLimit-Policy",
    "Retry-After",
    "WWW-Authenticate",
    "X-Request-ID",
)

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]

LANGUAGE_CODE = "en-us"
FORMAT_MODULE_PATH = "financial_alerts.formats"
# Only pages are shown in another language than English (web/language.py).
USE_I18N = True
LANGUAGES = [("en", "English"), ("de", "German")]
LANGUAGE_COOKIE_AGE = 365 * 24 * 60 * 60
LANGUAGE_COOKIE_HTTPONLY = True
LANGUAGE_COOKIE_SAMESITE = "Lax"
LANGUAGE_COOKIE_SECURE = not DEBUG
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

SLOW_REQUEST_MS = environment.SLOW_REQUEST_MS
SLOW_QUERY_MS = environment.SLOW_QUERY_MS

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"request": {"()": "lib.logs.RequestFilter"}},
    "formatters": {
        "line": {"format": "{asctime} {levelname} {name} {request_id}: {message}", "style": "{"},
        "json": {"()": "lib.logs.Json"},
    },
    "handlers": {
        "stderr": {
            "class": "logging.StreamHandler",
            "formatter": "line" if DEBUG else "json",
            "filters": ["request"],
        }
    },
    "root": {"handlers": ["stderr"], "level": environment.LOG_LEVEL},
    # These come with separate handlers and levels; with them a line would come twice, and those
    # of gunicorn's workers would quote addresses and what an exception says.
    "loggers": {
        name: {"handlers": [], "level": environment.LOG_LEVEL, "propagate": True}
        for name in ("django", "gunicorn.error")
    },
}
if not DEBUG:
    sys.excepthook = logs.log_crash
if environment.SENTRY_DSN is not None:
    # Imported only where it is wanted: it costs a tenth of a second.
    from lib import sentry

    sentry.start(environment.SENTRY_DSN.get_secret_value())
