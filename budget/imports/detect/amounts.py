"""Which mark is the decimal one: decided from all amounts of a file together."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import combinations

from budget.imports.values import AmountStyle, is_blank

MARKS = ((".", ","), (",", "."), (".", " "), (",", " "), (".", "'"), (",", "'"))
# Two amounts of one shape are read alike in every style: only noughts behind a mark matter.
SHAPE = str.maketrans("123456789", "1" * 9)
DEBIT_WORDS = ("dr", "d", "s", "debit", "db", "soll", "af", "debet")
CREDIT_WORDS = ("cr", "c", "h", "k", "credit", "haben", "bij", "kredit")


def style_of(marks: tuple[str, str], symbols: Iterable[str] = ()) -> AmountStyle:
    return AmountStyle(*marks, tuple(symbols), False, DEBIT_WORDS, CREDIT_WORDS)


def value(style: AmountStyle, text: str) -> Decimal | None:
    """The amount by a style; None if the text is not an amount."""
    try:
        return style.parse(style.parted(text)[1])
    except ValueError:
        return None


@dataclass
class Amounts:
    """The amounts of a file, by their shapes. symbols: what may stand beside the digits.

    beside: balances, which are asked only where the amounts leave it open.
    """

    symbols: tuple[str, ...] = ()
    shapes: dict[str, tuple[int, str]] = field(default_factory=dict)
    beside: dict[str, tuple[int, str]] = field(default_factory=dict)

    def see(self, line: int, text: str) -> None:
        if not is_blank(text):
            self.shapes.setdefault(text.translate(SHAPE), (line, text))

    def see_beside(self, line: int, text: str) -> None:
        if not is_blank(text):
            self.beside.setdefault(text.translate(SHAPE), (line, text))

    def styles(self) -> list[tuple[str, str]]:
        """The marks by which every amount can be read, else those by which most can.

        Of marks that read all amounts alike only the first are given.
        """
        read = {
            marks: [value(style_of(marks, self.symbols), text) for _, text in self.shapes.values()]
            for marks in MARKS
        }
        fewest = min((values.count(None) for values in read.values()), default=0)
        kept: dict[tuple[Decimal | None, ...], tuple[str, str]] = {}
        for marks, values in read.items():
            if values.count(None) == fewest:
                kept.setdefault(tuple(values), marks)
        return self.narrowed(list(kept.values()))

    def narrowed(self, styles: list[tuple[str, str]]) -> list[tuple[str, str]]:
        """The styles that read the balances as well, if some do."""
        if len(styles) < 2:
            return styles
        texts = [text for _, text in self.beside.values()]
        fitting = [
            marks
            for marks in styles
            if all(value(style_of(marks, self.symbols), text) is not None for text in texts)
        ]
        return fitting or styles

    def differing(self, styles: list[tuple[str, str]]) -> tuple[int, str] | None:
        """The first amount, with its line, that two styles read as different ones."""
        for line, text in self.shapes.values():
            for one, other in combinations(styles, 2):
                if value(style_of(one, self.symbols), text) != value(
                    style_of(other, self.symbols), text
                ):
                    return line, text
        return None
