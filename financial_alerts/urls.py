"""Where each part of the site hangs."""

from __future__ import annotations

from importlib.util import find_spec

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path

urlpatterns: list[URLPattern | URLResolver] = [path("admin/", admin.site.urls)]

if find_spec("budget.urls") is not None:
    urlpatterns.append(path("api/", include("budget.urls")))
