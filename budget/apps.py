from __future__ import annotations

from django.apps import AppConfig


class BudgetConfig(AppConfig):
    name = "budget"

    def ready(self) -> None:
        from budget import signals

        signals.connect()
