"""The guide to accounts names addresses, limits and codes as they are."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from allauth.account.app_settings import RATE_LIMITS
from django.conf import settings
from django.test import SimpleTestCase
from django.urls import Resolver404, resolve

from lib.env import VARIABLES

GUIDE = (Path(settings.BASE_DIR) / "docs" / "accounts.md").read_text(encoding="utf-8")


class GuideTest(SimpleTestCase):
    def test_every_address_is_one(self) -> None:
        addresses = set(re.findall(r"/(?:_allauth|api|accounts|admin)/[\w/.-]*[\w/]", GUIDE))
        addresses -= {"/_allauth/", "/_allauth/app/v1/", "/_allauth/browser/v1/", "/api/"}
        self.assertGreater(len(addresses), 15)
        for address in addresses:
            try:
                found: Any = resolve(address).func
            except Resolver404:
                self.fail(address)
            self.assertNotIn(getattr(found, "__name__", ""), ("no_endpoint", "no_page"), address)

    def test_every_variable_is_one(self) -> None:
        variables = set(re.findall(r"`([A-Z]+_[A-Z_]+)(?:=.*?)?`", GUIDE))
        self.assertGreater(len(variables), 5)
        self.assertLessEqual(variables, set(VARIABLES))

    def test_the_limits_are_these(self) -> None:
        self.assertEqual(
            {name: RATE_LIMITS[name] for name in ("login", "login_failed", "signup")},
            {"login": "30/m/ip", "login_failed": "10/m/ip,5/300s/key", "signup": "20/m/ip"},
        )
        self.assertEqual(RATE_LIMITS["reset_password"], "20/m/ip,5/m/key")
        self.assertEqual(RATE_LIMITS["confirm_email"], "1/10s/key")
