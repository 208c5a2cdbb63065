"""/api/threshold"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from budget.engine import describe_thresholds, read_ledger
from budget.engine.answers import DescribedThreshold
from budget.http import Answer, ApiRequest, created, takes
from budget.http.shapes import DeletedDict, PageDict
from budget.models import LedgerState, Threshold
from budget.models.search import matching
from budget.models.threshold import ThresholdQuerySet
from budget.paging import Order, page
from budget.schemas import ThresholdBody, ThresholdQuery, partial
from budget.schemas.fields import pick
from budget.views.rows import category_of, chosen, delete, narrow, store

BY_ID = Order(("id",))


def mine(request: ApiRequest) -> ThresholdQuerySet:
    return Threshold.objects.kept().filter(user=request.user).select_related("category")


def save(request: ApiRequest, threshold: Threshold, body: ThresholdBody) -> Answer:
    """Store what was sent; the threshold as it is then, its present period included."""
    values = body.to_store()
    if values.get("category") is not None:
        values["category"] = category_of(request.user, values["category"])
    store(threshold, values)
    return with_period(read_ledger(request.user.pk), threshold)


def with_period(ledger: LedgerState, threshold: Threshold) -> Answer:
    """A threshold with its present period."""
    return Answer({**describe_thresholds(ledger, [threshold])[0]}, row=threshold)


def found(request: ApiRequest, query: ThresholdQuery) -> ThresholdQuerySet:
    """The user's thresholds that meet the filters."""
    rows = narrow(
        mine(request),
        type__in=query.type or None,
        category__in=query.category or None,
        enabled=query.enabled,
    )
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
