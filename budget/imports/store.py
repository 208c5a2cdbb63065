"""Writing what was read: whole chunks, each one commit after which every alert is true."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from time import perf_counter
from typing import NamedTuple, TypeVar

from django.db import OperationalError, transaction

from budget.engine import Book, Flipped, open_book
from budget.engine.bulk import NewRow, store_rows
from budget.engine.writes import take_back_ids
from budget.imports.identity import imported_as
from budget.imports.pairing import Plan, imported_of, look_up
from budget.imports.rows import BudgetLine
from budget.imports.spool import Fate, Place, Spool, Step
from budget.models import (
    Category,
    Cause,
    ChangeKind,
    Conflict,
    FormerName,
    ImportChange,
    PeriodType,
    Threshold,
    TooManyAlerts,
    Transaction,
    TransactionType,
)
from budget.models.imports import columns_kept
from budget.models.money import from_minor
from lib.errors import PASSING, code_of
from lib.text import fold, search_key

ATTEMPTS = 3

T = TypeVar("T")


@dataclass
class Outcome:
    """What an import has done; thresholds in words.

    updated: in words, a line for each row. deleted: the lines whose rows stay deleted. followed:
    the names of categories by names that the files have for them, where they were renamed.
    first_row, last_row: the lowest and the highest id of what was stored.
    locked: for how many seconds a commit has held the lock, at most.
    """

    stored: int = 0
    first_row: int | None = None
    last_row: int | None = None
    present: int = 0
    updated: list[str] = field(default_factory=list)
    deleted: list[int] = field(default_factory=list)
    categories: list[str] = field(default_factory=list)
    followed: dict[str, str] = field(default_factory=dict)
    thresholds_made: list[str] = field(default_factory=list)
    thresholds_updated: list[str] = field(default_factory=list)
    flipped: Flipped = field(default_factory=Flipped)
    locked: float = 0.0

    def absorb(self, other: Outcome) -> None:
        """Add what a later step has done."""
        self.stored += other.stored
        self.span(other.first_row, other.last_row)
        self.present += other.present
        self.updated += other.updated
        self.deleted += other.deleted
        self.categories += other.categories
        self.followed |= other.followed
        self.thresholds_made += other.thresholds_made
        self.thresholds_updated += other.thresholds_updated
        self.flipped.flips += other.flipped.flips
        self.locked = max(self.locked, other.locked)

    def span(self, *ids: int | None) -> None:
        """Let the first and the last row be so that these are between them."""
        known = [pk for pk in (self.first_row, self.last_row, *ids) if pk is not None]
        if known:
            self.first_row, self.last_row = min(known), max(known)


class Stale(Exception):
    """Somebody stored or deleted what the plan counted on; the chunk has to be planned again."""


@dataclass
class Batch:
    """What all chunks of an import have in common.

    restoring: whether rows that the user has deleted come back. import_id: of the Import that the
    rows are known by. note: called in each commit with what it does, after all else; it may raise,
    and then nothing of that commit stays.
    """

    user_id: int
    plan: Plan
    restoring: bool = False
    import_id: int | None = None
    note: Callable[[Outcome], object] | None = None

    @property
    def coming(self) -> tuple[Fate, ...]:
        return (Fate.NEW, Fate.DELETED) if self.restoring else (Fate.NEW,)


class Ready(NamedTuple):
    """A new row as it will be stored, but for the ids of its category and type."""

    step: Step
    search: str
    imported_as: str


@dataclass(frozen=True)
class Chunk:
    """Rows of a file that one commit deals with, with all that hangs on no row that is stored.

    coming: what becomes of those that are stored as new rows. ready: these.
    """

    steps: Sequence[Step]
    coming: Sequence[Fate]
    ready: Sequence[Ready]

    @classmethod
    def of(cls, steps: Sequence[Step], coming: Sequence[Fate]) -> Chunk:
        return cls(steps, coming, [made_ready(step) for step in steps if step.fate in coming])

    @classmethod
    def behind(cls, place: Place, at_most: int, rows: Spool, coming: Sequence[Fate]) -> Chunk:
        """The rows behind a place in a spool; none behind the last."""
        return cls.of(rows.steps(place, at_most), coming)

    def halves(self) -> Iterator[Chunk]:
        half = len(self.steps) // 2
        for steps in (self.steps[:half], self.steps[half:]):
            yield Chunk.of(steps, self.coming)

    def with_fate(self, fate: Fate) -> list[Step]:
        return [step for step in self.steps if step.fate == fate]


def made_ready(step: Step) -> Ready:
    text, minor, slug, category, identity, *_ = step.told
    said = imported_as(step.date, from_minor(minor), slug, text, category, identity)
    return Ready(step, search_of(text), said)


search_of = lru_cache(maxsize=4096)(search_key)


def store_chunk(batch: Batch, chunk: Chunk) -> Outcome:
    """Do what is to be done with rows of a file, in one commit; at most 10,000.

    Rows that would open more alerts than one commit may are stored in halves. Raises
    LedgerOverflow, TooManyAlerts for a single row, Conflict where the user has too many categories,
    and Stale where the plan is no longer right.
    """
    try:
        return trying(lambda: do_chunk(batch, chunk))
    except TooManyAlerts:
        if len(chunk.steps) == 1:
            raise
    outcome = Outcome()
    for half in chunk.halves():
        outcome.absorb(store_chunk(batch, half))
    return outcome


def do_chunk(batch: Batch, chunk: Chunk) -> Outcome:
    ready, updated = chunk.ready, chunk.with_fate(Fate.UPDATED)
    outcome = Outcome(present=len(chunk.steps) - len(ready) - len(updated))
    if not batch.restoring:
        outcome.deleted = [step.line for step in chunk.with_fate(Fate.DELETED)]
        outcome.present -= len(outcome.deleted)
    if not ready and not updated:
        return outcome
    # With a savepoint: in a rehearsal, too, what opens too many alerts is tried again in halves.
    with transaction.atomic(), open_book(batch.user_id) as book:
        begun = perf_counter()
        # Only under the lock, as another import of the same rows may be at work.
        held = batch.plan.holds(book.ledger)
        new = ready if held else still_missing(batch, ready)
        outcome.stored = len(new)
        outcome.present += len(ready) - len(new)
        # Read under the lock, again for each chunk: a merge may have come in between.
        types = {type.slug: type for type in TransactionType.objects.filter(user=batch.user_id)}
        check_types(types, [*(one.step for one in new), *updated])
        if new:
            store_new(batch, book, new, types, outcome)
        for step in updated:
            update_row(batch, step, types, outcome)
        outcome.flipped.flips += book.flipped.flips
        if batch.note:
            batch.note(outcome)
    batch.plan.goes_on(book.ledger, held=held)
    outcome.locked = perf_counter() - begun
    return outcome


def check_types(known: Collection[str], steps: Iterable[Step]) -> None:
    """Raises Conflict where rows are of a type that was deleted since they were planned."""
    if missing := {step.told.type for step in steps} - set(known):
        slugs = ", ".join(sorted(missing))
        raise Conflict(f"There is no transaction type {slugs} any more; make it again first.")


def store_new(
    batch: Batch,
    book: Book,
    new: Sequence[Ready],
    types: Mapping[str, TransactionType],
    outcome: Outcome,
) -> None:
    """Store rows that are not there; under the lock."""
    if batch.restoring:
        given = [one.step.external_id for one in new]
        if batch.import_id is not None:
            ImportChange.objects.keep_restored(batch.user_id, batch.import_id, given)
        take_back_ids(batch.user_id, given)
    names = dict.fromkeys(one.step.told.category for one in new)
    categories = {
        name: category.pk
        for name, category in find_categories(batch.user_id, names, outcome).items()
    }
    type_ids = {slug: type.pk for slug, type in types.items()}
    rows = []
    for (external_id, _, _, _, day, _, told), search, said in new:
        text, minor, slug, category, *_ = told
        ids_of = categories[category], type_ids[slug]
        rows.append(
            NewRow(
                day, ids_of[0], text, search, minor, ids_of[1], external_id, said, batch.import_id
            )
        )
    ids = store_rows(book, rows, Cause.IMPORT)
    outcome.span(ids[0], ids[-1])


def still_missing(batch: Batch, rows: Sequence[Ready]) -> list[Ready]:
    """The rows that nobody has stored since they were planned; under the lock.

    Raises Stale where another row has taken an external_id, or where the row was deleted.
    """
    found = look_up(batch.user_id, [row.step.external_id for row in rows])
    there = {one.external_id: one for one in found if not (one.deleted and batch.restoring)}
    for step in (row.step for row in rows):
        if (one := there.get(step.external_id)) and (one.deleted or not one.came_of(step.row)):
            raise Stale
    return [row for row in rows if row.step.external_id not in there]


def update_row(
    batch: Batch, step: Step, types: Mapping[str, TransactionType], outcome: Outcome
) -> None:
    """Give a row that was pending what the file says now; under the lock.

    One that has gone meanwhile, or that the user has changed, is left as it is.
    """
    mine = Transaction.objects.filter(user_id=batch.user_id, external_id=step.external_id)
    stored = next(look_up(batch.user_id, [step.external_id]), None)
    row = mine.select_related("category", "type").first()
    if row is None or stored is None or stored.may_be_edited:
        outcome.present += 1
        return
    was = f"{row.date}, {row.amount}"
    before, told = columns_kept(row), step.row
    row.date, row.amount, row.description = told.date, told.amount, told.description
    row.type = types[told.type]
    row.imported_as = f"{imported_of(told)}{stored.said}"
    row.save(cause=Cause.IMPORT)
    if batch.import_id is not None:
        ImportChange.objects.create(
            user_id=batch.user_id,
            imported_id=batch.import_id,
            external_id=step.external_id,
            kind=ChangeKind.UPDATED,
            before=before,
            after=columns_kept(row),
        )
    outcome.updated.append(f"line {told.line}: {was} is now {row.date}, {row.amount}")


class Names:
    """The user's categories by folded name: those they bear, else those they once bore."""

    def __init__(self, user_id: int) -> None:
        self.user_id = user_id
        mine = Category.objects.filter(user_id=user_id)
        self.present = {category.key: category for category in mine}
        by_id = {category.pk: category for category in self.present.values()}
        former = FormerName.objects.filter(user_id=user_id).values_list("key", "category_id")
        self.former = {key: by_id[pk] for key, pk in former if pk in by_id}

    def find(self, name: str) -> Category | None:
        """The category that a file means by a name; None if it does not exist."""
        key = fold(name)
        return self.present.get(key) or self.former.get(key)

    def are_one(self, name: str, category: Category) -> bool:
        """Whether the category bears or has borne the name."""
        return fold(name) == category.key or self.former.get(fold(name)) == category

    def make(self, name: str) -> Category:
        """A new category, under the lock. Raises Conflict where there are too many."""
        category = Category.objects.create(user_id=self.user_id, name=name)
        self.present[category.key] = category
        return category


def find_categories(user_id: int, names: Iterable[str], outcome: Outcome) -> dict[str, Category]:
    """The user's categories by name, those made that are not there; under the lock."""
    known = Names(user_id)
    found: dict[str, Category] = {}
    for name in dict.fromkeys(names):
        category = known.find(name)
        if category is None:
            category = known.make(name)
            outcome.categories.append(category.name)
        elif category.key != fold(name):
            outcome.followed[name] = category.name
        found[name] = category
    return found


def store_budget(plan: Plan, user_id: int, lines: Sequence[BudgetLine]) -> Outcome:
    """Make or update the monthly threshold of each line, in one commit.

    A line's threshold is the monthly one of the category that bears a name of it: a second import
    finds it and sets its amount, and leaves its levels and whether it is enabled as they
    are. A threshold that a user has made under another name is never touched.
    """
    return trying(lambda: set_thresholds(plan, user_id, lines))


def set_thresholds(plan: Plan, user_id: int, lines: Sequence[BudgetLine]) -> Outcome:
    outcome = Outcome()
    with open_book(user_id) as book:
        held = plan.holds(book.ledger)
        categories = find_categories(user_id, (line.category for line in lines), outcome)
        known = budget_thresholds(user_id, Names(user_id))
        for line in lines:
            category = categories[line.category]
            set_threshold(known.get(category.pk), category, line, outcome)
    plan.goes_on(book.ledger, held=held)
    outcome.flipped.flips += book.flipped.flips
    return outcome


def budget_thresholds(user_id: int, names: Names) -> dict[int, Threshold]:
    """The monthly thresholds that bear a name of their category, past or present, by its id."""
    monthly = Threshold.objects.kept().filter(
        user_id=user_id, type=PeriodType.MONTHLY, category__isnull=False
    )
    return {
        threshold.category.pk: threshold
        for threshold in monthly.select_related("category").order_by("-id")
        if threshold.category is not None and names.are_one(threshold.name, threshold.category)
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
        threshold.save()
        outcome.thresholds_made.append(f"{threshold.name}: {line.amount}")
    elif threshold.amount != line.amount:
        before, threshold.amount = threshold.amount, line.amount
        threshold.save()
        outcome.thresholds_updated.append(f"{threshold.name}: {before}, now {line.amount}")


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
