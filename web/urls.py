"""The pages as a table."""

from __future__ import annotations

from django.urls import path

from web import account, overview, shell, why

app_name = "web"
urlpatterns = [
    path("", overview.overview, name="overview"),
    path("alert/<int:key>", why.why, name="why"),
    path("alert/<int:key>/mark", overview.mark, name="mark"),
    path("account", account.account, name="account"),
    path("account/tokens", account.tokens, name="tokens"),
    path("account/tokens/<int:key>/revoke", account.revoke, name="revoke"),
    path("manifest.webmanifest", shell.manifest, name="manifest"),
    path("service-worker.js", shell.service_worker, name="service_worker"),
    path("offline", shell.offline, name="offline"),
]
