from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Self

from pydantic import ConfigDict, Field, PlainValidator, ValidationInfo, model_validator

from budget.models import AlertKind, AlertStatus, Threshold
from budget.models.alert import MESSAGE_LENGTH
from budget.models.threshold import MAX_PERCENT
from budget.schemas.base import Body, example
from budget.schemas.fields import (
    DIGITS,
    ID_OR_SLUG_SCHEMA,
    Day,
    FlagInQuery,
    Misplaced,
    NumberInQuery,
    OwnThreshold,
    Rule,
    WholeInQuery,
    asker,
    between,
    coming,
    one_of,
    pick,
    text,
)
from budget.schemas.filters import CategoriesInQuery
from budget.schemas.page import ListQuery


class AlertBody(Body):
    """A custom alert: the user's own message, about a threshold or about none."""

    model_config = example({"message": "Ask the bank about the March fee", "threshold": None})

    message: Annotated[
        str, text(MESSAGE_LENGTH, shortest=1), Field(description="What the user is told.")
    ]
    threshold: Annotated[
        OwnThreshold | None, Field(description="The threshold it is about, by id or slug.")
    ] = None


LONGEST_SNOOZE = timedelta(days=1830)
MARKS = ("acknowledged", "snoozed_until")


class AlertMarks(Body):
    """What the user says of an alert: that it is seen, and until when not to show it."""

    partial = True
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"acknowledged": True, "snoozed_until": None}],
            "anyOf": [{"required": [name]} for name in MARKS],
        }
    )

    acknowledged: Annotated[bool, Field(description="false takes it back.")] = False
    snoozed_until: Annotated[
        datetime | None,
        coming(LONGEST_SNOOZE, "five years"),
        Field(description="A time within five years; null takes it back."),
    ] = None

    @model_validator(mode="after")
    def says_something(self) -> Self:
        if not self.model_fields_set & set(MARKS):
            raise ValueError(f"Must have {' or '.join(MARKS)}.")
        return self


def threshold_or_deleted(value: str, info: ValidationInfo) -> Threshold:
    """A threshold by slug, or by id even where it is deleted: its alerts stay readable."""
    mine = Threshold.objects.filter(user=asker(info))
    found: Threshold = (
        pick(mine, int(value)) if DIGITS.fullmatch(value) else pick(mine.kept(), value)
    )
    return found


ThresholdInQuery = Annotated[
    Threshold, Rule(PlainValidator(threshold_or_deleted), **ID_OR_SLUG_SCHEMA)
]


class AlertQuery(ListQuery):
    """q: words in the threshold's name or the user's own message. status: open as long as it is
    true. kind: forecast are those of limits that will be passed, custom those of the user's own.
    acknowledged: seen by the user or not. snoozed: put aside until later or not. active: open, and
    the user's day lies within its period, or in the one after for what is judged at the end.
    threshold: by id or slug. level: a percent. category: by name, any number of times; what the
    threshold, or one of its conditions, had in the revision that the alert is of. period: a date;
    alerts of the periods that it lies in, and of the rolling windows that it lies in now. since:
    the change feed instead of the list, from that event on; goes with limit alone.
    """

    status: Annotated[str, one_of(AlertStatus.values)] | None = None
    active: FlagInQuery | None = None
    threshold: ThresholdInQuery | None = None
    level: Annotated[WholeInQuery, between(1, MAX_PERCENT)] | None = None
    kind: Annotated[str, one_of(AlertKind.values)] | None = None
    acknowledged: FlagInQuery | None = None
    snoozed: FlagInQuery | None = None
    category: CategoriesInQuery = ()
    period: Day | None = None
    since: NumberInQuery | None = None

    @model_validator(mode="after")
    def feed_is_whole(self) -> Self:
        others = sorted(self.model_fields_set - {"since", "limit", "user"})
        if self.since is not None and others:
            raise Misplaced(f"Goes with limit alone, not with {', '.join(others)}.", "since")
        return self
