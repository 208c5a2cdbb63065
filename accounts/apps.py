from __future__ import annotations

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "accounts"
    # allauth has a section named Accounts already.
    verbose_name = "Tokens"

    def ready(self) -> None:
        # Checks of the whole project, which is not an app.
        from accounts import signals
        from lib.checks import register_checks

        register_checks()
        signals.connect()
