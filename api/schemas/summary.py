from __future__ import annotations

from typing import Annotated

from pydantic import Field, field_validator

from api.schemas.base import Day, Query, dates_in_order, one_of
from budget.answers.summary import GROUPS, PERIODS


class SummaryQuery(Query):
    """Two dates, and by what their sums are cut."""

    date_from: Annotated[Day, Field(description="The first day that counts.")]
    date_to: Annotated[Day, Field(description="The last day that counts.")]
    period: Annotated[
        str,
        one_of(tuple(PERIODS)),
        Field(description="Also the sums of every day, week, month, quarter or year between them."),
    ] = "none"
    group_by: Annotated[
        str | None,
        one_of(GROUPS),
        Field(description="Also the sums of every category or transaction type."),
    ] = None

    _in_order = field_validator("date_to")(dates_in_order)
