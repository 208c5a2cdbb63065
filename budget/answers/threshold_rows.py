"""What is read of thresholds: one SELECT for all of them, and the filters of lists."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date
from typing import NamedTuple

import orjson

from budget.engine import Reading
from budget.models.money import amount_text, minor_text
from budget.models.threshold import PlainThresholdDict
from lib.columns import made_as
from lib.select import Select


class ThresholdRow(NamedTuple):
    """A threshold's own columns (see the model), with the name of its category.

    amount, rollover_cap: minor units. levels: JSON.
    """

    id: int
    user_id: int
    name: str
    slug: str
    amount: int
    type: str
    days: int | None
    category: str | None
    operator: str
    measure: str
    match: str
    levels: str
    starts_on: date | None
    rollover: bool
    rollover_cap: int | None
    rollover_from: date | None
    forecast: bool
    enabled: bool
    revision: int

    def to_dict(self) -> PlainThresholdDict:
        """The threshold in the API, without its conditions and `current`."""
        simple = not self.match
        cap, carries_from, begins = self.rollover_cap, self.rollover_from, self.starts_on
        return {
            "id": self.id,
            "user": self.user_id,
            "name": self.name,
            "slug": self.slug,
            "amount": amount_text(self.amount, self.measure) if simple else None,
            "type": self.type,
            "days": self.days,
            "category": self.category,
            "operator": self.operator if simple else None,
            "measure": self.measure if simple else None,
            "match": self.match or None,
            "levels": orjson.loads(self.levels),
            "starts_on": None if begins is None else begins.isoformat(),
            "rollover": self.rollover,
            "rollover_cap": None if cap is None else minor_text(cap),
            "rollover_from": None if carries_from is None else carries_from.isoformat(),
            "forecast": self.forecast,
            "enabled": self.enabled,
        }


Thresholds = Select[ThresholdRow]
THRESHOLDS = Select(
    ThresholdRow,
    ", ".join(
        "c.name AS category" if name == "category" else f'r."{name}"'
        for name in ThresholdRow._fields
    ),
    "budget_threshold r LEFT JOIN budget_category c ON c.id = r.category_id",
)
# Without the deleted ones, which stay for their alerts.
KEPT_THRESHOLDS = THRESHOLDS.where("r.deleted_at IS NULL")
ON_CATEGORIES = """(r.category_id IN ({ids}) OR EXISTS (
  SELECT 1 FROM budget_condition k WHERE k.threshold_id = r.id AND k.category_id IN ({ids})
))"""


def read_thresholds(reading: Reading, rows: Thresholds) -> list[ThresholdRow]:
    """Some thresholds of the user's, oldest first."""
    found = reading.rows(rows.text, rows.params, order="r.id")
    return [*map(made_as(ThresholdRow, reading.database), found)]


def on_categories(rows: Thresholds, ids: Collection[int]) -> Thresholds:
    """Those that measure one of some categories, in a condition too."""
    marks = ", ".join(["%s"] * len(ids))
    return rows.where(ON_CATEGORIES.format(ids=marks), *ids, *ids)
