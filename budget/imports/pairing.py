"""Which row of a file is which stored row: an id decides only together with what the row says.

A row of the file is paired with a stored one of its group that the same line made. What is left
over on both sides is the same movement with new values (pending before and posted now, a text that
the bank has changed), or else two movements under one id, which nobody can tell apart: a conflict.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from django.db import connection

from budget.imports.identity import (
    HASH_LENGTH,
    digest_of,
    imported_as,
    kept_of,
    numbered,
    said_by,
    text_of,
)
from budget.imports.rows import BadLine, ParsedRow
from budget.imports.spool import Fate, Spool, Step
from budget.imports.values import shown
from budget.models import DeletedId, Ledger, LedgerState, Transaction
from budget.models.ledger import as_date
from budget.models.money import from_minor
from lib.text import fold

IDS_A_QUERY = 10_000
GROUPS_A_QUERY = 4000
# How long a payment may be pending: less than a week, as some banks restart their ids each week.
PENDING = timedelta(days=6)


@dataclass
class Plan:
    """What becomes of the rows of a spool, which keeps it.

    conflicts: rows that cannot be what is stored. version: of the ledger at which it was made, or
    after the import's own last commit; the plan is right for as long as nobody else has written.
    """

    rows: Spool
    conflicts: list[BadLine] = field(default_factory=list)
    version: int = -1

    def holds(self, ledger: LedgerState) -> bool:
        """Whether nobody else has written since; under the lock, which counts one version."""
        return ledger.version == self.version + 1

    def goes_on(self, ledger: LedgerState, *, held: bool) -> None:
        """Note the end of a commit of the import's own; held: whether the plan did, before it."""
        if held:
            self.version = ledger.version


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
            return said_of(row) in (self.said, self.before)
        if self.deleted:
            return False
        said = (fold(self.description), self.category)
        return self.money_is(row) and said == (fold(row.description), fold(row.category))

    def money_is(self, row: ParsedRow) -> bool:
        """Whether day, amount and type are the row's."""
        return (self.date, self.amount, self.slug) == (row.date, row.amount, row.type)

    def text_is(self, row: ParsedRow) -> bool:
        """Whether the description is, or was when it was stored, that of the row."""
        return fold(self.description) == fold(row.description) or self.text == text_of(
            row.description
        )

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


def imported_of(row: ParsedRow) -> str:
    """What is kept of a row beside it."""
    said = (row.date, row.amount, row.type, row.description, row.category, row.identity)
    return imported_as(*said)


def said_of(row: ParsedRow) -> str:
    return said_by(row.identity, row.category, row.description)


def hashes_of(imported: str | None) -> tuple[str, str, str, str]:
    """The four parts of that: said, kept, text, before."""
    text = imported or ""
    said, kept, words, before = (text[at : at + HASH_LENGTH] for at in range(0, 64, HASH_LENGTH))
    return said, kept, words, before


def pair(user_id: int | None, rows: Spool) -> Plan:
    """What becomes of each row of a file, as things stand. user_id: None for one not saved yet."""
    plan = Plan(rows)
    rows.forget_fates()
    if user_id is None:
        return plan
    # Before anything else is read: what is written meanwhile has another version.
    plan.version = version_of(user_id)
    if not has_ids(user_id) and not rows.is_own:
        return plan
    pair_some = pair_own if rows.is_own else pair_groups
    for groups in batched(rows.groups(), GROUPS_A_QUERY):
        settled = []
        for step in pair_some(user_id, rows.prefix, groups):
            if isinstance(step, BadLine):
                plan.conflicts.append(step)
            else:
                settled.append(step)
        rows.settle(settled)
    plan.conflicts.sort(key=lambda conflict: conflict.line)
    return plan


def version_of(user_id: int) -> int:
    return Ledger.objects.values_list("version", flat=True).get(pk=user_id)


def has_ids(user_id: int) -> bool:
    """Whether a row of the user's has an external_id, or had one."""
    mine = Transaction.objects.filter(user_id=user_id, external_id__isnull=False)
    return mine.exists() or DeletedId.objects.filter(user_id=user_id).exists()


def batched(groups: Iterator[list[Step]], rows: int) -> Iterator[list[list[Step]]]:
    """Groups with about so many rows together."""
    some: list[list[Step]] = []
    count = 0
    for group in groups:
        some.append(group)
        count += len(group)
        if count >= rows:
            yield some
            some, count = [], 0
    if some:
        yield some


def pair_own(user_id: int, prefix: str, groups: Sequence[list[Step]]) -> Iterator[Step]:
    """What becomes of rows that this service exported: those that are there stay as they are."""
    steps = [step for group in groups for step in group]
    found = look_up(user_id, [step.external_id for step in steps])
    known = {one.external_id: Fate.DELETED if one.deleted else Fate.PRESENT for one in found}
    # Rows without an external_id go by the id that they were exported with.
    nameless = [step.row.stored_as or 0 for step in steps if step.row.external_id is None]
    mine = Transaction.objects.filter(user_id=user_id, pk__in=nameless, external_id=None)
    there = set(mine.values_list("pk", flat=True))
    for step in steps:
        is_there = step.row.stored_as in there
        fate = Fate.PRESENT if is_there else known.get(step.external_id, Fate.NEW)
        yield step._replace(fate=fate)


def pair_groups(
    user_id: int, prefix: str, groups: Sequence[list[Step]]
) -> Iterator[Step | BadLine]:
    """The steps of some groups' rows, or conflicts."""
    stored = find_stored(user_id, prefix, groups)
    for place, group in enumerate(groups):
        if place in stored:
            yield from pair_group(prefix, group, stored[place])


def pair_group(
    prefix: str, group: Sequence[Step], stored: Sequence[Stored]
) -> Iterator[Step | BadLine]:
    """The steps of the rows of one group, or conflicts."""
    # Rows that are there before deleted ones: a file may have fewer than it had.
    left = sorted(stored, key=lambda one: (one.deleted, one.number))
    waiting: list[Step] = []
    for step in group:
        if found := next((one for one in left if one.came_of(step.row)), None):
            left.remove(found)
            yield known(found, step)
        else:
            waiting.append(step)
    taken = {one.number for one in stored}
    for step in waiting:
        # Without an id of the bank's, all of a group say the same but for what a user may change.
        row = step.row
        is_own = row.external_id is not None
        if found := next((one for one in left if not is_own or one.is_same(row)), None):
            left.remove(found)
            yield known(found, step)
        elif left:
            yield conflict(left[0], row)
        else:
            number = next(n for n in range(1, len(taken) + 2) if n not in taken)
            taken.add(number)
            external_id = numbered(prefix, row.external_id, known_of(row), number)
            yield step._replace(external_id=external_id, fate=Fate.NEW)


def known_of(row: ParsedRow) -> bytes:
    return digest_of(row.identity, row.external_id)


def known(one: Stored, step: Step) -> Step:
    """What becomes of a row that is there already, or was."""
    row = step.row
    if one.deleted:
        return step._replace(external_id=one.external_id, fate=Fate.DELETED)
    # An older file does not take back what a newer one has brought.
    is_old = row.external_id is None or one.came_of(row) or row.date < one.date
    if is_old or one.may_be_edited or not one.text_is(row):
        return step._replace(external_id=one.external_id, fate=Fate.PRESENT)
    return step._replace(external_id=one.external_id, fate=Fate.UPDATED)


def conflict(one: Stored, row: ParsedRow) -> BadLine:
    said = (
        f"id {shown(row.external_id or '')} is that of another row: {one}; this "
        f"one is {row.date}, {row.amount} {row.type}, {shown(row.description)}. Where the bank "
        "gives its ids again, name their column as columns.identity of the mapping instead of "
        "columns.external_id"
    )
    return BadLine(row.line, said)


def find_stored(
    user_id: int, prefix: str, groups: Sequence[Sequence[Step]]
) -> dict[int, list[Stored]]:
    """What is stored of each group, by its place."""
    found: dict[int, list[Stored]] = {}
    asked = [(place, 1, len(group) + 1) for place, group in enumerate(groups)]
    while asked:
        numbers: dict[str, tuple[int, int]] = {}
        for place, least, greatest in asked:
            row = groups[place][0].row
            known = known_of(row)
            for number in range(least, greatest + 1):
                numbers[numbered(prefix, row.external_id, known, number)] = place, number
        last = {(place, greatest): greatest for place, _, greatest in asked}
        asked = []
        for one in look_up(user_id, list(numbers)):
            place, one.number = numbers[one.external_id]
            found.setdefault(place, []).append(one)
            # Where all numbers that were asked for may be taken, there may be more.
            if (most := last.get((place, one.number))) is not None:
                asked.append((place, most + 1, most + 2))
    return found


STORED = """
SELECT t.external_id, t.imported_as, t.date, t.amount, y.slug, t.description, c.key
FROM budget_transaction t JOIN budget_transactiontype y ON y.id = t.type_id
JOIN budget_category c ON c.id = t.category_id
WHERE t.user_id = %s AND t.external_id {among}
"""
GONE = """
SELECT external_id, imported_as FROM budget_deletedid WHERE user_id = %s AND external_id {among}
"""


def look_up(user_id: int, external_ids: Sequence[str]) -> Iterator[Stored]:
    """What is stored, or was, under external_ids of a user."""
    for at in range(0, len(external_ids), IDS_A_QUERY):
        some = external_ids[at : at + IDS_A_QUERY]
        for external_id, imported, day, minor, slug, text, category in among(STORED, user_id, some):
            one = Stored(external_id, False, *hashes_of(imported))
            one.date, one.amount, one.slug = as_date(day), from_minor(minor), slug
            one.description, one.category = text, category
            yield one
        for external_id, imported in among(GONE, user_id, some):
            yield Stored(external_id, True, *hashes_of(imported))


def among(statement: str, user_id: int, external_ids: Sequence[str]) -> list[tuple[Any, ...]]:
    """Run a statement on some external_ids; all of them are one value, as each costs by itself."""
    postgresql = connection.vendor == "postgresql"
    ids = list(external_ids) if postgresql else json.dumps(external_ids)
    given = "= ANY(%s)" if postgresql else "IN (SELECT value FROM json_each(%s))"
    with connection.cursor() as cursor:
        cursor.execute(statement.format(among=given), [user_id, ids])
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows
