"""The WSGI application that gunicorn serves."""

from __future__ import annotations

import os

from django.core.wsgi import get_wsgi_application
from django.urls import get_resolver
from django.utils.module_loading import import_string

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "financial_alerts.settings")

application = get_wsgi_application()
# What the worker asks before it takes in a large body. By name: it needs the settings.
application.admits = import_string("accounts.authentication.is_known")  # type: ignore[attr-defined]
# gunicorn forks after this. Routes that are read only by a worker's first request make that one
# wait, are in memory once for each worker, and are found broken only when the service listens.
get_resolver()._populate()
