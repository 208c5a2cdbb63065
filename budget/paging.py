"""Lists in pages, by keyset: a page is found by its first row's place, not by counting to it.

So a page costs the same however deep it lies, and rows that come or go elsewhere move nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, ClassVar, TypeVar
from urllib.parse import urlencode

from django.core import signing
from django.db import connection
from django.db.models import (
    BooleanField,
    CharField,
    F,
    Field,
    Func,
    Model,
    OrderBy,
    QuerySet,
    Value,
)
from django.db.models.functions import Collate
from django.db.models.lookups import GreaterThan, GreaterThanOrEqual, LessThan, LessThanOrEqual

from budget.http import Answer, ApiRequest, Problem, wrong
from budget.schemas.page import PageQuery

M = TypeVar("M", bound=Model)
SIGNER = signing.Signer(salt="budget.paging")
# Parameters that may change on the way through a list.
FREE = frozenset({"limit", "cursor", "count"})


@dataclass(frozen=True)
class Order:
    """The fields that rows are ordered by, the last one unique, all in one direction."""

    fields: tuple[str, ...]
    descending: bool = False

    def of(self, model: type[Model]) -> list[Field[Any, Any]]:
        by_name = {field.name: field for field in model._meta.concrete_fields}
        return [by_name[name] for name in self.fields]

    def columns(self, model: type[Model]) -> list[F | Collate]:
        """Text compares by its bytes, which is the one order that both databases have."""
        bytewise = "BINARY" if connection.vendor == "sqlite" else "C"
        return [
            Collate(field.name, bytewise) if isinstance(field, CharField) else F(field.name)
            for field in self.of(model)
        ]


@dataclass(frozen=True)
class Place:
    """A place between two rows, and the direction to read from there.

    inclusive: the row of these values itself belongs to the page.
    """

    values: tuple[str | int, ...]
    backward: bool
    inclusive: bool = False


class RowValue(Func):
    """(a, b, ...), which both databases compare as one and find in an index."""

    template = "(%(expressions)s)"
    output_field: ClassVar = BooleanField()


def page(
    request: ApiRequest,
    query: PageQuery,
    rows: QuerySet[M],
    order: Order,
    describe: Callable[[Sequence[M]], Sequence[Any]],
) -> Answer:
    """One page of rows, as {"items", "next", "previous"}, with "count" where it was asked for.

    Raises ApiError for a foreign cursor.
    """
    place = None if query.cursor is None else read_cursor(request, query.cursor)
    count = {"count": rows.order_by().count()} if query.count else {}
    backward = place is not None and place.backward
    if place is not None:
        rows = rows.filter(beyond(rows.model, order, place))
    found = list(ordered(rows, order, backward=backward)[: query.limit + 1])
    more = len(found) > query.limit
    del found[query.limit :]
    if backward:
        found.reverse()
    behind, ahead = ends(found, order, place, more=more)
    answer = listed(request, describe(found), ahead, behind)
    answer.body |= count
    return answer


def ordered(rows: QuerySet[M], order: Order, *, backward: bool = False) -> QuerySet[M]:
    downward = order.descending != backward
    columns = order.columns(rows.model)
    return rows.order_by(*(OrderBy(column, descending=downward) for column in columns))


def walk(rows: QuerySet[M], order: Order, size: int) -> Iterator[list[M]]:
    """All rows, a number at a time, each time from the place where the time before ended.

    No server-side cursor, which needs one connection from the first row to the last.
    """
    place = None
    while True:
        ahead = rows if place is None else rows.filter(beyond(rows.model, order, place))
        found = list(ordered(ahead, order)[:size])
        if found:
            yield found
        if len(found) < size:
            return
        place = Place(values_of(found[-1], order), backward=False)


def ends(
    found: Sequence[Model], order: Order, place: Place | None, *, more: bool
) -> tuple[Place | None, Place | None]:
    """Where the previous and the next page start, as far as this page can tell.

    The side that was come from is taken to have rows, without a query to prove it.
    """
    if not found:
        back = None if place is None else Place(place.values, not place.backward, inclusive=True)
        return (back, None) if place is None or not place.backward else (None, back)
    behind = Place(values_of(found[0], order), backward=True)
    ahead = Place(values_of(found[-1], order), backward=False)
    if place is None:
        return None, ahead if more else None
    if place.backward:
        return behind if more else None, ahead
    return behind, ahead if more else None


def values_of(row: Model, order: Order) -> tuple[str | int, ...]:
    return tuple(plain(getattr(row, name)) for name in order.fields)


def plain(value: Any) -> str | int:
    """A column's value as a cursor holds it, and as the column's field reads it again."""
    if isinstance(value, (int, str)):
        return value
    return str(value) if isinstance(value, Decimal) else str(value.isoformat())


def beyond(model: type[Model], order: Order, place: Place) -> Any:
    """The rows that lie beyond a place, in the direction it is read."""
    fields = order.of(model)
    here = RowValue(
        *(
            Value(field.to_python(value), output_field=field)
            for field, value in zip(fields, place.values, strict=True)
        )
    )
    rows = RowValue(*order.columns(model))
    if order.descending != place.backward:
        return LessThanOrEqual(rows, here) if place.inclusive else LessThan(rows, here)
    return GreaterThanOrEqual(rows, here) if place.inclusive else GreaterThan(rows, here)


def fingerprint(request: ApiRequest) -> str:
    """What a cursor belongs to: the user, the path and the filters, whatever their order."""
    kept = sorted(
        (name, sorted(values)) for name, values in request.GET.lists() if name not in FREE
    )
    listing = repr((request.user.pk, request.path, kept))
    return hashlib.sha256(listing.encode()).hexdigest()[:16]


def write_cursor(request: ApiRequest, place: Place) -> str:
    values = [fingerprint(request), place.backward, place.inclusive, *place.values]
    return SIGNER.sign_object(values)


def read_cursor(request: ApiRequest, cursor: str) -> Place:
    """The place that a cursor stands for. Raises ApiError for one that is not of this list."""
    try:
        owner, backward, inclusive, *values = SIGNER.unsign_object(cursor)
    except signing.BadSignature:
        owner = None
    if owner != fingerprint(request):
        detail = "Must come from next or previous of this list, with the same filters."
        raise wrong(Problem.PARAMETERS, [{"detail": detail, "parameter": "cursor"}])
    return Place(tuple(values), backward, inclusive)


def listed(
    request: ApiRequest, items: Sequence[Any], ahead: Place | None, behind: Place | None
) -> Answer:
    """The answer of a list; the pages beside it stand in the body and in the Link header."""
    return linked(items, url_of(request, ahead), url_of(request, behind))


def feed_page(request: ApiRequest, items: Sequence[Any], since: int, *, more: bool) -> Answer:
    """The answer of a change feed, which goes on at `since`, now or whenever it is asked again."""
    ahead = None
    if more:
        parameters = {**dict(request.GET.lists()), "since": since}
        ahead = f"{request.path}?{urlencode(parameters, doseq=True)}"
    answer = linked(items, ahead, None)
    answer.body["since"] = since
    return answer


def linked(items: Sequence[Any], ahead: str | None, behind: str | None) -> Answer:
    urls = {"next": ahead, "previous": behind}
    rels = {"next": "next", "previous": "prev"}
    links = [f'<{url}>; rel="{rels[name]}"' for name, url in urls.items() if url is not None]
    headers = {"Link": ", ".join(links)} if links else {}
    return Answer({"items": items, **urls}, headers=headers)


def url_of(request: ApiRequest, place: Place | None) -> str | None:
    """This list from another place on: path and parameters, without the host."""
    if place is None:
        return None
    parameters = {**dict(request.GET.lists()), "cursor": write_cursor(request, place)}
    return f"{request.path}?{urlencode(parameters, doseq=True)}"
