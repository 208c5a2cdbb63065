"""A real household diary, by the mapping of docs/imports.md, against totals computed without us.

The diary is not part of the project: SAMPLE_DATA names the folder that holds household/.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command

from budget.engine import reconcile
from budget.engine.bulk import store_rows
from budget.imports import store
from budget.models import Alert, Transaction
from budget.tests.exports import alert_states, row_states
from budget.tests.mappings import block, write_mapping
from budget.tests.people import limit, make_user

pytestmark = [pytest.mark.any_postgres, pytest.mark.django_db]

# As the diary names its types, and as they are stored.
TYPES = {"Expense": "expense", "Income": "income", "Transfer-Out": "transfer"}

Totals = dict[str, dict[str, Decimal]]


@dataclass
class Diary:
    """The diary, its mapping, and what it adds up to."""

    export: Path
    mapping: Path
    expected: dict[str, Any]

    def load(self, **options: Any) -> str:
        """What the command says of an import for alice."""
        options = {"user": "alice", "create_user": True, "mapping": self.mapping} | options
        return str(call_command("import_transactions", str(self.export), **options))

    def by_month(self) -> Totals:
        return {
            month: {TYPES[name]: Decimal(amount) for name, amount in sums.items()}
            for month, sums in self.expected["by_month"].items()
        }

    def by_category(self) -> Totals:
        """Of each category in each month, what was spent."""
        found: Totals = defaultdict(dict)
        for place, amount in self.expected["expense_by_month_category"].items():
            month, category = place.split("|", 1)
            found[month][category] = Decimal(amount)
        return found


@pytest.fixture
def diary(sample_data: Path, tmp_path: Path) -> Diary:
    folder = sample_data / "household"
    expected = json.loads((folder / "expected_totals.json").read_text(encoding="utf-8"))
    mapping = write_mapping(tmp_path, block("toml"))
    return Diary(folder / "daily_household_transactions.csv", mapping, expected)


def stored(name: str = "alice") -> tuple[Totals, Totals]:
    """By month, the sums of each type, and of each category what was spent."""
    types: Totals = defaultdict(lambda: defaultdict(Decimal))
    spent: Totals = defaultdict(lambda: defaultdict(Decimal))
    rows = Transaction.objects.filter(user__username=name).select_related("type", "category")
    for row in rows:
        types[f"{row.date:%Y-%m}"][row.type.slug] += row.amount
        if row.type.slug == "expense":
            spent[f"{row.date:%Y-%m}"][row.category.name] += row.amount
    return types, spent


def test_the_totals_are_exactly_the_expected_ones(diary: Diary) -> None:
    said = diary.load()
    assert stored() == (diary.by_month(), diary.by_category())
    rows = Transaction.objects.filter(user__username="alice")
    summary = diary.expected["summary"]
    assert Counter(rows.values_list("type__slug", flat=True)) == {
        TYPES[name]: count for name, (count, _) in summary["types"].items()
    }
    days = sorted(map(str, rows.values_list("date", flat=True)))
    assert [days[0], days[-1]] == summary["dates"]
    assert rows.values("category").distinct().count() == summary["categories"]
    assert "Rows:        2461 read, 2461 stored, 0 there already" in said
    assert (
        "Read as:     2176 expense 1957390.53, 125 income 3042397.35, 160 transfer 1770780.90"
        in said
    )


def test_months_before_days_are_refused_not_misread(diary: Diary) -> None:
    text = diary.mapping.read_text(encoding="utf-8").replace("%d/%m/", "%m/%d/")
    diary.mapping.write_text(text, encoding="utf-8")
    with pytest.raises(CommandError, match="'20/09/2018 12:04:08' is no date such as 12/31/2024"):
        diary.load()
    assert not User.objects.exists()


def test_one_format_too_many_is_refused_where_it_gives_another_day(diary: Diary) -> None:
    text = diary.mapping.read_text(encoding="utf-8")
    diary.mapping.write_text(text.replace('["%d/%m/%Y",', '["%d/%m/%Y", "%m/%d/%Y",'))
    with pytest.raises(CommandError, match=r"can be read as 2018-09-12 by .* and 2018-12-09 by"):
        diary.load()
    assert not User.objects.exists()


def test_the_totals_can_fail(diary: Diary) -> None:
    """A broken control: a mapping that takes transfers for expenses."""
    text = diary.mapping.read_text(encoding="utf-8").replace('"transfer"', '"expense"')
    diary.mapping.write_text(text, encoding="utf-8")
    diary.load()
    types, spent = stored()
    assert types != diary.by_month()
    assert spent != diary.by_category()


def test_a_second_import_adds_nothing(diary: Diary) -> None:
    diary.load()
    before = row_states("alice")
    assert "2461 read, 0 stored, 2461 there already" in diary.load()
    assert row_states("alice") == before


@pytest.mark.django_db(transaction=True)
def test_an_import_that_was_cut_off_goes_on_where_it_stopped(diary: Diary) -> None:
    for name in ("alice", "charlie"):
        user = make_user(name)
        limit(user, "3000", of="Food")
        limit(user, "40000")
    diary.load(user="charlie")
    chunks = 0

    def failing(*args: Any, **options: Any) -> Any:
        nonlocal chunks
        chunks += 1
        if chunks == 4:
            raise KeyboardInterrupt
        return store_rows(*args, **options)

    with (
        patch.object(store, "store_rows", failing),
        pytest.raises(CommandError, match=r"Interrupted\. What is stored is complete"),
    ):
        diary.load(chunk_size=500)
    kept = len(row_states("alice"))
    # Three parts: of 500 rows, or of fewer on a machine that is slow.
    assert 0 < kept <= 1500
    assert reconcile(User.objects.get(username="alice").pk) == []
    assert f"{2461 - kept} stored, {kept} there already" in diary.load(chunk_size=500)
    assert stored() == (diary.by_month(), diary.by_category())
    assert row_states("alice") == row_states("charlie")
    assert alert_states("alice") == alert_states("charlie") != set()


def test_alerts_open_in_exactly_the_months_that_reach_the_limit(diary: Diary) -> None:
    user = make_user()
    limit(user, "3000", of="Food", levels=[100])
    limit(user, "40000", name="All", levels=[100])
    diary.load()
    alerts = Alert.objects.filter(user=user).open().select_related("threshold")
    found = {(str(alert.threshold), f"{alert.period_start:%Y-%m}") for alert in alerts}
    food = {
        ("Food", month)
        for month, spent in diary.by_category().items()
        if spent.get("Food", 0) >= 3000
    }
    everything = {
        ("All", month) for month, sums in diary.by_month().items() if sums["expense"] >= 40000
    }
    assert (len(food), len(everything)) == (16, 18)
    assert found == food | everything
