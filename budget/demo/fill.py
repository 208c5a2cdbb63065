"""Stores the demo's data the way that any client's data is stored."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal

from django.contrib.auth.models import User

from budget.demo.cases import COFFEE_NOW, LIMITS, history
from budget.demo.household import CLOTHING, HOME, Entry
from budget.engine import acknowledge, move_day, open_book, record_transactions
from budget.judge.periods import span_of
from budget.models import Alert, Category, PeriodType, Threshold, Transaction, TransactionType


def fill(user: User) -> None:
    """Give a new user the whole demo, up to their local day, in one commit."""
    with open_book(user.pk) as book:
        move_day(book)
        today = book.ledger.as_of
        entries = history(today)
        names = dict.fromkeys(entry.category for entry in entries)
        categories = {name: Category.objects.find_or_create(book.ledger, name) for name in names}
        types = {type.slug: type for type in TransactionType.objects.filter(user=user)}
        make_thresholds(user, categories)
        record_transactions(user.pk, [build(entry, categories, types) for entry in entries])
        quarter = span_of(PeriodType.QUARTERLY, today, book.ledger.calendar).start
        bought = max(quarter, today - timedelta(days=5))
        for entry in coat(bought, today):
            build(entry, categories, types).save()
        correct_a_slip(build(lamp(today), categories, types))
        acknowledge_first_level(user, COFFEE_NOW.limit, today)


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
    """An entry as an unsaved transaction."""
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
    """A purchase without its decimal point, a hundred times too large, by a typing mistake."""
    return Entry(today, HOME, "Lamp Post, reading lamp", 189_900)


def correct_a_slip(row: Transaction) -> None:
    """Save a row, then correct its amount to a tenth, as a user who sees the alert would."""
    row.save()
    row.amount = row.amount.scaleb(-1).quantize(row.amount)
    row.save()


def acknowledge_first_level(user: User, threshold: str, today: date) -> None:
    """Acknowledge the lowest open alert of a threshold's current period."""
    alerts = Alert.objects.open().filter(
        user=user, threshold__name=threshold, period_start__lte=today, period_end__gt=today
    )
    acknowledge(user.pk, alerts.order_by("level")[0].pk)
