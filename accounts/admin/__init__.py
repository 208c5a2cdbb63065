"""The admin pages of accounts: people, their settings, their logins and their tokens."""

from __future__ import annotations

from accounts.admin.login import AuthenticatorAdmin, EmailAddressAdmin, UserSessionAdmin
from accounts.admin.profile import ProfileAdmin
from accounts.admin.token import ApiTokenAdmin
from accounts.admin.user import UserAdmin

__all__ = [
    "ApiTokenAdmin",
    "AuthenticatorAdmin",
    "EmailAddressAdmin",
    "ProfileAdmin",
    "UserAdmin",
    "UserSessionAdmin",
]
