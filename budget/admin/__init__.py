"""The admin pages of the budget, for people who help users."""

from __future__ import annotations

from django.contrib import admin

from budget.admin.alert import AlertAdmin, AlertEventAdmin
from budget.admin.category import CategoryAdmin, TransactionTypeAdmin
from budget.admin.ledger import LedgerRowAdmin, RollupAdmin
from budget.admin.threshold import ThresholdAdmin
from budget.admin.transaction import TransactionAdmin

__all__ = [
    "AlertAdmin",
    "AlertEventAdmin",
    "CategoryAdmin",
    "LedgerRowAdmin",
    "RollupAdmin",
    "ThresholdAdmin",
    "TransactionAdmin",
    "TransactionTypeAdmin",
]

admin.site.site_header = admin.site.site_title = "Financial Alerts"
admin.site.index_title = "Support"
# There is no site to view, only the API.
admin.site.site_url = None
