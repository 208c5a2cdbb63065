"""Registers every page: Django's admin imports this file."""

from __future__ import annotations

from support.alert import AlertAdmin, AlertEventAdmin
from support.category import CategoryAdmin, TransactionTypeAdmin
from support.endpoint import DeliveryAdmin, EndpointAdmin
from support.imports import ImportAdmin
from support.ledger import LedgerRowAdmin, RollupAdmin
from support.login import AuthenticatorAdmin, EmailAddressAdmin, UserSessionAdmin
from support.profile import ProfileAdmin
from support.threshold import ThresholdAdmin
from support.token import ApiTokenAdmin
from support.transaction import TransactionAdmin
from support.user import UserAdmin

__all__ = [
    "AlertAdmin",
    "AlertEventAdmin",
    "ApiTokenAdmin",
    "AuthenticatorAdmin",
    "CategoryAdmin",
    "DeliveryAdmin",
    "EmailAddressAdmin",
    "EndpointAdmin",
    "ImportAdmin",
    "LedgerRowAdmin",
    "ProfileAdmin",
    "RollupAdmin",
    "ThresholdAdmin",
    "TransactionAdmin",
    "TransactionTypeAdmin",
    "UserAdmin",
    "UserSessionAdmin",
]
