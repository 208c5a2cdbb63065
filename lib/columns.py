"""Rows of hand-written SELECTs as named tuples, with the same Python values from each database."""

from __future__ import annotations

import types
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Any, NamedTuple, TypeVar, get_args, get_type_hints

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.models import Model

Row = TypeVar("Row", bound=NamedTuple)
M = TypeVar("M", bound=Model)


def made_as(kind: type[Row], database: str = DEFAULT_DB_ALIAS) -> Callable[[Iterable[Any]], Row]:
    """What makes named tuples of a SELECT's rows, whose columns are in the order of the fields.

    PostgreSQL's are right as they come. SQLite has no dates, times and booleans; a field
    annotated as one of these, or as one of these or None, is read from what it has instead.
    """
    if connections[database].vendor == "postgresql":
        return kind._make
    return from_sqlite(kind)


@lru_cache(maxsize=64)
def from_sqlite(kind: type[Row]) -> Callable[[Iterable[Any]], Row]:
    """The same for values as SQLite gives them."""
    hints = get_type_hints(kind)
    readers = [reader_of(hints[name]) for name in kind._fields]
    make: Callable[[Iterable[Any]], Row] = kind._make

    def read(row: Iterable[Any]) -> Row:
        return make(
            value if value is None or reader is None else reader(value)
            for reader, value in zip(readers, row, strict=True)
        )

    return read


def reader_of(hint: Any) -> Callable[[Any], Any] | None:
    """How a value of that type, or of that type or None, is read from SQLite's."""
    kinds = get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    return next((READERS[kind] for kind in kinds if kind in READERS), None)


def day(value: date | str) -> date:
    return value if isinstance(value, date) else date.fromisoformat(value)


def instant(value: datetime | str) -> datetime:
    """Stored in UTC, without saying so."""
    moment = value if isinstance(value, datetime) else datetime.fromisoformat(value)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


READERS: dict[Any, Callable[[Any], Any]] = {date: day, datetime: instant, bool: bool}


def columns_of(model: type[Model]) -> str:
    """All columns of a model, of the table r, in the order in which instance_of() takes them."""
    return ", ".join(f'r."{field.column}"' for field in model._meta.concrete_fields)


def instance_of(model: type[M], values: Iterable[Any], database: str = DEFAULT_DB_ALIAS) -> M:
    """An instance of a model by the values of all its columns, as a SELECT gives them."""
    connection = connections[database]
    names, columns = fields_of(model)
    found = []
    for column, value in zip(columns, values, strict=True):
        for read in (
            *connection.ops.get_db_converters(column),
            *column.get_db_converters(connection),
        ):
            value = read(value, column, connection)
        found.append(value)
    return model.from_db(database, names, found)


@lru_cache(maxsize=64)
def fields_of(model: type[Model]) -> tuple[list[str], list[Any]]:
    """The names of a model's columns, and the columns as expressions."""
    fields = model._meta.concrete_fields
    return [field.attname for field in fields], [
        field.get_col(model._meta.db_table) for field in fields
    ]
