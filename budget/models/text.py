"""Names as people mean them: one spelling to show, one folded key to compare; times as told."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Container
from datetime import UTC, datetime

from django.core.exceptions import ValidationError
from django.utils.text import slugify

SLUG_LENGTH = 60
NOT_A_SLUG = frozenset({"preview"})
SLUG = re.compile(r"[a-z][a-z0-9_-]*")


def has_surrogate(text: str) -> bool:
    """Whether half of a surrogate pair stands in it, which no encoding and no database takes."""
    # Asked of every string that comes in: ASCII, which has none, is told at once.
    return not text.isascii() and any("\ud800" <= char <= "\udfff" for char in text)


def tidy(text: str) -> str:
    """NFC text with runs of white space collapsed and the ends trimmed: how a name is shown."""
    return " ".join(unicodedata.normalize("NFC", text).split())


def fold(text: str) -> str:
    """The key under which names are one: NFKC, case folded, spaces collapsed.

    Folded in Python and stored, because the two databases fold case differently.
    """
    return " ".join(
        unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold()).split()
    )


def search_key(text: str) -> str:
    """What a search compares: the folded text, without accents."""
    decomposed = unicodedata.normalize("NFKD", fold(text))
    return fold("".join(char for char in decomposed if not unicodedata.combining(char)))


def moment(at: datetime) -> str:
    """A point in time as it is told: ISO 8601 in UTC, to the microsecond."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def check_slug(slug: str) -> None:
    """Raises ValidationError unless it is 1 to 60 of a-z, 0-9, _ and -, a letter first."""
    if not SLUG.fullmatch(slug) or len(slug) > SLUG_LENGTH:
        raise ValidationError(
            {"slug": f"A slug is 1 to {SLUG_LENGTH} of a-z, 0-9, _ and -, a letter first."}
        )
    if slug in NOT_A_SLUG:
        raise ValidationError({"slug": f"The slug {slug} is reserved."})


def make_slug(name: str, fallback: str, taken: Container[str]) -> str:
    """A slug of at most 60 characters that starts with a letter and is not in `taken`.

    A name with no ASCII letters or digits gets the fallback; a second one gets -2, and so on.
    """
    slug = slugify(name)
    if not re.match("[a-z]", slug):
        slug = f"{fallback}-{slug}".strip("-")
    slug = slug[:SLUG_LENGTH].rstrip("-_")
    unique, number = slug, 1
    while unique in taken or unique in NOT_A_SLUG:
        number += 1
        unique = f"{slug[: SLUG_LENGTH - len(str(number)) - 1]}-{number}"
    return unique
