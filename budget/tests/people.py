"""Short words for the rows that engine tests are made of."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from unittest import mock
from uuid import uuid4

from django.contrib.auth.models import User
from django.utils import timezone

from budget.delivering import send_example
from budget.models import (
    Alert,
    AlertStatus,
    Category,
    ChangeKind,
    Condition,
    Delivery,
    DeliveryTry,
    Endpoint,
    Import,
    ImportAnswer,
    ImportChange,
    ImportPart,
    ImportState,
    Threshold,
    Transaction,
    TransactionType,
)
from budget.models.endpoint import Channel


def at(moment: str | date) -> mock._patch[mock.MagicMock]:
    """Stop the clock at a time in UTC; a day means its noon. A ledger's day never goes back."""
    text = str(moment)
    now = datetime.fromisoformat(text if len(text) > 10 else f"{text} 12:00").replace(tzinfo=UTC)
    return mock.patch("django.utils.timezone.now", return_value=now)


def make_user(name: str = "alice") -> User:
    return User.objects.create(username=name)


def category(user: User, name: str) -> Category:
    found = Category.objects.filter(user=user).named(name)
    if found is None:
        found = Category(user=user, name=name)
        found.save()
    return found


def transaction_of(
    user: User,
    amount: str,
    day: str = "2018-03-05",
    *,
    to: str = "Groceries",
    type: str = "expense",
    **fields: Any,
) -> Transaction:
    """An unsaved transaction."""
    return Transaction(
        user=user,
        date=date.fromisoformat(day),
        category=category(user, to),
        amount=Decimal(amount),
        type=TransactionType.objects.get(user=user, slug=type),
        **fields,
    )


def spend(user: User, amount: str, day: str = "2018-03-05", **fields: Any) -> Transaction:
    row = transaction_of(user, amount, day, **fields)
    row.save()
    return row


def limit(
    user: User, amount: str, type: str = "monthly", *, of: str | None = None, **fields: Any
) -> Threshold:
    """A saved threshold; of: the name of its category."""
    threshold = Threshold(
        user=user,
        name=fields.pop("name", of or type),
        amount=Decimal(amount),
        type=type,
        category=category(user, of) if of else None,
        **fields,
    )
    threshold.save()
    return threshold


def combine(
    user: User, *parts: tuple[str | None, str, str, str], type: str = "monthly", **fields: Any
) -> Threshold:
    """A saved combination of conditions: name of the category, measure, operator and amount."""
    threshold = Threshold(user=user, name=fields.pop("name", type), type=type, **fields)
    threshold.new_conditions = [
        Condition(
            category=category(user, of) if of else None,
            measure=measure,
            operator=operator,
            amount=Decimal(amount),
        )
        for of, measure, operator, amount in parts
    ]
    threshold.save()
    return threshold


def open_levels(user: User) -> list[tuple[str, int]]:
    """First day and level of each open alert, oldest period first."""
    alerts = Alert.objects.filter(user=user, status=AlertStatus.OPEN).of_thresholds()
    return sorted((str(alert.period_start), alert.level or 0) for alert in alerts)


def stored_import(user: User) -> Import:
    """An import that has stored one transaction."""
    row = spend(user, "5.00", to="Stationery")
    found = Import.objects.create(
        user=user, name="a.csv", state=ImportState.DONE, stored=1, first_row=row.pk, last_row=row.pk
    )
    Transaction._base_manager.filter(pk=row.pk).update(import_id=found.pk)
    return found


def fill_endpoint(user: User) -> Delivery:
    """Give a user a row in every table of deliveries; gives the delivery, which was tried once."""
    endpoint = Endpoint.objects.create(user=user, url="https://example.com/alerts")
    delivery = send_example(endpoint, timezone.now())
    DeliveryTry.objects.create(user=user, delivery=delivery, at=timezone.now(), took=7, text="ok")
    return delivery


def fill_browser(user: User) -> Endpoint:
    """Give a user a browser that gets web push."""
    return Endpoint.objects.create(
        user=user, channel=Channel.PUSH, url=f"https://push.example.com/{uuid4()}"
    )


def fill_import(user: User) -> Import:
    """Give a user a row in every table of imports; gives the import, which has a question open."""
    imported = Import.objects.create(user=user, name="april.csv", state=ImportState.ASKING)
    ImportPart.objects.create(user=user, imported=imported, number=0, content=b"Date,Amount")
    ImportChange.objects.create(
        user=user, imported=imported, external_id="a", kind=ChangeKind.RESTORED, before={}
    )
    ImportAnswer.objects.create(user=user, account="a", answers={"dates": "day-first"})
    return imported
