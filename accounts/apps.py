from __future__ import annotations

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "accounts"

    def ready(self) -> None:
        # Of the project as a whole, which is no app of its own.
        from financial_alerts.checks import register_checks

        register_checks()
