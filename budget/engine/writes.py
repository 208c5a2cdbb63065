"""What the engine does for each kind of write; the signals call these, and so do the doors.

Each runs inside the writer's atomic block, after the ledger lock and the row's own write.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from django.db import models, transaction

from accounts.models import Profile
from budget.engine import rollups
from budget.engine.evaluate import evaluate_set, evaluate_write, move_as_of, replace_tips
from budget.engine.rules import rules_changed
from budget.models import (
    Calendar,
    Category,
    Cause,
    Conflict,
    Ledger,
    LedgerState,
    Threshold,
    ThresholdLevel,
    Transaction,
    TransactionType,
)
from budget.models.category import UNCATEGORISED
from budget.models.ledger import Change, Row, lock_ledger
from budget.models.text import fold, make_slug
from budget.models.transaction_type import BUILTIN_TYPES

MAX_ROWS = 10_000
BATCH = 1000


def provision(user_id: int) -> None:
    """Give a new user what every user has: ledger, settings, built-in types and category."""
    with transaction.atomic(savepoint=False):
        lock_ledger(user_id)
        TransactionType._base_manager.bulk_create(
            TransactionType(
                user_id=user_id, slug=slug, name=name, key=fold(name), effect=effect, builtin=True
            )
            for slug, name, effect in BUILTIN_TYPES
        )
        name = UNCATEGORISED
        Category._base_manager.bulk_create(
            [
                Category(
                    user_id=user_id,
                    name=name,
                    key=fold(name),
                    slug=make_slug(name, "category", ()),
                    builtin=True,
                )
            ]
        )
        Profile._base_manager.bulk_create([Profile(user_id=user_id)])


def transaction_written(change: Change, after: Row | None) -> None:
    """Evaluate one transaction's insert, edit or delete (after: None), for each user it touches."""
    before = change.before
    for user_id, ledger in sorted(change.ledgers.items()):
        old = before if before and before["user_id"] == user_id else None
        new = after if after and after["user_id"] == user_id else None
        if old is not None or new is not None:
            evaluate_write(ledger, old, new, Cause.TRANSACTION)


def transactions_deleted(ledgers: dict[int, LedgerState], rows: Sequence[Row]) -> None:
    """Evaluate the delete of many transactions, once a user."""
    by_user: dict[int, list[Row]] = defaultdict(list)
    for row in rows:
        by_user[row["user_id"]].append(row)
    for user_id, gone in sorted(by_user.items()):
        ledger = ledgers[user_id]
        rollups.take_all(ledger, gone)
        evaluate_many(ledger, gone, Cause.TRANSACTION, tips=False)
        replace_tips(ledger, {row["id"]: None for row in gone})


def record_transactions(
    user_id: int, rows: Sequence[Transaction], cause: str = Cause.BULK
) -> list[Transaction]:
    """Store many new transactions of one user in one commit, with one evaluation.

    At most 10,000 rows (ValueError). Raises ValidationError for a value that is none, Conflict for
    an external_id that is taken, LedgerOverflow; then nothing is stored.
    """
    if len(rows) > MAX_ROWS:
        raise ValueError(f"At most {MAX_ROWS} rows are stored in one commit.")
    with transaction.atomic(savepoint=False):
        ledger = lock_ledger(user_id)
        for row in rows:
            row.user_id = user_id
            row.prepare()
        refuse_taken(user_id, rows)
        stored = Transaction._base_manager.bulk_create(rows, batch_size=BATCH)
        written = [row.in_memory() for row in stored]
        rollups.add(ledger, written)
        evaluate_many(ledger, written, cause)
    return stored


def refuse_taken(user_id: int, rows: Sequence[Transaction]) -> None:
    """Raise Conflict where an external_id is there already, or twice among the new rows."""
    ids = [row.external_id for row in rows]
    given = [external_id for external_id in ids if external_id is not None]
    seen: set[str] = set()
    for at in range(0, len(given), BATCH):
        stored = Transaction.objects.filter(
            user_id=user_id, external_id__in=given[at : at + BATCH]
        ).values_list("external_id", flat=True)
        seen.update(external_id for external_id in stored if external_id is not None)
    taken = []
    for number, external_id in enumerate(ids):
        if external_id in seen:
            taken.append(("items", number, "external_id"))
        elif external_id is not None:
            seen.add(external_id)
    if taken:
        raise Conflict("There is a transaction with this external_id already.", taken)


def evaluate_many(
    ledger: LedgerState, rows: Sequence[Row], cause: str, *, tips: bool = True
) -> None:
    """Evaluate every period and category that some rows, of one user, touch."""
    categories = {row["category_id"] for row in rows}
    touching = models.Q(category=None) | models.Q(category__in=categories)
    thresholds = Threshold.objects.kept().filter(touching, user_id=ledger.user_id, enabled=True)
    evaluate_set(ledger, list(thresholds), cause, {row["date"] for row in rows}, tips=tips)


def threshold_written(threshold: Threshold, change: Change) -> None:
    """Store the levels of a threshold and evaluate all of its periods."""
    ledger = change.ledgers[threshold.user_id]
    store_levels(threshold)
    rules_changed(ledger)
    before = change.before
    old_category = {threshold.pk: before["category_id"]} if before else None
    cause = Cause.THRESHOLD_DELETED if threshold.deleted_at else Cause.THRESHOLD_EDIT
    evaluate_set(ledger, [threshold], cause, old_category=old_category)


def store_levels(threshold: Threshold) -> bool:
    """Store a threshold's levels in force; whether they were any different."""
    mine = ThresholdLevel.objects.filter(threshold=threshold)
    triggers = threshold.triggers()
    if dict(mine.values_list("percent", "trigger")) == triggers:
        return False
    mine.delete()
    ThresholdLevel.objects.bulk_create(
        ThresholdLevel(threshold=threshold, percent=percent, trigger=trigger)
        for percent, trigger in triggers.items()
    )
    return True


def transaction_type_written(instance: TransactionType, change: Change) -> None:
    """Note a new type, or another effect of one that no transaction uses yet."""
    rules_changed(change.ledgers[instance.user_id])


def profile_written(profile: Profile, change: Change) -> None:
    """Cut every period anew by the user's settings, and evaluate all thresholds."""
    ledger = change.ledgers[profile.user_id]
    if ledger.calendar == profile.calendar:
        move_as_of(ledger)
        return
    set_calendar(ledger, profile.calendar)
    thresholds = Threshold.objects.kept().filter(user_id=ledger.user_id)
    evaluate_set(ledger, list(thresholds), Cause.SETTINGS)


def set_calendar(ledger: LedgerState, calendar: Calendar) -> None:
    """Give the ledger another calendar, with the month rollups and the day that follow from it."""
    moved = ledger.calendar.month_start != calendar.month_start
    ledger.calendar = calendar
    # Another zone may put the user's date a day back; only then does as_of go back.
    ledger.as_of = calendar.today()
    Ledger.objects.filter(user_id=ledger.user_id).update(
        as_of=ledger.as_of,
        time_zone=calendar.time_zone,
        week_start=calendar.week_start,
        month_start=calendar.month_start,
    )
    if moved:
        rollups.rebuild_months(ledger)


def merge_categories(source: Category, target: Category) -> None:
    """Move everything of one category into another of the same user's, in one commit.

    Raises Conflict for the built-in category as source, for two users, or one and the same.
    """
    if source.user_id != target.user_id or source.pk == target.pk:
        raise Conflict("A category merges into another one of the same user.")
    user_id = source.user_id
    with transaction.atomic(savepoint=False):
        ledger = lock_ledger(user_id)
        if Category.objects.filter(user_id=user_id, pk__in=[source.pk, target.pk]).count() != 2:
            raise Conflict("One of the two categories has gone meanwhile.")
        if source.builtin:
            raise Conflict(f"The built-in category {UNCATEGORISED} cannot be merged away.")
        for model in (Transaction, Threshold):
            mine = model._base_manager.filter(user_id=user_id, category=source)
            mine.update(category=target)
        rollups.merge(ledger, source.pk, target.pk)
        rules_changed(ledger)
        thresholds = Threshold.objects.kept().filter(user_id=user_id, category=target)
        evaluate_set(ledger, list(thresholds), Cause.CATEGORY_MERGE)
        source.delete()
