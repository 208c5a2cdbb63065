"""External ids made from what a row says, so that importing it again finds it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from hashlib import blake2b

from budget.imports.rows import ParsedRow


def external_ids(prefix: str, rows: Sequence[ParsedRow]) -> list[str]:
    """An id for each row, in order: PREFIX:HASH OF THE IDENTITY:NUMBER, or PREFIX:ITS OWN.

    Rows of one identity (two equal coffees on one day) are told apart by a number. It follows from
    what the rows say and not from where they stand, so another order of lines gives each row the
    same id.
    """
    alike: dict[str, list[int]] = defaultdict(list)
    ids = [f"{prefix}:{row.external_id}" for row in rows]
    for index, row in enumerate(rows):
        if row.external_id is None:
            alike[row.identity].append(index)
    for identity, indexes in alike.items():
        hashed = blake2b(identity.encode(), digest_size=16).hexdigest()
        if len(indexes) > 1:
            indexes.sort(key=lambda index: content(rows[index]))
        for number, index in enumerate(indexes, 1):
            ids[index] = f"{prefix}:{hashed}:{number}"
    return ids


def content(row: ParsedRow) -> tuple[date, str, str, Decimal]:
    """What would be stored of a row, in a fixed order."""
    return row.date, row.category, row.description, row.amount
