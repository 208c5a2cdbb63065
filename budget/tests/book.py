"""A user with a row of every kind, for tests that go through every operation of the API."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import User
from django.test import Client

from accounts.models import ApiToken
from budget.models import Alert
from budget.tests.people import category, limit, spend


@dataclass(frozen=True)
class Book:
    """session: the session's token, which opens everything. keys: an id of each kind of row."""

    user: User
    session: str
    keys: dict[str, int]

    def path(self, route: str) -> str:
        """The address of a route of the description, with the row there is of its kind."""
        return route.replace("{key}", str(self.keys.get(route.split("/")[2], "")))


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
    return Book(
        alice,
        client.session.session_key or "",
        {
            "transaction": row.pk,
            "threshold": alert.threshold_id or 0,
            "alert": alert.pk,
            "category": category(alice, "Bakery").pk,
            "transaction-type": made["id"],
            "token": ApiToken.issue(alice, "Phone")[0].pk,
        },
    )
