"""Names as people mean them: one spelling to show, one folded key to compare."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Container

from django.utils.text import slugify

SLUG_LENGTH = 60
NOT_A_SLUG = frozenset({"preview"})


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
