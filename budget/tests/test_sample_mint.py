"""A real Mint export, against every crossing as computed independently of this project.

The export is not part of the project: SAMPLE_DATA names the folder that holds mint/.
"""

from __future__ import annotations

import csv
import json
import random
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command

from budget import engine
from budget.models import Alert, AlertEvent, Category, Threshold, Transaction, TransactionType
from budget.tests.oracle_rules import period
from budget.tests.shown import alerts_shown

pytestmark = [pytest.mark.any_postgres, pytest.mark.django_db]

Place = tuple[str, str, int]


class Crossing(NamedTuple):
    """A level reached: by which row of the file, at which running total, and the total now."""

    row: int
    then: str
    total: str


@dataclass
class Mint:
    """The files, and what they must give."""

    export: Path
    budget: Path
    expected: dict[str, Any]

    def crossings(self) -> dict[Place, Crossing]:
        """Every crossing of the budget; a limit of zero has only level 100."""
        return crossings_of(self.expected["crossings"])

    def overall(self, name: str) -> dict[Place, Crossing]:
        """The crossings of a limit on everything, which leaves transfers out."""
        return crossings_of(
            self.expected["overall"][f"{name}_without_credit_card_payments"]["crossings"]
        )

    def rows(self) -> list[dict[str, str]]:
        """The lines of the export; the first is row 1."""
        with self.export.open(encoding="utf-8", newline="") as text:
            return list(csv.DictReader(text))

    def limits(self) -> dict[str, Decimal]:
        """The lines of the budget."""
        with self.budget.open(encoding="utf-8", newline="") as text:
            return {line["Category"]: Decimal(line["Budget"]) for line in csv.DictReader(text)}


@pytest.fixture
def mint(sample_data: Path) -> Mint:
    folder = sample_data / "mint"
    expected = json.loads((folder / "expected_alerts.json").read_text(encoding="utf-8"))
    return Mint(folder / "personal_transactions.csv", folder / "Budget.csv", expected)


def crossings_of(found: Iterable[dict[str, Any]]) -> dict[Place, Crossing]:
    return {
        (each["period"], each["scope"], each["level"]): Crossing(
            each["row"], cents(each["sum_after"]), cents(each["period_total"])
        )
        for each in found
        if not (each["zero_limit"] and each["level"] < 100)
    }


def cents(amount: str) -> str:
    """The amount with two places, as answers have it."""
    return str(Decimal(amount).quantize(Decimal("0.01")))


def import_all(mint: Mint, *options: str) -> User:
    """Import the export and the budget for alice."""
    files = (str(mint.export), "--budget", str(mint.budget))
    call_command("import_transactions", *files, "--user", "alice", "--create-user", *options)
    return User.objects.get(username="alice")


def file_rows(user: User) -> dict[int, int]:
    """Row of the file by id of the transaction; the file is in the order of its dates."""
    ids = Transaction.objects.filter(user=user).order_by("id").values_list("id", flat=True)
    return {pk: row for row, pk in enumerate(ids, 1)}


def period_name(kind: str, start: date) -> str:
    """A period as the expected crossings name it."""
    year, week, _ = start.isocalendar()
    return {
        "monthly": f"{start:%Y-%m}",
        "weekly": f"{year}-W{week:02d}",
        "daily": start.isoformat(),
    }[kind]


def shown(user: User, rows: dict[int, int], scopes: Iterable[str]) -> dict[Place, Crossing]:
    """The open alerts, as the API describes them, of thresholds on the categories or on all (*)."""
    ledger = engine.move_to_today(user.pk)
    alerts = list(Alert.objects.filter(user=user).open().select_related("threshold__category"))
    found = {}
    for alert, described in zip(alerts, alerts_shown(ledger, alerts), strict=True):
        threshold, start = alert.threshold, alert.period_start
        assert threshold is not None
        assert start is not None
        assert alert.transaction_id is not None
        assert described["then"] is not None
        assert (start, alert.period_end) == period(start, threshold.type, 1, 1)
        scope = threshold.category.name if threshold.category else "*"
        if scope in scopes:
            place = (period_name(threshold.type, start), scope, alert.level or 0)
            assert place not in found
            found[place] = Crossing(
                rows[alert.transaction_id],
                described["then"]["total"] or "",
                described["total"] or "",
            )
    return found


def make_alice(mint: Mint) -> User:
    """Alice with the thresholds of the budget and no transaction."""
    alice = User.objects.create_user("alice")
    for name, amount in mint.limits().items():
        category = Category(user=alice, name=name)
        category.save()
        Threshold(user=alice, name=name, type="monthly", category=category, amount=amount).save()
    return alice


def store(alice: User, lines: Iterable[tuple[int, dict[str, str]]]) -> dict[int, int]:
    """Save lines of the export one by one, and give their rows by id."""
    types = {type.slug: type for type in TransactionType.objects.filter(user=alice)}
    categories = {category.name: category for category in Category.objects.filter(user=alice)}
    rows = {}
    for row, line in lines:
        name = line["Category"]
        if name not in categories:
            categories[name] = Category(user=alice, name=name)
            categories[name].save()
        side = "expense" if line["Transaction Type"] == "debit" else "income"
        saved = Transaction(
            user=alice,
            date=datetime.strptime(line["Date"], "%m/%d/%Y").date(),
            category=categories[name],
            description=line["Description"],
            amount=Decimal(line["Amount"]),
            type=types["transfer" if name == "Credit Card Payment" else side],
        )
        saved.save()
        rows[saved.pk] = row
    return rows


def test_the_import_gives_exactly_the_expected_crossings(mint: Mint) -> None:
    alice = import_all(mint)
    rows = file_rows(alice)
    assert len(rows) == 806
    found = shown(alice, rows, mint.limits())
    assert found == mint.crossings()
    assert Alert.objects.filter(user=alice).count() == len(found) == 349
    assert Counter(level for _, _, level in found) == {80: 206, 100: 143}


def test_the_size_of_a_chunk_changes_nothing(mint: Mint) -> None:
    alice = import_all(mint, "--chunk-size", "37")
    assert shown(alice, file_rows(alice), mint.limits()) == mint.crossings()
    assert AlertEvent.objects.filter(user=alice).count() == 349


def test_a_second_import_adds_nothing(mint: Mint) -> None:
    alice = import_all(mint)
    before = [list(model.objects.order_by("pk").values()) for model in (Transaction, Alert)]
    import_all(mint)
    after = [list(model.objects.order_by("pk").values()) for model in (Transaction, Alert)]
    assert after == before
    assert AlertEvent.objects.filter(user=alice).count() == 349


OVERALL = {
    "monthly": ("monthly_overall_limit_2351", 2351, {80: 20, 100: 5}),
    "weekly": ("weekly_iso_overall_limit_500", 500, {80: 29, 100: 27}),
    "daily": ("daily_overall_limit_100", 100, {80: 98, 100: 75}),
}


def limit_everything(user: User) -> None:
    """The three thresholds without a category."""
    for kind, (_, amount, _) in OVERALL.items():
        Threshold(user=user, name=f"All {kind}", type=kind, amount=Decimal(amount)).save()


@pytest.mark.parametrize("first", [True, False], ids=["thresholds-first", "import-first"])
def test_overall_thresholds_leave_transfers_out(mint: Mint, first: bool) -> None:
    if first:
        limit_everything(User.objects.create_user("alice"))
    alice = import_all(mint)
    if not first:
        limit_everything(alice)
    expected: dict[Place, Crossing] = {}
    for name, _, counts in OVERALL.values():
        crossings = mint.overall(name)
        assert Counter(level for _, _, level in crossings) == counts
        expected |= crossings
    rows = file_rows(alice)
    assert shown(alice, rows, ["*"]) == expected
    assert shown(alice, rows, mint.limits()) == mint.crossings()


def test_one_by_one_in_reverse_the_last_rows_tip(mint: Mint) -> None:
    alice = make_alice(mint)
    lines = list(enumerate(mint.rows(), 1))
    rows = store(alice, reversed(lines))
    found = shown(alice, rows, mint.limits())
    forward = mint.crossings()
    listed = mint.expected["crossing_rows_if_inserted_in_reverse_order"]
    assert {(*place, crossing.row) for place, crossing in found.items()} == {
        (month, scope, level, row)
        for month, scope, level, row in listed
        if (month, scope, level) in forward
    }
    for (month, scope, _), crossing in found.items():
        since = sum(
            Decimal(line["Amount"])
            for row, line in lines
            if row >= crossing.row
            and line["Category"] == scope
            and line["Transaction Type"] == "debit"
            and f"{line['Date'][6:]}-{line['Date'][:2]}" == month
        )
        assert crossing.then == cents(str(since))
    for transaction in Transaction.objects.filter(user=alice):
        transaction.delete()
    assert not Alert.objects.filter(user=alice).open().exists()
    assert engine.reconcile(alice.pk) == []


@pytest.mark.parametrize("seed", [1, 2])
def test_any_order_gives_the_same_alerts(mint: Mint, seed: int) -> None:
    alice = make_alice(mint)
    lines = list(enumerate(mint.rows(), 1))
    random.Random(seed).shuffle(lines)  # noqa: S311 (not for secrets)
    found = shown(alice, store(alice, lines), mint.limits())
    expected = {place: crossing.total for place, crossing in mint.crossings().items()}
    assert {place: crossing.total for place, crossing in found.items()} == expected


def test_deleting_every_transaction_resolves_every_alert(mint: Mint) -> None:
    alice = import_all(mint)
    Transaction.objects.filter(user=alice).delete()
    assert not Alert.objects.filter(user=alice).open().exists()
    resolved = Alert.objects.filter(user=alice, status="resolved", transaction=None)
    assert resolved.count() == 349
    assert set(resolved.values_list("then_total", "episodes")) == {(Decimal("0.00"), 1)}
    assert engine.reconcile(alice.pk) == []
