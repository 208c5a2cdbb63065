"""External ids made from what a row says, so that importing it again finds it.

Rows of one group share what they are known by: the bank's own id, or without one all that the
source says of the movement. The rows of a group are numbered.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from hashlib import blake2b

from budget.imports.rows import ParsedRow
from lib.text import fold

HASH_LENGTH = 16


def numbered(prefix: str, row: ParsedRow, number: int) -> str:
    """The id of the row of that number, from 1, in the row's group.

    PREFIX:THE BANK'S OWN ID for the first row of that id, else PREFIX:HASH:NUMBER.
    """
    if row.external_id is None:
        known_by = row.identity
    elif number == 1:
        return f"{prefix}:{row.external_id}"
    else:
        known_by = f"id\n{row.external_id}"
    return f"{prefix}:{blake2b(known_by.encode(), digest_size=16).hexdigest()}:{number}"


def grouped(rows: Sequence[ParsedRow]) -> list[list[int]]:
    """The indexes of the rows of each group, in an order that follows from what they say.

    Where they stand in the file decides nothing, so another order of lines gives the same.
    """
    groups: dict[tuple[bool, str], list[int]] = {}
    for index, row in enumerate(rows):
        own = row.external_id is not None
        groups.setdefault((own, row.external_id or row.identity), []).append(index)
    for indexes in groups.values():
        if len(indexes) > 1:
            indexes.sort(key=lambda index: content(rows[index]))
    return list(groups.values())


def external_ids(prefix: str, rows: Sequence[ParsedRow]) -> list[str]:
    """An id for each row, in order, for somebody who has none of them yet."""
    ids = [""] * len(rows)
    for indexes in grouped(rows):
        for number, index in enumerate(indexes, 1):
            row = rows[index]
            if row.stored_as is None:
                ids[index] = numbered(prefix, row, number)
            else:
                ids[index] = row.external_id or f"{prefix}:{row.stored_as}"
    return ids


def content(row: ParsedRow) -> tuple[date, str, str, Decimal]:
    """What would be stored of a row, in a fixed order."""
    return row.date, row.category, row.description, row.amount


def said_by(row: ParsedRow) -> str:
    """A hash of all that a file says of a row."""
    return short(row.identity, fold(row.category), fold(row.description))


def kept_of(day: date, amount: Decimal, slug: str, description: str) -> str:
    """A hash of what is stored of a row that an import may change; slug: of its type."""
    return short(str(day), str(amount), slug, description)


def text_of(row: ParsedRow) -> str:
    """A hash of the row's description, however it is spelt."""
    return short(fold(row.description))


def short(*parts: str) -> str:
    return blake2b("\n".join(parts).encode(), digest_size=HASH_LENGTH // 2).hexdigest()
