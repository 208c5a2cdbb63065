"""/api/threshold"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from budget.engine import TooMuch, describe_thresholds, preview, read_ledger
from budget.engine.answers import DescribedThreshold
from budget.engine.replay import PreviewDict
from budget.http import Answer, ApiRequest, created, takes
from budget.http.shapes import DeletedDict, PageDict
from budget.models import Category, LedgerState, Threshold
from budget.models.search import matching
from budget.models.threshold import ThresholdQuerySet
from budget.paging import Order, page
from budget.schemas import PreviewBody, ThresholdBody, ThresholdQuery, partial
from budget.schemas.fields import pick
from budget.views.drafts import draft, misfit
from budget.views.rows import about, category_of, chosen, delete, narrow

BY_ID = Order(("id",))


def mine(request: ApiRequest) -> ThresholdQuerySet:
    return Threshold.objects.kept().filter(user=request.user).select_related("category")


def save(request: ApiRequest, threshold: Threshold, body: ThresholdBody) -> Answer:
    """Store what was sent; the threshold as it is then, its present period included."""

    def find(name: str, *place: str | int) -> Category:
        return category_of(request.user, name)

    draft(threshold, body, find).save()
    return with_period(read_ledger(request.user.pk), threshold)


def with_period(ledger: LedgerState, threshold: Threshold) -> Answer:
    """A threshold with its present period."""
    return Answer({**describe_thresholds(ledger, [threshold])[0]}, row=threshold)


def found(request: ApiRequest, query: ThresholdQuery) -> ThresholdQuerySet:
    """The user's thresholds that meet the filters."""
    rows = narrow(
        mine(request),
        type__in=query.type or None,
        enabled=query.enabled,
    )
    if query.category:
        rows = rows.filter(about(query.category))
    rows = matching(rows, query.q, "search")
    if query.level_reached is None:
        return rows
    # What is reached now stands in no column; a user has 200 thresholds at most.
    described = describe_thresholds(request.ledger, list(rows))
    return rows.filter(pk__in=[item["id"] for item in described if reaches(item, query)])


def reaches(item: DescribedThreshold, query: ThresholdQuery) -> bool:
    """Whether a threshold has now reached the level asked for, or a higher one."""
    current = item["current"]
    level = None if current is None else current["level_reached"]
    return level is not None and level >= (query.level_reached or 0)


@takes(query=ThresholdQuery, steady=True, answer=PageDict[DescribedThreshold])
def list_thresholds(request: ApiRequest, query: ThresholdQuery) -> Answer:
    """The user's thresholds, oldest first, each with its present period."""

    def describe(rows: Sequence[Threshold]) -> Sequence[Any]:
        return describe_thresholds(request.ledger, rows)

    return page(request, query, found(request, query), BY_ID, describe)


@takes(body=ThresholdBody, answer=DescribedThreshold, status=201)
def create_threshold(request: ApiRequest, body: ThresholdBody) -> Answer:
    """Store a threshold; the levels that are reached already open alerts at once."""
    threshold = Threshold(user=request.user)
    return created(request, save(request, threshold, body).body, threshold)


@takes(steady=True, answer=DescribedThreshold)
def get_threshold(request: ApiRequest, key: int | str) -> Answer:
    """One threshold with its present period."""
    return with_period(request.ledger, pick(mine(request), key))


@takes(body=ThresholdBody, answer=DescribedThreshold)
def replace_threshold(request: ApiRequest, body: ThresholdBody, key: int | str) -> Answer:
    """Set every field of a threshold; one that is left out gets its default."""
    return save(request, chosen(request, mine(request), key), body)


@takes(body=partial(ThresholdBody, {"enabled": False}), answer=DescribedThreshold)
def change_threshold(request: ApiRequest, body: ThresholdBody, key: int | str) -> Answer:
    """Set the fields of a threshold that are sent."""
    return save(request, chosen(request, mine(request), key), body)


@takes(answer=DeletedDict)
def delete_threshold(request: ApiRequest, key: int | str) -> Answer:
    """Delete a threshold; its alerts resolve and stay readable."""
    return delete(chosen(request, mine(request), key))


@takes(body=PreviewBody, steady=True, safe=True, tagged=False, answer=PreviewDict)
def preview_threshold(request: ApiRequest, body: PreviewBody) -> Answer:
    """Which alerts a threshold would have raised between two days; nothing is stored.

    The present transactions are gone through one by one, as if each came on its own date.
    """

    def find(name: str, *place: str | int) -> Category:
        found = Category.objects.filter(user=request.user).named(name)
        if found is None:
            raise misfit((place, "There is no such category."))
        return found

    if body.date_to > request.ledger.as_of:
        raise misfit((("date_to",), f"Must not lie after {request.ledger.as_of}, the user's day."))
    threshold = draft(Threshold(user=request.user), body, find)
    try:
        return Answer({**preview(request.ledger, threshold, body.date_from, body.date_to)})
    except TooMuch as error:
        raise misfit((("date_from",), str(error))) from None
