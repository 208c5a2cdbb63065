"""External ids made from what a row says, so that importing it again finds it.

Rows of one group share what they are known by: the bank's own id, or without one all that the
source says of the movement. The rows of a group are numbered.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from functools import lru_cache
from hashlib import blake2b

from lib.text import fold, fold_once

HASH_LENGTH = 16


def digest_of(identity: str, external_id: str | None) -> bytes:
    """What a row is known by, in 16 bytes. external_id: the bank's own."""
    known_by = identity if external_id is None else f"id\n{external_id}"
    return blake2b(known_by.encode(), digest_size=16).digest()


def numbered(prefix: str, external_id: str | None, known: bytes, number: int) -> str:
    """The id of the row of that number, from 1, in the group of those known by the same.

    PREFIX:THE BANK'S OWN ID for the first row of that id, else PREFIX:HASH:NUMBER.
    """
    if external_id is not None and number == 1:
        return f"{prefix}:{external_id}"
    return f"{prefix}:{known.hex()}:{number}"


def imported_as(
    day: date, amount: Decimal, slug: str, description: str, category: str, identity: str
) -> str:
    """What is kept of a row beside it: hashes of what the file says, and of what is stored."""
    said = said_by(identity, category, description)
    return f"{said}{kept_of(day, amount, slug, description)}{text_of(description)}"


def said_by(identity: str, category: str, description: str) -> str:
    """A hash of all that a file says of a row."""
    return short(f"{identity}\n{fold_once(category)}\n{fold_once(description)}")


def kept_of(day: date, amount: Decimal, slug: str, description: str) -> str:
    """A hash of what is stored of a row that an import may change; slug: of its type."""
    return short(f"{day}\n{amount}\n{slug}\n{description}")


@lru_cache(maxsize=4096)
def text_of(description: str) -> str:
    """A hash of a description, however it is spelt."""
    return short(fold(description))


def short(text: str) -> str:
    return blake2b(text.encode(), digest_size=HASH_LENGTH // 2).hexdigest()
