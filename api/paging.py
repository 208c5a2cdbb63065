"""Lists in pages, by keyset: a page is found by the place of its first row, not by counting.

So every page costs the same, however far on, and rows added or deleted elsewhere shift nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any, NamedTuple, TypeVar, get_type_hints
from urllib.parse import urlencode

from django.core import signing
from django.db import connections

from api.http import Answer, ApiError, ApiRequest, Problem, wrong
from api.schemas.page import PageQuery, PlaceQuery
from budget.engine import Reading, fetch
from budget.models.money import Minor, minor_text, to_minor
from lib.columns import made_as
from lib.select import Select
from lib.text import digest

Row = TypeVar("Row", bound=NamedTuple)
D = TypeVar("D")
SIGNER = signing.Signer(salt="api.paging")
# Parameters that may change from page to page; `user` can only name the list's own user.
FREE = frozenset({"limit", "cursor", "count", "user"})


# A row's place: its values in the columns of an order, as a cursor has them.
Values = tuple[str | int, ...]
Columns = type[tuple[Any, ...]]


@dataclass(frozen=True)
class Order:
    """The columns that rows are ordered by, all in one direction; the last one is unique."""

    fields: tuple[str, ...]
    descending: bool = False

    def in_sql(self, row: Columns, database: str) -> list[str]:
        """The columns of r. Text compares by its bytes: the only order that both databases have."""
        bytewise = ' COLLATE "C"' if connections[database].vendor == "postgresql" else ""
        return [
            f"r.{name}{bytewise if kind is str else ''}"
            for name, kind in zip(self.fields, kinds(row, self.fields), strict=True)
        ]

    def place_of(self, row: tuple[Any, ...]) -> Values:
        values = [getattr(row, name) for name in self.fields]
        forms = [FORMS[kind] for kind in kinds(type(row), self.fields)]
        return tuple(form.write(value) for form, value in zip(forms, values, strict=True))

    def values_in(self, place: Place, row: Columns, database: str) -> list[Any]:
        """The values of a place as a statement takes them."""
        return [
            FORMS[kind].read(value, database)
            for kind, value in zip(kinds(row, self.fields), place.values, strict=True)
        ]


@lru_cache(maxsize=64)
def kinds(row: Columns, fields: tuple[str, ...]) -> list[Any]:
    """The types of some columns of a named tuple."""
    hints = get_type_hints(row)
    return [hints[name] for name in fields]


class Form(NamedTuple):
    """How a column's value is written into a cursor, and read for a statement in a database."""

    write: Callable[[Any], str | int]
    read: Callable[[Any, str], Any]


def plain(value: Any) -> str | int:
    return value if isinstance(value, (int, str)) else str(value.isoformat())


def as_it_is(value: Any, database: str) -> Any:
    return value


def instant(value: str, database: str) -> Any:
    return connections[database].ops.adapt_datetimefield_value(datetime.fromisoformat(value))


FORMS: dict[Any, Form] = {
    int: Form(plain, as_it_is),
    str: Form(plain, as_it_is),
    date: Form(plain, as_it_is),
    datetime: Form(plain, instant),
    Minor: Form(minor_text, lambda value, database: to_minor(Decimal(value))),
}


@dataclass(frozen=True)
class Place:
    """A place between two rows, and the direction to read from there.

    inclusive: the row with these values belongs to the page too.
    """

    values: Values
    backward: bool
    inclusive: bool = False


def page(
    request: ApiRequest,
    query: PageQuery,
    rows: Select[Row],
    order: Order,
    describe: Callable[[Sequence[Row]], Sequence[Any]],
) -> Answer:
    """One page of the rows of a SELECT, as {"items", "next", "previous"}, with "count" if asked.

    Raises ApiError for a cursor of another list, and Moved.
    """
    reading = request.reading
    place = None if query.cursor is None else read_cursor(request, query)
    count = {"count": reading.rows(rows.counting, rows.params)[0][0]} if query.count else {}
    found = read_part(reading, rows, order, place, query.limit + 1)
    more = len(found) > query.limit
    del found[query.limit :]
    if place is not None and place.backward:
        found.reverse()
    edges = [order.place_of(row) for row in (*found[:1], *found[-1:])]
    behind, ahead = ends(edges, place, more=more)
    urls = (url_of(request, query, ahead), url_of(request, query, behind))
    answer = linked(describe(found), *urls)
    answer.body |= count
    return answer


def each(describe: Callable[[Row], D]) -> Callable[[Sequence[Row]], list[D]]:
    """What describes the rows of a page one by one."""
    return lambda rows: [describe(row) for row in rows]


def read_part(
    reading: Reading, rows: Select[Row], order: Order, place: Place | None, limit: int
) -> list[Row]:
    """At most `limit` rows beyond a place. Raises Moved."""
    statement = part(reading.database, rows, order, place, limit)
    return list(map(made_as(rows.row, reading.database), reading.rows(*statement)))


def part(
    database: str, rows: Select[Any], order: Order, place: Place | None, limit: int
) -> tuple[str, tuple[Any, ...], str]:
    """The statement of at most `limit` rows beyond a place, its parameters, and their order."""
    columns = order.in_sql(rows.row, database)
    downward = order.descending != (place is not None and place.backward)
    if place is not None:
        sign = ("<" if downward else ">") + ("=" if place.inclusive else "")
        marks = ", ".join(["%s"] * len(columns))
        values = order.values_in(place, rows.row, database)
        rows = rows.where(f"({', '.join(columns)}) {sign} ({marks})", *values)
    by = ", ".join(f"{column} DESC" if downward else column for column in columns)
    # A number in the text: with a parameter a prepared statement is planned for any, so each time.
    return f"{rows.text} ORDER BY {by} LIMIT {limit:d}", rows.params, by


def walk(database: str, rows: Select[Row], order: Order, size: int) -> Iterator[list[Row]]:
    """All rows, in lists of `size`; each query starts where the one before ended.

    No server-side cursor: that needs one connection from the first row to the last.
    """
    make = made_as(rows.row, database)
    place = None
    while True:
        text, params, _ = part(database, rows, order, place, size)
        found = list(map(make, fetch(database, text, params)))
        if found:
            yield found
        if len(found) < size:
            return
        place = Place(order.place_of(found[-1]), backward=False)


def ends(
    edges: Sequence[Values], place: Place | None, *, more: bool
) -> tuple[Place | None, Place | None]:
    """Where the previous and the next page start; None if there is none.

    edges: the first and the last row of this page, if it has rows. The side that the client came
    from is assumed to have rows, without a query.
    """
    if not edges:
        back = None if place is None else Place(place.values, not place.backward, inclusive=True)
        return (back, None) if place is None or not place.backward else (None, back)
    behind = Place(edges[0], backward=True)
    ahead = Place(edges[-1], backward=False)
    if place is None:
        return None, ahead if more else None
    if place.backward:
        return behind if more else None, ahead
    return behind, ahead if more else None


def fingerprint(request: ApiRequest, query: PlaceQuery) -> str:
    """What a cursor belongs to: the user, the path and the filters, in any order.

    A filter sent with its default counts as not sent.
    """
    filters = query.chosen - FREE
    kept = sorted((name, sorted(values)) for name, values in request.GET.lists() if name in filters)
    listing = repr((request.user.pk, request.path, kept))
    return digest(listing)[:16]


def write_cursor(request: ApiRequest, query: PlaceQuery, place: Place) -> str:
    owner, generation = fingerprint(request, query), request.ledger.generation
    values = [owner, generation, place.backward, place.inclusive, *place.values]
    return SIGNER.sign_object(values)


def read_cursor(request: ApiRequest, query: PlaceQuery) -> Place:
    """The place that a cursor means.

    Raises ApiError: 400 for a cursor of another list, 410 for one from before a restore.
    """
    try:
        owner, generation, backward, inclusive, *values = SIGNER.unsign_object(query.cursor or "")
    except signing.BadSignature:
        owner = None
    if owner != fingerprint(request, query):
        detail = "Must come from next or previous of this list, with the same filters."
        raise wrong(Problem.PARAMETERS, [{"detail": detail, "parameter": "cursor"}])
    if generation != request.ledger.generation:
        detail = "This page is from before a restore; start again at the first page."
        raise gone("cursor", detail)
    return Place(tuple(values), backward, inclusive)


def gone(parameter: str, detail: str) -> ApiError:
    """410: what the client sent was given out before the database was restored."""
    return wrong(Problem.GONE, [{"detail": detail, "parameter": parameter}])


def feed_page(request: ApiRequest, items: Sequence[Any], since: int, *, more: bool) -> Answer:
    """One page of the change feed. since: the number to continue from, now or later."""
    ahead = None
    if more:
        parameters = {**dict(request.GET.lists()), "since": since}
        ahead = f"{request.path}?{urlencode(parameters, doseq=True)}"
    answer = linked(items, ahead, None)
    answer.body["since"] = since
    return answer


def linked(items: Sequence[Any], ahead: str | None, behind: str | None) -> Answer:
    """A page of a list, with links to the next and previous page in body and Link header."""
    urls = {"next": ahead, "previous": behind}
    rels = {"next": "next", "previous": "prev"}
    links = [f'<{url}>; rel="{rels[name]}"' for name, url in urls.items() if url is not None]
    headers = {"Link": ", ".join(links)} if links else {}
    return Answer({"items": items, **urls}, headers=headers)


def url_of(request: ApiRequest, query: PlaceQuery, place: Place | None) -> str | None:
    """The address of this list from a place on: path and parameters, without the host."""
    if place is None:
        return None
    parameters = {**dict(request.GET.lists()), "cursor": write_cursor(request, query, place)}
    return f"{request.path}?{urlencode(parameters, doseq=True)}"
