"""Where each part of the site hangs."""

from __future__ import annotations

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path

handler400 = "budget.http.bad_request"
handler404 = "budget.http.not_found"
handler500 = "budget.http.server_error"

urlpatterns: list[URLPattern | URLResolver] = [
    path("admin/", admin.site.urls),
    path("api/", include("budget.urls")),
]
