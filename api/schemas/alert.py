from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Self

from pydantic import ConfigDict, Field, PlainValidator, ValidationInfo, model_validator

from api.schemas.base import (
    DIGITS,
    ID_OR_SLUG_SCHEMA,
    Body,
    Day,
    FlagInQuery,
    Misplaced,
    NumberInQuery,
    OwnThreshold,
    Validator,
    WholeInQuery,
    between,
    coming,
    example,
    one_of,
    text,
    user_of,
)
from api.schemas.filters import ByCategory, CategoriesInQuery, shortened
from api.schemas.page import ListQuery, Words, words_in
from budget.models import AlertKind, AlertStatus, Threshold
from budget.models.alert import MESSAGE_LENGTH
from budget.models.threshold_rules import MAX_PERCENT


class AlertBody(Body):
    """A custom alert: the user's own message, with or without a threshold."""

    model_config = example({"message": "Ask the bank about the March fee", "threshold": None})

    message: Annotated[str, text(MESSAGE_LENGTH, shortest=1), Field(description="What it says.")]
    threshold: Annotated[
        OwnThreshold | None, Field(description="The threshold it is about, by id or slug.")
    ] = None


LONGEST_SNOOZE = timedelta(days=1830)
MARKS = ("acknowledged", "snoozed_until")


class AlertMarks(Body):
    """The user's marks: acknowledge an alert, or snooze it until later."""

    partial = True
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"acknowledged": True, "snoozed_until": None}],
            "anyOf": [{"required": [name]} for name in MARKS],
        }
    )

    acknowledged: Annotated[bool, Field(description="Whether the user has seen it.")] = False
    snoozed_until: Annotated[
        datetime | None,
        coming(LONGEST_SNOOZE, "five years"),
        Field(description="A time within five years; null: not snoozed."),
    ] = None

    @model_validator(mode="after")
    def says_something(self) -> Self:
        if not self.model_fields_set & set(MARKS):
            raise ValueError(f"Must have {' or '.join(MARKS)}.")
        return self


def threshold_or_deleted(value: str, info: ValidationInfo) -> Threshold:
    """A threshold by slug, or by id even if it is deleted, because its alerts stay readable.

    Raises ValueError if it does not exist.
    """
    mine = Threshold.objects.filter(user=user_of(info))
    by_id = DIGITS.fullmatch(value)
    found = mine.filter(pk=int(value)) if by_id else mine.kept().filter(slug=value)
    if (threshold := found.first()) is None:
        raise ValueError(f"There is no threshold {shortened(value)}.")
    return threshold


ThresholdInQuery = Annotated[
    Threshold, Validator(PlainValidator(threshold_or_deleted), **ID_OR_SLUG_SCHEMA)
]


class AlertQuery(ByCategory, ListQuery):
    """Which alerts; or with since, the change feed."""

    q: Annotated[Words, words_in("the threshold's name or the custom message")] = ""
    category: Annotated[
        CategoriesInQuery,
        Field(
            description="The name of a category that the threshold, or one of its conditions, had "
            "in the revision of the alert; can be repeated."
        ),
    ] = ()
    status: Annotated[
        Annotated[str, one_of(AlertStatus.values)] | None,
        Field(description="open: true now; resolved: no longer true."),
    ] = None
    active: Annotated[
        FlagInQuery | None,
        Field(
            description="Whether it is open and today is in its period, or in the period after "
            "for what is judged at the end."
        ),
    ] = None
    threshold: Annotated[
        ThresholdInQuery | None, Field(description="The threshold's id or slug.")
    ] = None
    level: Annotated[
        Annotated[WholeInQuery, between(1, MAX_PERCENT)] | None, Field(description="The percent.")
    ] = None
    kind: Annotated[
        Annotated[str, one_of(AlertKind.values)] | None,
        Field(
            description="threshold: a level is reached; forecast: the limit is expected to be "
            "passed; custom: the user's own message."
        ),
    ] = None
    acknowledged: Annotated[
        FlagInQuery | None, Field(description="Whether the user has acknowledged it.")
    ] = None
    snoozed: Annotated[
        FlagInQuery | None, Field(description="Whether the user has snoozed it until later.")
    ] = None
    period: Annotated[
        Day | None,
        Field(
            description="A date: alerts whose period contains it, and of rolling windows those "
            "that contain it now."
        ),
    ] = None
    highest: Annotated[
        FlagInQuery,
        Field(
            description="true: only the highest level of each threshold and period, separately "
            "for open and resolved alerts and before all other filters. Forecasts and custom "
            "alerts always stay."
        ),
    ] = False
    since: Annotated[
        NumberInQuery | None,
        Field(
            description="Answer the change feed instead of the list: the events after this one. "
            "0, or `since` of an answer; else 410. Only with limit and without filters."
        ),
    ] = None

    @model_validator(mode="after")
    def feed_is_whole(self) -> Self:
        others = sorted(self.chosen - {"since", "limit", "user"})
        if self.since is not None and others:
            raise Misplaced(f"Only with limit, not with {', '.join(others)}.", "since")
        return self
