"""What the engine does for each kind of write, except that of one transaction (commit.py).

The signals call the functions named after what was written or deleted, and provision(). Views,
imports and the admin call record_transactions() and merge_categories().
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from django.db import transaction

from budget.engine import rollups
from budget.engine.bulk import NewRow, store_rows
from budget.engine.evaluate import (
    evaluate_above,
    evaluate_all,
    evaluate_rows,
    evaluate_whole,
    move_day,
)
from budget.engine.revisions import keep_revision
from budget.engine.rules import conditions_of, names_changed, rule_of, rules_changed, rules_of
from budget.judge.judgement import Rule
from budget.judge.periods import Calendar
from budget.models import (
    Category,
    Cause,
    Condition,
    Conflict,
    DeletedId,
    FormerName,
    Ledger,
    Profile,
    Threshold,
    ThresholdRevision,
    Transaction,
    TransactionType,
)
from budget.models.category import NOT_IN_TREE, UNCATEGORISED, check_tree
from budget.models.ledger import Book, Write, local_day, open_book
from budget.models.money import to_minor
from budget.models.transaction import GIVEN_UP, TAKEN
from budget.models.transaction_type import BUILTIN_TYPES
from lib.text import fold, make_slug, search_key

MAX_ROWS = 10_000
BATCH = 1000


def provision(user_id: int) -> None:
    """Give a new user what every user has: ledger, settings, built-in types and category."""
    with open_book(user_id):
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


def transactions_deleted(books: Mapping[int, Book]) -> None:
    """Evaluate the delete of many transactions, once a user."""
    for user_id, book in books.items():
        if gone := book.deleted:
            DeletedId.objects.keep(user_id, gone)
            rules = rules_of(book.ledger)
            rows = [rules.facts(row) for row in gone]
            rollups.take(book, rollups.alike(rows))
            evaluate_rows(book, rows, Cause.TRANSACTION, gone=True)


def record_transactions(
    user_id: int, rows: Sequence[Transaction], cause: str = Cause.BULK, restoring: bool = False
) -> list[Transaction]:
    """Store many new transactions of one user in one commit, with one evaluation.

    restoring: whether external_ids of deleted rows may come back. At most 10,000 rows (ValueError).
    Raises ValidationError for an invalid value, Conflict for an external_id that is taken or
    was deleted, LedgerOverflow; then nothing is stored, and a caller in a transaction has to roll
    back.
    """
    if len(rows) > MAX_ROWS:
        raise ValueError(f"At most {MAX_ROWS} rows are stored in one commit.")
    with open_book(user_id) as book:
        for row in rows:
            row.user_id = user_id
            row.prepare()
        if restoring:
            take_back_ids(user_id, given_ids(rows))
        refuse_taken(user_id, rows)
        new = [new_row(row) for row in rows]
        for pk, row, stored in zip(store_rows(book, new, cause), rows, new, strict=True):
            row.pk, row.search = pk, stored.search
            row._state.adding, row._state.db = False, transaction.get_connection().alias
    return list(rows)


def new_row(row: Transaction) -> NewRow:
    """What is stored of a transaction that is prepared."""
    return NewRow(
        row.date,
        row.category_id,
        row.description,
        search_key(row.description),
        to_minor(row.amount),
        row.type_id,
        row.external_id,
        row.imported_as,
        row.import_id,
    )


def given_ids(rows: Sequence[Transaction]) -> list[str]:
    """The external_ids of rows that have one."""
    return [row.external_id for row in rows if row.external_id is not None]


def batches_of(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    for at in range(0, len(ids), BATCH):
        yield ids[at : at + BATCH]


def take_back_ids(user_id: int, external_ids: Sequence[str]) -> None:
    """Forget that external_ids were deleted."""
    for ids in batches_of(external_ids):
        DeletedId.objects.filter(user_id=user_id, external_id__in=ids).delete()


def refuse_taken(user_id: int, rows: Sequence[Transaction]) -> None:
    """Raise Conflict for an external_id that is there, was deleted, or is twice among the rows."""
    there: set[str | None] = set()
    gone: set[str | None] = set()
    for ids in batches_of(given_ids(rows)):
        mine = Transaction.objects.filter(user_id=user_id, external_id__in=ids)
        there.update(mine.values_list("external_id", flat=True))
        gone.update(DeletedId.objects.among(user_id, ids))
    taken: dict[tuple[str | int, ...], str] = {}
    sent: set[str] = set()
    for number, external_id in enumerate(row.external_id for row in rows):
        place = ("items", number, "external_id")
        if external_id in there:
            taken[place] = TAKEN
        elif external_id in gone:
            taken[place] = GIVEN_UP
        elif external_id in sent:
            taken[place] = "A row before this one has this external_id."
        elif external_id is not None:
            sent.add(external_id)
    if taken:
        raise Conflict(" ".join(dict.fromkeys(taken.values())), taken)


def threshold_written(threshold: Threshold, write: Write) -> None:
    """Store a threshold's conditions, keep what it looked at before, evaluate all its periods."""
    book = write.books[threshold.user_id]
    before = write.before
    earlier: dict[int, Rule] = {}
    if before is not None and before["revision"] != threshold.revision:
        old = Threshold(**before)
        parts = conditions_of([old]).get(old.pk, [])
        earlier[threshold.pk] = rule_of(old, parts)
        keep_revision(old, parts)
    store_conditions(threshold)
    rules_changed(book)
    cause = Cause.THRESHOLD_DELETED if threshold.deleted_at else Cause.THRESHOLD_EDIT
    evaluate_whole(book, {threshold.pk: rule_of(threshold)}, cause, earlier)


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


def category_written(category: Category, write: Write) -> None:
    """Keep the name of a renamed category; evaluate everything where it has moved in the tree."""
    book = write.books[category.user_id]
    before, after = write.before or {}, write.after or {}
    if before and before["key"] != after["key"]:
        FormerName.objects.keep(category, before["key"])
    parents = before.get("parent_id"), after["parent_id"]
    if parents[0] != parents[1]:
        rules_changed(book)
        evaluate_above(book, parents, Cause.CATEGORY_EDIT)
    else:
        names_changed(book)


def transaction_type_written(instance: TransactionType, write: Write) -> None:
    """Note a new type, or another effect of one that no transaction uses yet."""
    rules_changed(write.books[instance.user_id])


def named_deleted(book: Book) -> None:
    """Note that a category or a type has gone, which nothing counted for."""
    names_changed(book)


def profile_written(write: Write) -> None:
    """Cut every period by the user's new settings, and evaluate all thresholds."""
    book = write.books[write.row.user_id]
    calendar = Profile(**(write.after or {})).calendar
    if book.ledger.calendar == calendar:
        move_day(book)
        return
    set_calendar(book, calendar)
    evaluate_all(book, Cause.SETTINGS)


def set_calendar(book: Book, calendar: Calendar) -> None:
    """Give the ledger another calendar, with the month rollups and the day that follow from it."""
    ledger = book.ledger
    moved = ledger.calendar.month_start != calendar.month_start
    ledger.calendar = calendar
    # Another zone may put the user's date a day back; only then does as_of go back.
    ledger.today = local_day(calendar.time_zone, ledger.now)
    ledger.as_of = ledger.stored = ledger.today
    Ledger.objects.filter(user_id=ledger.user_id).update(
        as_of=ledger.as_of,
        time_zone=calendar.time_zone,
        week_start=calendar.week_start,
        month_start=calendar.month_start,
    )
    if moved:
        rollups.rebuild_months(book)


def merge_categories(source: Category, target: Category) -> None:
    """Move everything of one category into another of the same user's, in one commit.

    What lies under the one lies under the other then. Raises Conflict for the built-in category as
    source, for two users, one and the same, a target that lies under the source, and where the tree
    would become too deep; a caller in a transaction has to roll back then.
    """
    if source.user_id != target.user_id or source.pk == target.pk:
        raise Conflict("A category merges into another one of the same user.")
    user_id = source.user_id
    with open_book(user_id) as book:
        mine = Category._base_manager.filter(user_id=user_id)
        parents = dict(mine.values_list("pk", "parent_id"))
        check_merge(source, target, parents)
        for model in (Transaction, Threshold, ThresholdRevision):
            rows = model._base_manager.filter(user_id=user_id, category=source)
            rows.update(category=target)
        Condition.objects.filter(category=source).update(category=target)
        mine.filter(parent=source).update(parent=target)
        rollups.merge(book, source.pk, target.pk)
        rules_changed(book)
        evaluate_above(book, [parents[source.pk], target.pk], Cause.CATEGORY_MERGE)
        FormerName.objects.follow(source, target)
        source.delete()


def check_merge(source: Category, target: Category, parents: Mapping[int, int | None]) -> None:
    """Raise Conflict for a merge that cannot be; parents: of each category of the user's."""
    if source.pk not in parents or target.pk not in parents:
        raise Conflict("One of the two categories has gone meanwhile.")
    if source.builtin:
        raise Conflict(f"The built-in category {UNCATEGORISED} cannot be merged away.")
    children = [pk for pk, parent_id in parents.items() if parent_id == source.pk]
    if children and target.builtin:
        raise Conflict(NOT_IN_TREE)
    # A target under the source would become its own parent here, which is a cycle.
    merged = {**parents, **dict.fromkeys(children, target.pk)}
    del merged[source.pk]
    check_tree(merged)
