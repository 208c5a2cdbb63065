"""Where each part of the site hangs."""

from __future__ import annotations

from allauth.account.decorators import secure_admin_login
from django.conf import settings
from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path
from django.views.generic import RedirectView

from budget.views import problems

handler400 = "budget.http.bad_request"
handler404 = "budget.http.not_found"
handler500 = "budget.http.server_error"

# Staff log in as everybody does, so that a second factor counts in the admin, too.
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign, no-untyped-call]

urlpatterns: list[URLPattern | URLResolver] = [
    path("admin/", admin.site.urls),
    path("api/", include("budget.urls")),
    path("", RedirectView.as_view(url="/api/docs")),
    # Asked for by browsers where a page names no icon, as JSON cannot.
    path("favicon.ico", RedirectView.as_view(url=f"{settings.STATIC_URL}accounts/icon.svg")),
    path("problems", problems.list_problems),
    path("problems/<slug:slug>", problems.show_problem),
    path("", include("accounts.urls")),
]
