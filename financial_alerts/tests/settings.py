"""The settings under test: the real ones, read from an environment of the tests' own.

Only DATABASE_URL is taken from outside, so that the same suite runs on PostgreSQL. A developer's
.env and database are neither read nor written.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from lib.env import VARIABLES
from lib.web_push import new_private_key

KEPT = "DATABASE_URL"

for name in VARIABLES:
    if name != KEPT:
        os.environ.pop(name, None)
os.environ |= {
    "DOTENV_PATH": "",
    "SECRET_KEY": "only-for-tests-0123456789-abcdefghijklmnopqrstuvwxyz",
    "ALLOWED_HOSTS": "testserver",
    "SECURE_SSL_REDIRECT": "false",
    "LOG_LEVEL": "CRITICAL",
    "VAPID_PRIVATE_KEY": new_private_key(),
    "VAPID_SUBJECT": "mailto:ops@example.com",
    # A machine that is busy is no failure; the tests of slow ones set their own.
    "SLOW_REQUEST_MS": "86400000",
    "SLOW_QUERY_MS": "86400000",
    # Thousands of requests come from one address; the tests of the limits set their own.
    "THROTTLE_USER": "off",
    "THROTTLE_ADDRESS": "off",
    "THROTTLE_UNAUTHENTICATED": "off",
    "THROTTLE_MESSAGES": "off",
    # Hundreds of tests look at the admin's pages; those of the way in set their own.
    "ADMIN_SECOND_FACTOR": "false",
}
os.environ.setdefault(KEPT, "sqlite://:memory:")

from financial_alerts.settings import *  # noqa: E402, F403 (the environment above comes first)
from financial_alerts.settings import DATABASES, STORAGES  # noqa: E402 (as above)

# The manifest of static files exists only after collectstatic.
STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}

# Thousands of users are made and none needs a slow hash.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

# A file, where Django would take a database in memory: WAL, locks, a second process are then real.
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    test_file = Path(tempfile.gettempdir(), f"financial-alerts-test-{os.getpid()}.sqlite3")
    DATABASES["default"]["TEST"] = {"NAME": str(test_file)}
else:
    # Nothing here has to outlast a power cut.
    DATABASES["default"]["OPTIONS"].setdefault("options", "-c synchronous_commit=off")
