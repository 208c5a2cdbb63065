"""What a reader is given beside the file, and what it gives: rows, and what it has to ask.

No database and no settings in here: the command and the API hand in what they know.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from budget.imports.rows import Item

if TYPE_CHECKING:
    from budget.imports.mapping import Mapping as Layout

UTC = ZoneInfo("UTC")
# What may be asked about a file, by its key: what stands for the answer, and what it decides.
QUESTIONS = {
    "dates": ("ORDER", "day-first, month-first or year-first, where no date of the file tells"),
    "year": ("YYYY", "the year of the newest row, where the dates have none and nothing tells"),
    "decimal": ("MARK", "point or comma, where no amount of the file tells"),
    "signs": ("WHICH", "spent-is-negative or spent-is-positive, where nothing in the file tells"),
    "money-in": ("WORDS", "which words of the column of directions stand for money that comes in"),
    "accounts": ("NAMES", "which accounts of a double-entry journal are yours, parted by commas"),
    "sheet": ("NAME", "which sheet of a workbook is meant, where several have dates and amounts"),
    "currency": ("CODE", "take the rows in this currency and leave those in others out"),
    "encoding": ("NAME", "the encoding of the file, where the one that was found is wrong"),
}


@dataclass(frozen=True)
class Hints:
    """What is known beside the file.

    zone: whose day a time with an offset is stored under. answers: what a person has said to
    questions, by their key. mapping: how to read the file, where somebody has written that down.
    """

    zone: ZoneInfo = UTC
    answers: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    mapping: Layout | None = None


@dataclass(frozen=True)
class Choice:
    """One answer to a question. value: what to hand in. reading: what a line is by this answer."""

    value: str
    reading: str


@dataclass(frozen=True)
class Question:
    """What the file leaves open. asks: in words, with a real line of the file.

    key: what the answer goes by. Where there are no choices, any text may be the answer.
    """

    key: str
    asks: str
    choices: tuple[Choice, ...]

    def __str__(self) -> str:
        width = max((len(choice.value) for choice in self.choices), default=0)
        options = [
            f"  --{self.key} {choice.value:{width}}  {choice.reading}" for choice in self.choices
        ]
        return "\n".join([self.asks, *options])


class Unclear(Exception):
    """A file that can be read in several ways that give different rows; nothing of it is taken."""

    def __init__(self, questions: list[Question]) -> None:
        super().__init__("\n".join(map(str, questions)))
        self.questions = questions


@dataclass(frozen=True)
class Reading:
    """A file that is understood: how it is called, and what each line says.

    prefix: what the external_ids of its rows begin with. layout: the mapping that it was read by,
    where it is a table.
    """

    title: str
    prefix: str
    items: Iterator[Item]
    layout: Layout | None = None
