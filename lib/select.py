"""SELECTs of constant text, with conditions that are added as constant text, too.

Nothing that was sent becomes part of a statement: it only fills in parameters.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any, Generic, NamedTuple, Self, TypeVar

Row = TypeVar("Row", bound=NamedTuple)


@dataclass(frozen=True, slots=True)
class Select(Generic[Row]):
    """The rows of a table that meet some conditions.

    row: the named tuple of its columns, in their order. source: what stands after FROM; the table
    is r there. conditions: joined by AND. params: of the conditions, in their order.
    """

    row: type[Row]
    columns: str
    source: str
    conditions: tuple[str, ...] = ()
    params: tuple[Any, ...] = ()

    def where(self, condition: str, *params: Any) -> Self:
        """The rows that meet a condition, too; an empty one is met by all."""
        if not condition:
            return self
        conditions, values = (*self.conditions, condition), (*self.params, *params)
        return replace(self, conditions=conditions, params=values)

    def among(self, column: str, values: Collection[Any]) -> Self:
        """The rows whose column has one of some values."""
        if len(values) == 1:
            # PostgreSQL keeps the order of an index whose first columns are compared in this way.
            return self.where(f"{column} = %s", *values)
        marks = ", ".join(["%s"] * len(values))
        return self.where(f"{column} IN ({marks})" if values else "1 = 0", *values)

    def beside(self, columns: str) -> Self:
        """The same rows, with more columns after those of the named tuple."""
        return replace(self, columns=f"{self.columns}, {columns}")

    @property
    def text(self) -> str:
        """The statement, without an order; more may be added to its end."""
        return f"SELECT {self.columns} FROM {self.source}{self._where}"  # noqa: S608 (constants)

    @property
    def counting(self) -> str:
        """The statement that counts the rows."""
        return f"SELECT count(*) FROM {self.source}{self._where}"  # noqa: S608 (constants)

    @property
    def _where(self) -> str:
        return f" WHERE {' AND '.join(self.conditions)}" if self.conditions else ""
