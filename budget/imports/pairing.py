"""Which row of a file is which stored row: an id decides only together with what the row says.

A row of the file is paired with a stored one of its group that the same line made. What is left
over on both sides is the same movement with new values (pending before and posted now, a text that
the bank has changed), or else two movements under one id, which nobody can tell apart: a conflict.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from enum import Enum, auto

from budget.imports.identity import HASH_LENGTH, grouped, kept_of, numbered, said_by, text_of
from budget.imports.rows import BadLine, ParsedRow
from budget.imports.values import shown
from budget.models import DeletedId, Transaction
from lib.text import fold

Rows = Sequence[tuple[str, ParsedRow]]

IDS_A_QUERY = 1000
# How long a payment may be pending: less than a week, as some banks restart their ids each week.
PENDING = timedelta(days=6)


class Fate(Enum):
    """What becomes of a row of the file."""

    NEW = auto()
    PRESENT = auto()
    # Known as it was when it was pending: gets what the file says now.
    UPDATED = auto()
    # Deleted by the user before.
    DELETED = auto()


@dataclass(frozen=True, slots=True)
class Step:
    """A row of the file, the external_id that it has or gets, and what becomes of it."""

    external_id: str
    row: ParsedRow
    fate: Fate


@dataclass
class Plan:
    """The steps in the order of the rows; conflicts: rows that cannot be what is stored."""

    steps: list[Step] = field(default_factory=list)
    conflicts: list[BadLine] = field(default_factory=list)


@dataclass
class Stored:
    """What is stored under an external_id. slug: of its type; category: the key of its category.

    said, before: hashes of what the file said when it was stored, and before that. kept, text: of
    what was stored of it, and of its description. All "" for rows of a time when nothing was kept.
    """

    external_id: str
    deleted: bool
    said: str
    kept: str
    text: str
    before: str
    number: int = 0
    date: date = date.min
    amount: Decimal = Decimal()
    slug: str = ""
    description: str = ""
    category: str = ""

    @property
    def may_be_edited(self) -> bool:
        """Whether the user may have changed the row since the import."""
        return self.kept != kept_of(self.date, self.amount, self.slug, self.description)

    def came_of(self, row: ParsedRow) -> bool:
        """Whether a line that said the same has made it."""
        if self.said:
            return said_by(row) in (self.said, self.before)
        if self.deleted:
            return False
        said = (fold(self.description), self.category)
        return self.money_is(row) and said == (fold(row.description), fold(row.category))

    def money_is(self, row: ParsedRow) -> bool:
        """Whether day, amount and type are the row's."""
        return (self.date, self.amount, self.slug) == (row.date, row.amount, row.type)

    def text_is(self, row: ParsedRow) -> bool:
        """Whether the description is, or was when it was stored, that of the row."""
        return fold(self.description) == fold(row.description) or self.text == text_of(row)

    def is_same(self, row: ParsedRow) -> bool:
        """Whether a row with the bank's id is this one, with new values."""
        if self.deleted:
            return not self.said or self.text_is(row)
        if self.money_is(row):
            return True
        # What the user may have changed here says nothing against it.
        is_side = self.slug == row.type or self.may_be_edited
        is_like = self.text_is(row) or (not self.said and self.amount == row.amount)
        return is_side and is_like and abs(row.date - self.date) <= PENDING

    def __str__(self) -> str:
        if self.deleted:
            return "one that was deleted"
        return f"{self.date}, {self.amount} {self.slug}, {shown(self.description)}"


def imported_as(row: ParsedRow, before: str = "") -> str:
    """What is kept of a row beside it. before: what the file said of it when it was pending."""
    kept = kept_of(row.date, row.amount, row.type, row.description)
    return "".join((said_by(row), kept, text_of(row), before))


def hashes_of(imported: str | None) -> tuple[str, str, str, str]:
    """The four parts of that: said, kept, text, before."""
    text = imported or ""
    said, kept, words, before = (text[at : at + HASH_LENGTH] for at in range(0, 64, HASH_LENGTH))
    return said, kept, words, before


def pair(user_id: int | None, rows: Rows) -> Plan:
    """What becomes of each row of a file, as things stand. user_id: None for one not saved yet."""
    parsed = [row for _, row in rows]
    if parsed and parsed[0].stored_as is not None:
        return Plan(own_steps(user_id, rows))
    groups = grouped(parsed)
    prefix = rows[0][0].partition(":")[0] if rows else ""
    stored = find_stored(user_id, prefix, parsed, groups) if user_id is not None else {}
    steps: list[Step | None] = [None] * len(rows)
    plan = Plan()
    for indexes in groups:
        first = numbered(prefix, parsed[indexes[0]], 1)
        for index, step in pair_group(prefix, parsed, indexes, stored.get(first, [])):
            if isinstance(step, Step):
                steps[index] = step
            else:
                plan.conflicts.append(step)
    plan.steps = [step for step in steps if step is not None]
    plan.conflicts.sort(key=lambda conflict: conflict.line)
    return plan


def own_steps(user_id: int | None, rows: Rows) -> list[Step]:
    """What becomes of rows that this service exported: those that are there stay as they are."""
    known: dict[str, Fate] = {}
    there: set[int] = set()
    for at in range(0, len(rows), IDS_A_QUERY):
        some = rows[at : at + IDS_A_QUERY]
        if user_id is None:
            break
        for one in look_up(user_id, [external_id for external_id, _ in some]):
            known[one.external_id] = Fate.DELETED if one.deleted else Fate.PRESENT
        # Rows without an external_id go by the id that they were exported with.
        nameless = [row.stored_as or 0 for _, row in some if row.external_id is None]
        mine = Transaction.objects.filter(user_id=user_id, pk__in=nameless, external_id=None)
        there |= set(mine.values_list("pk", flat=True))
    return [
        Step(
            external_id,
            row,
            Fate.PRESENT if row.stored_as in there else known.get(external_id, Fate.NEW),
        )
        for external_id, row in rows
    ]


def pair_group(
    prefix: str, rows: Sequence[ParsedRow], indexes: Sequence[int], stored: Sequence[Stored]
) -> Iterator[tuple[int, Step | BadLine]]:
    """The steps of one group's rows, or conflicts."""
    # Rows that are there before deleted ones: a file may have fewer than it had.
    left = sorted(stored, key=lambda one: (one.deleted, one.number))
    waiting: list[int] = []
    for index in indexes:
        if found := next((one for one in left if one.came_of(rows[index])), None):
            left.remove(found)
            yield index, known(found, rows[index])
        else:
            waiting.append(index)
    taken = {one.number for one in stored}
    for index in waiting:
        row = rows[index]
        # Without an id of the bank's, all of a group say the same but for what a user may change.
        is_own = row.external_id is not None
        if found := next((one for one in left if not is_own or one.is_same(row)), None):
            left.remove(found)
            yield index, known(found, row)
        elif left:
            yield index, conflict(left[0], row)
        else:
            number = next(n for n in range(1, len(taken) + 2) if n not in taken)
            taken.add(number)
            yield index, Step(numbered(prefix, row, number), row, Fate.NEW)


def known(one: Stored, row: ParsedRow) -> Step:
    """What becomes of a row that is there already, or was."""
    if one.deleted:
        return Step(one.external_id, row, Fate.DELETED)
    # An older file does not take back what a newer one has brought.
    is_old = row.external_id is None or one.came_of(row) or row.date < one.date
    if is_old or one.may_be_edited or not one.text_is(row):
        return Step(one.external_id, row, Fate.PRESENT)
    return Step(one.external_id, row, Fate.UPDATED)


def conflict(one: Stored, row: ParsedRow) -> BadLine:
    said = (
        f"id {shown(row.external_id or '')} is that of another row: {one}; this "
        f"one is {row.date}, {row.amount} {row.type}, {shown(row.description)}. Where the bank "
        "gives its ids again, name their column as columns.identity of the mapping instead of "
        "columns.external_id"
    )
    return BadLine(row.line, said)


def find_stored(
    user_id: int, prefix: str, rows: Sequence[ParsedRow], groups: Sequence[Sequence[int]]
) -> dict[str, list[Stored]]:
    """What is stored of each group, by the id of its first row."""
    found: dict[str, list[Stored]] = {}
    asked = [(rows[indexes[0]], 1, len(indexes) + 1) for indexes in groups]
    while asked:
        again = []
        for at in range(0, len(asked), IDS_A_QUERY):
            some = asked[at : at + IDS_A_QUERY]
            numbers = {
                numbered(prefix, row, number): (row, number)
                for row, least, most in some
                for number in range(least, most + 1)
            }
            there = {one.external_id: one for one in look_up(user_id, list(numbers))}
            for external_id, (row, number) in numbers.items():
                if external_id in there:
                    there[external_id].number = number
                    found.setdefault(numbered(prefix, row, 1), []).append(there[external_id])
            # Where all numbers that were asked for are taken, there may be more.
            again += [
                (row, most + 1, most + 2)
                for row, _, most in some
                if numbered(prefix, row, most) in there
            ]
        asked = again
    return found


def look_up(user_id: int, external_ids: Sequence[str]) -> Iterator[Stored]:
    """What is stored, or was, under external_ids of a user."""
    for at in range(0, len(external_ids), IDS_A_QUERY):
        some = external_ids[at : at + IDS_A_QUERY]
        mine = Transaction.objects.filter(user_id=user_id, external_id__in=some)
        for external_id, imported, day, amount, slug, description, category in mine.values_list(
            "external_id",
            "imported_as",
            "date",
            "amount",
            "type__slug",
            "description",
            "category__key",
        ):
            one = Stored(str(external_id), False, *hashes_of(imported))
            one.date, one.amount, one.slug = day, amount, slug
            one.description, one.category = description, category
            yield one
        gone = DeletedId.objects.filter(user_id=user_id, external_id__in=some)
        for external_id, imported in gone.values_list("external_id", "imported_as"):
            yield Stored(external_id, True, *hashes_of(imported))
