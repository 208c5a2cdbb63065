"""Putting the demo into the database, by the same ways that any client's rows take."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from decimal import Decimal

from django.contrib.auth.models import User
from django.db import transaction

from budget.demo.cases import COFFEE_NOW, LIMITS, history
from budget.demo.household import CLOTHING, HOME, Entry
from budget.engine import acknowledge, read_ledger, record_transactions
from budget.models import Alert, Category, PeriodType, Threshold, Transaction, TransactionType
from budget.models.periods import span_of


def fill(user: User) -> None:
    """Give a user who has nothing yet the whole demo, up to their own today, in one commit."""
    with transaction.atomic():
        ledger = read_ledger(user.pk)
        today = ledger.as_of
        entries = history(today)
        categories = make_categories(user, entries)
        types = {type.slug: type for type in TransactionType.objects.filter(user=user)}
        make_thresholds(user, categories)
        record_transactions(user.pk, [build(entry, categories, types) for entry in entries])
        quarter = span_of(PeriodType.QUARTERLY, today, ledger.calendar).start
        bought = max(quarter, today - timedelta(days=5))
        for entry in coat(bought, today):
            build(entry, categories, types).save()
        correct_a_slip(build(lamp(today), categories, types))
        acknowledge_first_level(user, COFFEE_NOW.limit, today)


def make_categories(user: User, entries: Iterable[Entry]) -> dict[str, Category]:
    """The user's categories by name, those of the entries made."""
    categories = {category.name: category for category in Category.objects.filter(user=user)}
    for name in dict.fromkeys(entry.category for entry in entries):
        if name not in categories:
            categories[name] = Category(user=user, name=name)
            categories[name].save()
    return categories


def make_thresholds(user: User, categories: dict[str, Category]) -> None:
    for limit in LIMITS:
        Threshold(
            user=user,
            name=limit.name,
            amount=Decimal(limit.amount),
            type=limit.type,
            category=categories[limit.category] if limit.category else None,
            levels=list(limit.levels),
            operator=limit.operator,
        ).save()


def build(
    entry: Entry, categories: dict[str, Category], types: dict[str, TransactionType]
) -> Transaction:
    """An entry as a transaction that is not saved yet."""
    category = categories[entry.category]
    return Transaction(
        user_id=category.user_id,
        date=entry.date,
        category=category,
        description=entry.description,
        amount=entry.amount,
        type=types[entry.type],
    )


def coat(bought: date, today: date) -> Sequence[Entry]:
    """A purchase beyond the clothing limit, and the refund that resolves its alerts."""
    return (
        Entry(bought, CLOTHING, "Loom & Thread, winter coat", 22_900),
        Entry(today, CLOTHING, "Loom & Thread, winter coat sent back", 22_900, "refund"),
    )


def lamp(today: date) -> Entry:
    """A purchase whose point was lost in typing, which makes it a large one."""
    return Entry(today, HOME, "Lamp Post, reading lamp", 189_900)


def correct_a_slip(row: Transaction) -> None:
    """Save a row, and again with a tenth of its amount, as who sees the alert would do."""
    row.save()
    row.amount = row.amount.scaleb(-1).quantize(row.amount)
    row.save()


def acknowledge_first_level(user: User, threshold: str, today: date) -> None:
    """Acknowledge the lowest open alert of a threshold's present period."""
    alerts = Alert.objects.open().filter(
        user=user, threshold__name=threshold, period_start__lte=today, period_end__gt=today
    )
    acknowledge(user.pk, alerts.order_by("level")[0].pk)
