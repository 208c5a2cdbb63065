"""What a reader is given beside the file, and what it gives: rows, and what it has to ask.

No database and no settings in here: the command and the API hand in what they know.
"""

from __future__ import annotations

import csv
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from math import prod
from types import MappingProxyType
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from budget.imports.rows import BadFile, BadLine, Item

if TYPE_CHECKING:
    from budget.imports.mapping import Mapping as Layout

UTC = ZoneInfo("UTC")
# The answer to several questions in one, such as dates=day-first,signs=spent-is-negative.
TOGETHER = "reading"
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
    TOGETHER: ("ANSWERS", "several of these in one, as they were asked, such as dates=day-first"),
}
# Answers that the next file of an account may need to be others.
ONCE = frozenset({"year"})
# More ways to read a file than a person can compare are asked one by one.
MOST_TOGETHER = 8


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

    key: what the answer goes by. Where there are no choices, any text may be the answer. several:
    the answer may be more than one of the choices, as `joined` has them.
    """

    key: str
    asks: str
    choices: tuple[Choice, ...]
    several: bool = False

    def allows(self, answer: str) -> bool:
        """Whether an answer is one of the choices, or as many of them as may be."""
        if not self.several:
            return not self.choices or answer in {choice.value for choice in self.choices}
        return set(parts_of(answer)) <= {
            part for choice in self.choices for part in parts_of(choice.value)
        }

    def __str__(self) -> str:
        said = [shlex.quote(choice.value) for choice in self.choices]
        width = max(map(len, said), default=0)
        options = [
            f"  --{self.key} {value:{width}}  {choice.reading}"
            for value, choice in zip(said, self.choices, strict=True)
        ]
        return "\n".join([self.asks, *options])


def joined(values: Iterable[str]) -> str:
    """Several answers as one text: parted by commas, in quotes where one has a comma."""
    return ",".join(f'"{each}"' if "," in each else each for each in values)


def parts_of(answer: str) -> list[str]:
    """The answers in one text."""
    found = next(csv.reader([answer], skipinitialspace=True), [])
    return [each.strip() for each in found if each.strip()]


def spread(answers: Mapping[str, str]) -> dict[str, str]:
    """Answers with each in its own place; what is said of one by itself counts.

    Raises BadFile for an answer to several questions that is not valid.
    """
    said = dict(answers)
    together: dict[str, str] = {}
    for part in parts_of(said.pop(TOGETHER, "")):
        key, mark, value = part.partition("=")
        if not mark or key not in QUESTIONS or key == TOGETHER:
            raise BadFile([BadLine(1, f"--{TOGETHER} {part}: it is such as dates=day-first")])
        together[key] = value
    return together | said


def in_one(questions: Sequence[Question]) -> list[Question]:
    """The same questions as one: each choice answers all that have few choices."""
    fit = [each for each in questions if each.choices and not each.several]
    if len(fit) < 2 or prod(len(each.choices) for each in fit) > MOST_TOGETHER:
        return list(questions)
    choices = tuple(
        Choice(
            joined(f"{each.key}={choice.value}" for each, choice in zip(fit, way, strict=True)),
            "; ".join(choice.reading for choice in way),
        )
        for way in product(*(each.choices for each in fit))
    )
    asks = " ".join(each.asks for each in fit)
    return [Question(TOGETHER, asks, choices), *(each for each in questions if each not in fit)]


class Unclear(Exception):
    """A file that can be read in several ways that give different rows; nothing of it is taken.

    single: each question by itself. questions: what a person is asked, one where that can be.
    """

    def __init__(self, single: Sequence[Question]) -> None:
        self.single = list(single)
        self.questions = in_one(single)
        super().__init__("\n".join(map(str, self.questions)))


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
