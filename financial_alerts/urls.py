"""Where each part of the site hangs."""

from __future__ import annotations

from django.conf import settings
from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path
from django.views.generic import RedirectView
from django.views.i18n import set_language

from api.http.public import open_path
from api.views import docs, problems, stop

handler400 = "api.http.bad_request"
handler404 = "api.http.not_found"
handler500 = "api.http.server_error"

urlpatterns: list[URLPattern | URLResolver] = [
    path("admin/", admin.site.urls),
    open_path("api", docs.show_index),
    path("api/", include("api.urls")),
    # Asked for by browsers where a page names no icon, as JSON cannot.
    path("favicon.ico", RedirectView.as_view(url=f"{settings.STATIC_URL}web/icon.svg")),
    path("problems", problems.list_problems),
    path("problems/<slug:slug>", problems.show_problem),
    # In mails.
    path("notification/stop/<str:token>", stop.stop_mails),
    path("", include("api.allauth")),
    path("", include("web.urls")),
    path("language", set_language, name="set_language"),
]
