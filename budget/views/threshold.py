"""/api/threshold"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from budget.engine import describe_thresholds, read_ledger
from budget.http import Answer, ApiRequest, created, takes
from budget.models import Threshold
from budget.models.threshold import ThresholdQuerySet
from budget.paging import Order, page
from budget.schemas import ListQuery, ThresholdBody, partial
from budget.schemas.fields import pick
from budget.views.rows import category_of, delete, store

BY_ID = Order(("id",))


def mine(request: ApiRequest) -> ThresholdQuerySet:
    return Threshold.objects.kept().filter(user=request.user).select_related("category")


def save(request: ApiRequest, threshold: Threshold, body: ThresholdBody) -> dict[str, Any]:
    """Store what was sent; the threshold as it is then, its present period included."""
    values = body.to_store()
    if values.get("category") is not None:
        values["category"] = category_of(request.user, values["category"])
    store(threshold, values)
    return {**describe_thresholds(read_ledger(request.user.pk), [threshold])[0]}


@takes(query=ListQuery, steady=True)
def list_thresholds(request: ApiRequest, query: ListQuery) -> Answer:
    """The user's thresholds, oldest first, each with its present period."""

    def describe(rows: Sequence[Threshold]) -> Sequence[Any]:
        return describe_thresholds(request.ledger, rows)

    return page(request, query, mine(request), BY_ID, describe)


@takes(body=ThresholdBody)
def create_threshold(request: ApiRequest, body: ThresholdBody) -> Answer:
    return created(request, save(request, Threshold(user=request.user), body))


@takes(steady=True)
def get_threshold(request: ApiRequest, key: int | str) -> Answer:
    found = pick(mine(request), key)
    return Answer({**describe_thresholds(request.ledger, [found])[0]})


@takes(body=ThresholdBody)
def replace_threshold(request: ApiRequest, body: ThresholdBody, key: int | str) -> Answer:
    return Answer(save(request, pick(mine(request), key), body))


@takes(body=partial(ThresholdBody))
def change_threshold(request: ApiRequest, body: ThresholdBody, key: int | str) -> Answer:
    return Answer(save(request, pick(mine(request), key), body))


def delete_threshold(request: ApiRequest, key: int | str) -> Answer:
    """Delete a threshold; its alerts resolve and stay readable."""
    return delete(pick(mine(request), key))
