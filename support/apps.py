from __future__ import annotations

from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig


class SupportConfig(AppConfig):
    """Our pages, templates and static files."""

    name = "support"


class SiteConfig(AdminConfig):
    """Django's admin, with our own site in its place."""

    default_site = "support.site.SupportSite"
