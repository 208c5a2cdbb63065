"""What the engine does for each kind of write; the signals call these, and so do the doors.

Each runs inside the writer's atomic block, after the ledger lock and the row's own write.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from django.db import transaction

from accounts.models import Profile
from budget.engine import rollups
from budget.engine.evaluate import (
    evaluate_rows,
    evaluate_whole,
    evaluate_write,
    give_tips,
    move_as_of,
    wrong_tips,
)
from budget.engine.revisions import keep_revision
from budget.engine.rules import Rule, conditions_of, rule_of, rules_changed, rules_of
from budget.models import (
    Calendar,
    Category,
    Cause,
    Condition,
    Conflict,
    Ledger,
    LedgerState,
    Threshold,
    ThresholdRevision,
    Transaction,
    TransactionType,
)
from budget.models.category import UNCATEGORISED, check_tree
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
        evaluate_rows(ledger, with_effects(ledger, gone), Cause.TRANSACTION, gone=True)


def with_effects(ledger: LedgerState, rows: Sequence[Row]) -> list[Row]:
    """Rows with what their types do."""
    rules = rules_of(ledger)
    return [rules.with_effect(row) for row in rows]


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
        evaluate_rows(ledger, with_effects(ledger, written), cause)
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
    taken: dict[tuple[str | int, ...], str] = {}
    sent: set[str] = set()
    for number, external_id in enumerate(ids):
        place = ("items", number, "external_id")
        if external_id in seen:
            taken[place] = "There is a transaction with this external_id already."
        elif external_id in sent:
            taken[place] = "A row before this one has this external_id."
        elif external_id is not None:
            sent.add(external_id)
    if taken:
        raise Conflict(" ".join(dict.fromkeys(taken.values())), taken)


def threshold_written(threshold: Threshold, change: Change) -> None:
    """Store a threshold's conditions, keep what it looked at before, evaluate all its periods."""
    ledger = change.ledgers[threshold.user_id]
    before = change.before
    earlier: dict[int, Rule] = {}
    if before is not None and before["revision"] != threshold.revision:
        old = Threshold(**before)
        parts = conditions_of([old]).get(old.pk, [])
        earlier[threshold.pk] = rule_of(old, parts)
        keep_revision(old, parts)
    store_conditions(threshold)
    rules_changed(ledger)
    cause = Cause.THRESHOLD_DELETED if threshold.deleted_at else Cause.THRESHOLD_EDIT
    evaluate_whole(ledger, {threshold.pk: rule_of(threshold)}, cause, earlier)


def store_conditions(threshold: Threshold) -> None:
    """Store what the conditions of a threshold are to be, if they are to be others."""
    if threshold.new_conditions is not None or not threshold.match:
        parts = list(threshold.new_conditions or ())
        Condition.objects.filter(threshold=threshold).delete()
        for part in parts:
            part.pk, part.threshold = None, threshold
        Condition.objects.bulk_create(parts)
        threshold.new_conditions = None
        # What was prefetched is old.
        getattr(threshold, "_prefetched_objects_cache", {}).pop("conditions", None)


def category_written(category: Category, change: Change) -> None:
    """Evaluate everything anew where a category has been moved in the tree."""
    ledger = change.ledgers[category.user_id]
    if (change.before or {}).get("parent_id") != category.parent_id:
        rules_changed(ledger)
        evaluate_all(ledger, Cause.CATEGORY_EDIT)


def evaluate_all(ledger: LedgerState, cause: str) -> None:
    """Evaluate every threshold of a user, deleted ones too, in every period."""
    thresholds = list(Threshold.objects.filter(user_id=ledger.user_id))
    parts = conditions_of(thresholds)
    whole = {one.pk: rule_of(one, parts.get(one.pk)) for one in thresholds}
    evaluate_whole(ledger, whole, cause)
    # Rows may have left the periods and categories of alerts that stay open.
    if wrong := wrong_tips(ledger):
        give_tips(ledger, wrong)


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
    evaluate_all(ledger, Cause.SETTINGS)


def set_calendar(ledger: LedgerState, calendar: Calendar) -> None:
    """Give the ledger another calendar, with the month rollups and the day that follow from it."""
    moved = ledger.calendar.month_start != calendar.month_start
    ledger.calendar = calendar
    # Another zone may put the user's date a day back; only then does as_of go back.
    ledger.as_of = ledger.stored = calendar.today()
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

    What lies under the one lies under the other then. Raises Conflict for the built-in category as
    source, for two users, one and the same, a target that lies under the source, and where the tree
    would become too deep.
    """
    if source.user_id != target.user_id or source.pk == target.pk:
        raise Conflict("A category merges into another one of the same user.")
    user_id = source.user_id
    with transaction.atomic(savepoint=False):
        ledger = lock_ledger(user_id)
        mine = Category._base_manager.filter(user_id=user_id)
        parents = dict(mine.values_list("pk", "parent_id"))
        check_merge(source, target, parents)
        for model in (Transaction, Threshold, ThresholdRevision):
            rows = model._base_manager.filter(user_id=user_id, category=source)
            rows.update(category=target)
        Condition.objects.filter(category=source).update(category=target)
        mine.filter(parent=source).update(parent=target)
        rollups.merge(ledger, source.pk, target.pk)
        rules_changed(ledger)
        evaluate_all(ledger, Cause.CATEGORY_MERGE)
        source.delete()


def check_merge(source: Category, target: Category, parents: Mapping[int, int | None]) -> None:
    """Raise Conflict for a merge that cannot be; parents: of each category of the user's."""
    if source.pk not in parents or target.pk not in parents:
        raise Conflict("One of the two categories has gone meanwhile.")
    if source.builtin:
        raise Conflict(f"The built-in category {UNCATEGORISED} cannot be merged away.")
    children = [pk for pk, parent_id in parents.items() if parent_id == source.pk]
    if children and target.builtin:
        raise Conflict(f"The built-in category {UNCATEGORISED} stands alone in the tree.")
    # A target under the source would become its own parent here, which is a cycle.
    merged = {**parents, **dict.fromkeys(children, target.pk)}
    del merged[source.pk]
    check_tree(merged)
