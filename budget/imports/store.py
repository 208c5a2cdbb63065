"""Writing what was read: whole chunks, each one commit after which every alert is true."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from django.db import OperationalError, transaction

from budget.engine import record_transactions, recording
from budget.imports.rows import BudgetLine, ParsedRow
from budget.models import (
    Alert,
    AlertStatus,
    Category,
    Cause,
    Conflict,
    PeriodType,
    Threshold,
    Transaction,
    TransactionType,
)
from budget.models.errors import PASSING, code_of
from budget.models.ledger import holding
from budget.models.text import fold

Rows = Sequence[tuple[str, ParsedRow]]

IDS_A_QUERY = 1000
ATTEMPTS = 3

T = TypeVar("T")


@dataclass
class Outcome:
    """What an import has done; thresholds in words, alerts by id with the state they ended in."""

    stored: int = 0
    present: int = 0
    categories: list[str] = field(default_factory=list)
    thresholds_made: list[str] = field(default_factory=list)
    thresholds_updated: list[str] = field(default_factory=list)
    began_open: dict[int, bool] = field(default_factory=dict)
    alerts: dict[int, Alert] = field(default_factory=dict)

    def absorb(self, other: Outcome) -> None:
        """Add what a later step has done."""
        self.stored += other.stored
        self.present += other.present
        self.categories += other.categories
        self.thresholds_made += other.thresholds_made
        self.thresholds_updated += other.thresholds_updated
        self.began_open = other.began_open | self.began_open
        self.alerts |= other.alerts

    def flipped_to(self, status: AlertStatus) -> list[Alert]:
        """The alerts that the import as a whole has opened or resolved, the latest period first.

        One that opened in a chunk and resolved in a later one has not flipped.
        """
        opened = status == AlertStatus.OPEN
        flipped = [
            alert
            for number, alert in self.alerts.items()
            if alert.status == status and self.began_open[number] != opened
        ]
        return sorted(flipped, key=lambda alert: (alert.period[0], alert.pk), reverse=True)


def missing(user_id: int, rows: Rows) -> Rows:
    """The rows that the user does not have yet, by their external_id."""
    mine = Transaction.objects.filter(user_id=user_id)
    known: set[str | None] = set()
    for at in range(0, len(rows), IDS_A_QUERY):
        ids = [external_id for external_id, _ in rows[at : at + IDS_A_QUERY]]
        known.update(mine.filter(external_id__in=ids).values_list("external_id", flat=True))
    return [item for item in rows if item[0] not in known]


def store_chunk(user_id: int, rows: Rows) -> Outcome:
    """Store the rows that are not there yet, in one commit; at most 10,000.

    Raises LedgerOverflow, and Conflict where the user has too many categories.
    """
    return trying(lambda: store_new(user_id, rows))


def store_new(user_id: int, rows: Rows) -> Outcome:
    new = missing(user_id, rows)
    outcome = Outcome(stored=len(new), present=len(rows) - len(new))
    if not new:
        return outcome
    with transaction.atomic(savepoint=False), holding(user_id):
        # Read under the lock and anew for each chunk: a merge may have come in between.
        categories = find_categories(user_id, (row.category for _, row in new), outcome)
        types = {type.slug: type for type in TransactionType.objects.filter(user_id=user_id)}
        built = [
            Transaction(
                user_id=user_id,
                date=row.date,
                category=categories[fold(row.category)],
                description=row.description,
                amount=row.amount,
                type=types[row.type],
                external_id=external_id,
            )
            for external_id, row in new
        ]
        record(outcome, lambda: record_transactions(user_id, built, Cause.IMPORT))
    return outcome


def find_categories(user_id: int, names: Iterable[str], outcome: Outcome) -> dict[str, Category]:
    """The user's categories by folded name, those made that are not there; under the lock."""
    categories = {category.key: category for category in Category.objects.filter(user_id=user_id)}
    for name in dict.fromkeys(names):
        if fold(name) not in categories:
            category = Category(user_id=user_id, name=name)
            category.save()
            categories[category.key] = category
            outcome.categories.append(category.name)
    return categories


def store_budget(user_id: int, lines: Sequence[BudgetLine]) -> Outcome:
    """Make or update the monthly threshold of each line, in one commit.

    A line's threshold is the monthly one of the category that bears the category's name: a second
    import finds it and sets its amount, and leaves its levels and whether it is enabled as they
    are. A threshold that a user has made under another name is never touched.
    """
    return trying(lambda: set_thresholds(user_id, lines))


def set_thresholds(user_id: int, lines: Sequence[BudgetLine]) -> Outcome:
    outcome = Outcome()
    with transaction.atomic(savepoint=False), holding(user_id):
        categories = find_categories(user_id, (line.category for line in lines), outcome)
        known = budget_thresholds(user_id)
        for line in lines:
            category = categories[fold(line.category)]
            set_threshold(known.get(category.key), category, line, outcome)
    return outcome


def budget_thresholds(user_id: int) -> dict[str, Threshold]:
    """The monthly thresholds that bear the name of their category, by its folded name."""
    monthly = Threshold.objects.kept().filter(
        user_id=user_id, type=PeriodType.MONTHLY, category__isnull=False
    )
    return {
        threshold.category.key: threshold
        for threshold in monthly.select_related("category").order_by("-id")
        if threshold.category is not None and threshold.category.key == fold(threshold.name)
    }


def set_threshold(
    threshold: Threshold | None, category: Category, line: BudgetLine, outcome: Outcome
) -> None:
    if threshold is None:
        threshold = Threshold(
            user_id=category.user_id,
            name=category.name,
            amount=line.amount,
            type=PeriodType.MONTHLY,
            category=category,
        )
        record(outcome, threshold.save)
        outcome.thresholds_made.append(f"{threshold.name}: {line.amount}")
    elif threshold.amount != line.amount:
        before, threshold.amount = threshold.amount, line.amount
        record(outcome, threshold.save)
        outcome.thresholds_updated.append(f"{threshold.name}: {before}, now {line.amount}")


def record(outcome: Outcome, write: Callable[[], object]) -> None:
    """Do one write of the engine's and take down which alerts it flipped."""
    with recording() as flipped:
        write()
    for alert in (*flipped.opened, *flipped.resolved):
        # It flips to what it ends as, so it began as the contrary.
        outcome.began_open.setdefault(alert.pk, alert.status != AlertStatus.OPEN)
        outcome.alerts[alert.pk] = alert


def trying(write: Callable[[], T]) -> T:
    """Do a write of one commit, again where somebody else's came in between."""
    for left in reversed(range(ATTEMPTS)):
        try:
            return write()
        except (Conflict, OperationalError) as error:
            # Within a caller's own transaction nothing can be tried again: it is broken.
            if not left or transaction.get_connection().in_atomic_block or not passing(error):
                raise
    raise AssertionError("unreachable")


def passing(error: Conflict | OperationalError) -> bool:
    """Whether a second attempt can do better; in a Conflict another import was the quicker one."""
    return isinstance(error, Conflict) or code_of(error) in PASSING
