"""/api/threshold"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from api.http import Answer, ApiError, ApiRequest, Problem, endpoint, wrong
from api.http.problems import FieldError, pointer
from api.http.shapes import DeletedDict, PageDict
from api.paging import Order, page
from api.schemas import PreviewBody, ThresholdBody, ThresholdQuery, partial
from api.schemas.threshold import ConditionBody
from api.views.rows import chosen, delete, read_row, searched
from budget.answers import describe_thresholds, preview
from budget.answers.shapes import DescribedThreshold, PreviewDict
from budget.answers.threshold_rows import (
    KEPT_THRESHOLDS,
    THRESHOLDS,
    ThresholdRow,
    Thresholds,
    on_categories,
    read_thresholds,
)
from budget.engine import Reading, TooMuch
from budget.models import Category, Condition, LedgerState, Threshold
from budget.models.threshold import ThresholdQuerySet
from budget.models.threshold_rules import Problem as Violation
from budget.models.threshold_rules import normalise, problems

BY_ID = Order(("id",))


def mine(request: ApiRequest) -> ThresholdQuerySet:
    return Threshold.objects.kept().filter(user=request.user).select_related("category")


# A null in these leaves the threshold as it is; a new one gets what its model fills in.
UNCHANGED_BY_NULL = ("slug", "starts_on", "rollover_from")
# What gives the user's category of a name, which stands at a place in the body.
Finder = Callable[..., Category]


def fill(threshold: Threshold, body: ThresholdBody, find: Finder) -> Threshold:
    """Give a threshold what was sent, unsaved. Raises ApiError 422 with every problem."""
    given = {
        name: value
        for name, value in body.to_store().items()
        if value is not None or name not in UNCHANGED_BY_NULL
    }
    # Clients that send every default have not chosen it; all that a PATCH sends is chosen.
    sent = given.keys() & (body.model_fields_set if body.partial else body.chosen)
    fields = normalise({**threshold.fields(), **given}, sent)
    if found := problems(fields, sent):
        raise refused(*found)
    if isinstance(fields["category"], str):
        fields["category"] = find(fields["category"], "category")
    if given.get("conditions") or (threshold.match and "conditions" in given):
        threshold.new_conditions = [
            condition(part, position, find) for position, part in enumerate(given["conditions"])
        ]
    threshold.set_fields(fields)
    return threshold


def condition(part: ConditionBody, position: int, find: Finder) -> Condition:
    name, place = part.category, ("conditions", position, "category")
    return Condition(
        category=None if name is None else find(name, *place),
        measure=part.measure,
        operator=part.operator,
        amount=part.amount,
    )


def refused(*found: Violation) -> ApiError:
    errors: list[FieldError] = [
        {"detail": text, "pointer": pointer(*place)} for place, text in found
    ]
    return wrong(Problem.VALIDATION, errors)


def save(request: ApiRequest, threshold: Threshold, body: ThresholdBody) -> Answer:
    """Store what was sent; the answer is the threshold with its current period."""

    def find(name: str, *place: str | int) -> Category:
        return Category.objects.find_or_create(request.ledger, name)

    fill(threshold, body, find).save()
    return with_period(request.ledger, threshold)


def with_period(ledger: LedgerState, threshold: Threshold) -> Answer:
    """A threshold that was written, with its current period."""
    reading = Reading(ledger)
    rows = THRESHOLDS.where("r.user_id = %s AND r.id = %s", ledger.user_id, threshold.pk)
    (described,) = describe_thresholds(reading, read_thresholds(reading, rows))
    return Answer({**described}, row=threshold)


def filtered(request: ApiRequest, query: ThresholdQuery) -> Thresholds:
    """The user's thresholds that meet the filters."""
    rows = KEPT_THRESHOLDS.where("r.user_id = %s", request.user.pk)
    if query.type:
        rows = rows.among("r.type", query.type)
    if query.enabled is not None:
        rows = rows.where("r.enabled = %s", query.enabled)
    if query.categories:
        rows = on_categories(rows, [category.pk for category in query.categories])
    rows = searched(rows, query.q)
    if query.level_reached is None:
        return rows
    # No column has the level reached now. A user has 200 thresholds at most.
    reading = request.reading
    described = describe_thresholds(reading, read_thresholds(reading, rows))
    return rows.among("r.id", [item["id"] for item in described if has_reached(item, query)])


def has_reached(item: DescribedThreshold, query: ThresholdQuery) -> bool:
    """Whether a threshold has reached the level asked for, or a higher one."""
    current = item["current"]
    level = None if current is None else current["level_reached"]
    return level is not None and level >= (query.level_reached or 0)


@endpoint(query=ThresholdQuery, answer=PageDict[DescribedThreshold])
def list_thresholds(request: ApiRequest, query: ThresholdQuery) -> Answer:
    """The user's thresholds, oldest first, each with its current period."""

    def describe(rows: Sequence[ThresholdRow]) -> list[DescribedThreshold]:
        return describe_thresholds(request.reading, rows)

    return page(request, query, filtered(request, query), BY_ID, describe)


@endpoint(body=ThresholdBody, answer=DescribedThreshold, status=201)
def create_threshold(request: ApiRequest, body: ThresholdBody) -> Answer:
    """Store a threshold; levels that are already reached open alerts at once."""
    return save(request, Threshold(user=request.user), body)


@endpoint(answer=DescribedThreshold)
def get_threshold(request: ApiRequest, key: int | str) -> Answer:
    """One threshold with its current period."""

    def describe(row: ThresholdRow) -> DescribedThreshold:
        return describe_thresholds(request.reading, [row])[0]

    return read_row(request, KEPT_THRESHOLDS, Threshold, describe, key)


@endpoint(body=ThresholdBody, answer=DescribedThreshold)
def replace_threshold(request: ApiRequest, body: ThresholdBody, key: int | str) -> Answer:
    """Set every field of a threshold; a missing one gets its default."""
    return save(request, chosen(request, mine(request), key), body)


@endpoint(body=partial(ThresholdBody, {"enabled": False}), answer=DescribedThreshold)
def change_threshold(request: ApiRequest, body: ThresholdBody, key: int | str) -> Answer:
    """Set the fields of a threshold that are sent."""
    return save(request, chosen(request, mine(request), key), body)


@endpoint(answer=DeletedDict)
def delete_threshold(request: ApiRequest, key: int | str) -> Answer:
    """Delete a threshold; its alerts resolve and stay readable."""
    return delete(chosen(request, mine(request), key))


@endpoint(body=PreviewBody, read_only=True, etag=False, answer=PreviewDict)
def preview_threshold(request: ApiRequest, body: PreviewBody) -> Answer:
    """Which alerts a threshold would have opened between two days; nothing is stored.

    The transactions stored now are replayed one by one, each on its own date.
    """

    def find(name: str, *place: str | int) -> Category:
        found = Category.objects.filter(user=request.user).named(name)
        if found is None:
            raise refused((place, "There is no such category."))
        return found

    if body.date_to > request.ledger.as_of:
        raise refused((("date_to",), f"Must be {request.ledger.as_of} or earlier."))
    threshold = fill(Threshold(user=request.user), body, find)
    try:
        found = preview(request.ledger, threshold, body.date_from, body.date_to, body.offset)
    except TooMuch as error:
        raise refused((("date_from",), str(error))) from None
    return Answer({**found})
