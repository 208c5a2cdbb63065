"""A user with a row of every kind, for tests that go through every operation of the API."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import User
from django.test import Client

from accounts.models import ApiToken
from budget.engine import raise_custom_alert
from budget.models import Alert
from budget.tests.people import (
    category,
    fill_browser,
    fill_endpoint,
    fill_import,
    limit,
    spend,
    stored_import,
)


@dataclass(frozen=True)
class Book:
    """session: the session's token, which opens everything. keys: an id of each kind of row, and of
    one that can be deleted where not every row can.
    """

    user: User
    session: str
    keys: dict[str, int]

    def key(self, method: str, route: str) -> int | None:
        """The row there is for a method of a route of the description."""
        kind = route.split("/")[2]
        return self.keys.get(f"{method} {kind}", self.keys.get(kind))

    def path(self, method: str, route: str) -> str:
        """The address of a route of the description, with the row there is for it."""
        return route.replace("{key}", str(self.key(method, route)))


def make_book() -> Book:
    """Alice has spent more than she meant to, and has a token."""
    alice = User.objects.create_user("alice", "alice@example.org", "swordfish")
    limit(alice, "200", of="Restaurants", name="Lunch")
    row = spend(alice, "250", to="Restaurants", external_id="bank-2018-0305-1")
    client = Client()
    client.force_login(alice)
    made: dict[str, Any] = client.post(
        "/api/transaction-type",
        {"name": "Tip", "effect": "spending"},
        content_type="application/json",
    ).json()
    alert = Alert.objects.filter(user=alice).latest("id")
    delivery = fill_endpoint(alice)
    return Book(
        alice,
        client.session.session_key or "",
        {
            "transaction": row.pk,
            "threshold": alert.threshold_id or 0,
            "alert": alert.pk,
            "DELETE alert": raise_custom_alert(alice.pk, "Ask the bank").pk,
            "endpoint": delivery.endpoint_id,
            "delivery": delivery.pk,
            "push": fill_browser(alice).pk,
            "category": category(alice, "Bakery").pk,
            "transaction-type": made["id"],
            "import": fill_import(alice).pk,
            "POST import": stored_import(alice).pk,
            "token": ApiToken.issue(alice, "Phone")[0].pk,
        },
    )
