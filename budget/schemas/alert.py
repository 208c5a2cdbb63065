from __future__ import annotations

from typing import Annotated

from pydantic import PlainValidator, ValidationInfo

from budget.models import AlertStatus, Threshold
from budget.models.alert import MESSAGE_LENGTH
from budget.schemas.base import Body
from budget.schemas.fields import (
    DIGITS,
    FlagInQuery,
    OwnThreshold,
    asker,
    one_of,
    pick,
    text,
)
from budget.schemas.page import ListQuery


class AlertBody(Body):
    """A custom alert: the user's own message, about a threshold (by id or slug) or about none."""

    message: Annotated[str, text(MESSAGE_LENGTH, shortest=1)]
    threshold: OwnThreshold | None = None


class AcknowledgeBody(Body):
    acknowledged: bool


def threshold_or_deleted(value: str, info: ValidationInfo) -> Threshold:
    """A threshold by slug, or by id even where it is deleted: its alerts stay readable."""
    mine = Threshold.objects.filter(user=asker(info))
    found: Threshold = (
        pick(mine, int(value)) if DIGITS.fullmatch(value) else pick(mine.kept(), value)
    )
    return found


ThresholdInQuery = Annotated[Threshold, PlainValidator(threshold_or_deleted)]


class AlertQuery(ListQuery):
    """active: open, and the user's day lies within its period. threshold: by id or slug."""

    status: Annotated[str, one_of(AlertStatus.values)] | None = None
    active: FlagInQuery | None = None
    threshold: ThresholdInQuery | None = None
