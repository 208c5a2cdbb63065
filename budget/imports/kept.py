"""Answers to questions about a file, kept for the next file of the same account.

An answer is used only where the file itself leaves the question open, and the report says so.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from django.utils import timezone

from budget.imports.reading import ONCE, Hints, Unclear, spread
from budget.imports.understand import Export, read_export
from budget.models import ImportAnswer
from lib.text import fold

# How much of a file tells which account it is of.
HEAD = 64 * 1024
MOST_LINES = 100
DATE = re.compile(r"[0-9]{1,4}[-/. '][0-9]{1,2}[-/. '][0-9]{1,4}|[0-9]{8}")
DIGITS = re.compile(r"[0-9]+")


def account_of(path: Path, name: str, said: str = "") -> str:
    """A hash of what the files of one account have in common.

    said: the name that somebody gives the account; nothing else counts then. Else the file's name
    without its digits and the lines before the first one with a date, which are the header: another
    name or header is another account, so that nothing answers for a file that it was not asked of.
    """
    words = [f"said {fold(said)}"] if said else [fold(DIGITS.sub("", name)), *header_of(path)]
    return hashlib.sha256("\n".join(words).encode()).hexdigest()


def header_of(path: Path) -> list[str]:
    """The line before the first one that has a date, without its digits; the first line of all."""
    with path.open("rb") as file:
        lines = file.read(HEAD).decode("latin-1").splitlines()[:MOST_LINES]
    dated = next((at for at, line in enumerate(lines) if DATE.search(line)), len(lines))
    before = lines[max(0, dated - 1)] if lines and dated else ""
    return [DIGITS.sub("", before), str(len(re.split(r"[,;\t|]", before)))]


def answers_of(user_id: int, account: str) -> dict[str, str]:
    """What was answered about the account before."""
    found = ImportAnswer.objects.filter(user_id=user_id, account=account).first()
    return dict(found.answers) if found else {}


def keep(user_id: int, account: str, answers: Mapping[str, str]) -> None:
    """Keep answers for the next file of the account; the newest counts."""
    lasting = {key: value for key, value in spread(answers).items() if key not in ONCE}
    if lasting:
        both = {**answers_of(user_id, account), **lasting}
        ImportAnswer.objects.update_or_create(
            user_id=user_id,
            account=account,
            defaults={"answers": both, "answered_at": timezone.now()},
        )


def read_with(
    path: Path, hints: Hints, currency: str | None, known: Mapping[str, str]
) -> tuple[Export, dict[str, str]]:
    """Read a file; what it asks is answered by what is known. Gives the answers that were used.

    Raises as read_export() does, and Unclear with what is still open.
    """
    used: dict[str, str] = {}
    said = spread(hints.answers)
    while True:
        try:
            return read_export(path, replace(hints, answers=used | said), currency), used
        except Unclear as error:
            more = {
                each.key: known[each.key]
                for each in error.single
                if each.key in known and each.key not in used and each.allows(known[each.key])
            }
            if not more:
                raise
            used |= more
