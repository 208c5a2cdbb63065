"""From a file to true alerts: what is stored, what is there already, what an import may change."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from decimal import Decimal
from importlib import import_module
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from django.conf import settings as django_settings
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from budget.engine import merge_categories, reconcile
from budget.imports import Job, read_export, run, store
from budget.imports.pairing import Plan
from budget.imports.spool import Spool
from budget.models import (
    Alert,
    AlertEvent,
    AlertStatus,
    Category,
    Ledger,
    Threshold,
    Transaction,
)
from budget.tests.exports import (
    Line,
    alert_states,
    interrupted,
    line,
    row_states,
    write_budget,
    write_csv,
)
from budget.tests.people import at, category, limit, make_user, open_levels, spend
from financial_alerts.tests.postgres import url_of

pytestmark = pytest.mark.django_db
# The package has a function of the same name.
run_module = import_module("budget.imports.run")


def load(file: Path, user: str = "alice", **options: Any) -> str:
    """The last words of an import, but for its number; makes the user by default."""
    options.setdefault("create_user", True)
    said = str(call_command("import_transactions", str(file), user=user, **options))
    return re.sub(r"\nImport: .*", "", said)


def refused(file: Path, **options: Any) -> str:
    with pytest.raises(CommandError) as caught:
        load(file, **options)
    return str(caught.value)


def counts() -> tuple[int, ...]:
    """How many rows there are of everything that an import writes."""
    models = (User, Category, Threshold, Transaction, Alert, AlertEvent)
    return tuple(model._base_manager.count() for model in models)


MONTHS = [
    line("01/05/2018", amount="60"),
    line("01/20/2018", amount="60", category="Rent"),
    line("01/25/2018", amount="45"),
    line("02/01/2018", amount="1,000.00", side="credit", category="Pay"),
    line("02/02/2018", amount="85"),
    line("02/03/2018", amount="500", category="Transfer"),
]


def test_a_new_currency_leaves_the_settings_that_were_changed_meanwhile(tmp_path: Path) -> None:
    user = make_user("alice")
    assert user.profile.currency == "USD"  # read, and kept with the user
    theirs = User.objects.get(pk=user.pk).profile
    theirs.time_zone = "Asia/Tokyo"
    theirs.save()
    rows = read_export(write_csv(tmp_path / "export.csv", [line()])).rows
    run(Job(user, rows, currency="EUR"), lambda rows: None)
    stored = User.objects.get(pk=user.pk).profile
    assert (stored.time_zone, stored.currency) == ("Asia/Tokyo", "EUR")
    assert Ledger.objects.get(user=user).time_zone == "Asia/Tokyo"


def test_an_import_stores_rows_budget_and_alerts(tmp_path: Path) -> None:
    file = write_csv(tmp_path / "months.csv", MONTHS)
    budget = write_budget(tmp_path / "budget.csv", Groceries="100", Transfer="10")
    said = load(file, budget=budget)
    assert [row[:5] for row in row_states("alice")] == [
        ("2018-01-05", "Corner shop", "60.00", "expense", "Groceries"),
        ("2018-01-20", "Corner shop", "60.00", "expense", "Rent"),
        ("2018-01-25", "Corner shop", "45.00", "expense", "Groceries"),
        ("2018-02-01", "Corner shop", "1000.00", "income", "Pay"),
        ("2018-02-02", "Corner shop", "85.00", "expense", "Groceries"),
        ("2018-02-03", "Corner shop", "500.00", "transfer", "Transfer"),
    ]
    alice = User.objects.get(username="alice")
    assert open_levels(alice) == [("2018-01-01", 80), ("2018-01-01", 100), ("2018-02-01", 80)]
    assert set(AlertEvent.objects.values_list("cause", flat=True)) == {"import"}
    assert reconcile(alice.pk) == []
    assert said.splitlines() == [
        "months.csv: Mint export, 2018-01-05 to 2018-02-03",
        "User:        alice is new and has no password",
        "Read as:     4 expense 250.00, 1 income 1000.00, 1 transfer 500.00",
        "Rows:        6 read, 6 stored, 0 there already",
        "Categories:  4 made",
        "  Groceries, Transfer, Rent, Pay",
        "Thresholds:  2 made, 0 updated",
        "  Groceries: 100.00, Transfer: 10.00",
        "Opened:      3 alerts",
        "  Groceries, approaching: 80 % of the limit reached, "
        "85.00 of 100.00 USD spent in February 2018, 85 %",
        "  Groceries: limit reached, "
        "105.00 of 100.00 USD spent in January 2018, 105 % (levels 80 and 100)",
        "Resolved:    0 alerts",
    ]


def test_a_forecast_has_a_line_of_its_own_and_no_level(tmp_path: Path) -> None:
    file = write_csv(tmp_path / "e.csv", [line("03/05/2018", amount="90")])
    with at("2018-03-10"):
        limit(make_user(), "100", of="Groceries", levels=[50, 80], forecast=True)
        said = load(file)
    assert said.splitlines()[-4:] == [
        "Opened:      3 alerts",
        "  Groceries, approaching: 80 % of the limit reached, "
        "90.00 of 100.00 USD spent in March 2018, 90 % (levels 50 and 80)",
        "  Groceries: 279.00 of 100.00 USD forecast in March 2018, 279 %",
        "Resolved:    0 alerts",
    ]


def test_a_made_user_can_log_in_with_no_password(tmp_path: Path) -> None:
    load(write_csv(tmp_path / "e.csv", []))
    assert not User.objects.get(username="alice").has_usable_password()


def test_a_user_who_is_there_keeps_everything(tmp_path: Path) -> None:
    alice = make_user()
    alice.set_password("her own")
    alice.save()
    load(write_csv(tmp_path / "e.csv", MONTHS))
    alice.refresh_from_db()
    assert alice.check_password("her own")
    assert Transaction.objects.filter(user=alice).count() == 6


def test_an_unknown_user_is_an_error_unless_one_may_be_made(tmp_path: Path) -> None:
    file = write_csv(tmp_path / "e.csv", MONTHS)
    assert refused(file, create_user=False) == (
        "There is no user 'alice'; --create-user would make one."
    )
    assert counts() == (0,) * 6


@pytest.mark.parametrize("name", ["", "a b", "x" * 151])
def test_a_name_that_no_user_can_have_is_an_error(tmp_path: Path, name: str) -> None:
    file = write_csv(tmp_path / "e.csv", MONTHS)
    assert "cannot be a username" in refused(file, user=name)
    assert counts() == (0,) * 6


def test_only_the_named_user_gets_rows(tmp_path: Path) -> None:
    make_user("charlie")
    load(write_csv(tmp_path / "e.csv", MONTHS))
    assert not Transaction.objects.filter(user__username="charlie").exists()


def test_the_same_file_again_adds_nothing(tmp_path: Path) -> None:
    file = write_csv(tmp_path / "e.csv", [*MONTHS, MONTHS[0]])
    budget = write_budget(tmp_path / "b.csv", Groceries="100")
    load(file, budget=budget)
    before = counts(), row_states("alice"), alert_states("alice")
    said = load(file, budget=budget)
    assert (counts(), row_states("alice"), alert_states("alice")) == before
    assert "Rows:        7 read, 0 stored, 7 there already" in said
    assert "Thresholds:  0 made, 0 updated" in said


def test_the_same_file_again_without_a_budget_takes_no_lock(tmp_path: Path) -> None:
    file = write_csv(tmp_path / "e.csv", MONTHS)
    load(file)
    before = Ledger.objects.values()[0]
    load(file)
    assert Ledger.objects.values()[0] == before


def test_a_longer_export_adds_its_new_rows_only(tmp_path: Path) -> None:
    load(write_csv(tmp_path / "short.csv", MONTHS[:3]))
    said = load(write_csv(tmp_path / "long.csv", [*MONTHS[::-1], MONTHS[0]]))
    assert "Rows:        7 read, 4 stored, 3 there already" in said
    assert Transaction.objects.filter(date="2018-01-05").count() == 2


def test_equal_rows_of_one_day_all_count(tmp_path: Path) -> None:
    load(write_csv(tmp_path / "e.csv", [line(amount="3.50")] * 3))
    assert [row[2] for row in row_states("alice")] == ["3.50"] * 3


def test_another_account_is_another_row(tmp_path: Path) -> None:
    load(write_csv(tmp_path / "checking.csv", [line()]))
    load(write_csv(tmp_path / "visa.csv", [line(account="Visa")]))
    assert Transaction.objects.count() == 2


def test_what_the_user_changed_here_stays_changed(tmp_path: Path) -> None:
    file = write_csv(tmp_path / "e.csv", MONTHS)
    load(file)
    row = Transaction.objects.get(date="2018-01-05")
    row.amount, row.description = Decimal("61.00"), "Market"
    row.category = category(row.user, "Food")
    row.save()
    before = row_states("alice")
    load(file)
    assert row_states("alice") == before


def test_a_category_merged_away_does_not_come_back(tmp_path: Path) -> None:
    load(write_csv(tmp_path / "e.csv", MONTHS))
    alice = User.objects.get(username="alice")
    merge_categories(category(alice, "Rent"), category(alice, "Groceries"))
    load(write_csv(tmp_path / "e.csv", MONTHS))
    said = load(write_csv(tmp_path / "f.csv", [*MONTHS, line("03/01/2018", category="Rent")]))
    assert "Categories:  0 made\n  Rent is Groceries now\n" in said
    assert not Category.objects.filter(name="Rent").exists()


def test_categories_are_found_in_any_spelling(tmp_path: Path) -> None:
    alice = make_user()
    mine = category(alice, "groceries")
    load(write_csv(tmp_path / "e.csv", [line(category=" GROCERIES ")]))
    assert Transaction.objects.get().category == mine


def test_rows_that_were_there_before_count_towards_the_alerts(tmp_path: Path) -> None:
    alice = make_user()
    spend(alice, "70", "2018-03-01")
    limit(alice, "100", of="Groceries")
    load(write_csv(tmp_path / "e.csv", [line("03/05/2018", amount="30")]))
    assert open_levels(alice) == [("2018-03-01", 80), ("2018-03-01", 100)]


def test_a_budget_again_sets_amounts_and_adds_no_second_threshold(tmp_path: Path) -> None:
    file = write_csv(tmp_path / "e.csv", MONTHS)
    load(file, budget=write_budget(tmp_path / "b.csv", Groceries="100", Rent="200"))
    mine = Threshold.objects.get(name="Groceries")
    mine.levels = [50, 100]
    mine.save()
    said = load(file, budget=write_budget(tmp_path / "c.csv", groceries="110", Rent="200"))
    mine.refresh_from_db()
    assert (str(mine.amount), mine.levels, mine.revision) == ("110.00", [50, 100], 1)
    assert Threshold.objects.count() == 2
    assert "Thresholds:  0 made, 1 updated\n  Groceries: 100.00, now 110.00" in said
    assert "Resolved:    1 alerts" in said
    assert ("2018-01-01", 100) not in open_levels(mine.user)


def test_a_threshold_of_the_users_own_is_not_taken_for_the_budget(tmp_path: Path) -> None:
    alice = make_user()
    own = limit(alice, "400", of="Groceries", name="Hard cap")
    yearly = limit(alice, "900", "yearly", of="Groceries", name="Groceries")
    overall = limit(alice, "900", name="Groceries")
    load(write_csv(tmp_path / "e.csv", []), budget=write_budget(tmp_path / "b.csv", Groceries="1"))
    made = Threshold.objects.latest("id")
    assert (made.type, made.category, str(made.amount)) == ("monthly", own.category, "1.00")
    for threshold in (own, yearly, overall):
        assert threshold.amount == Threshold.objects.get(pk=threshold.pk).amount
    assert Threshold.objects.count() == 4


def test_a_deleted_budget_threshold_is_made_anew(tmp_path: Path) -> None:
    budget = write_budget(tmp_path / "b.csv", Groceries="100")
    file = write_csv(tmp_path / "e.csv", MONTHS)
    load(file, budget=budget)
    Threshold.objects.get().delete()
    load(file, budget=budget)
    assert Threshold.objects.kept().count() == 1


def test_a_budget_of_zero_opens_level_100_alone(tmp_path: Path) -> None:
    load(
        write_csv(tmp_path / "e.csv", MONTHS),
        budget=write_budget(tmp_path / "b.csv", Groceries="0"),
    )
    assert {alert.level for alert in Alert.objects.all()} == {100}


def test_bad_lines_of_both_files_are_named_and_nothing_is_written(tmp_path: Path) -> None:
    file = write_csv(tmp_path / "e.csv", [*MONTHS, line("02/30/2018"), line(amount="x")])
    budget = write_budget(tmp_path / "b.csv", Groceries="100", Rent="-1")
    assert refused(file, budget=budget).splitlines() == [
        "3 problems; nothing was stored.",
        "e.csv, line 8: there is no date '02/30/2018' (month/day/year)",
        "e.csv, line 9: 'x' is no amount such as 1,247.44",
        "b.csv, line 3: amount '-1' is negative",
    ]
    assert counts() == (0,) * 6


def test_files_that_cannot_be_opened_are_named(tmp_path: Path) -> None:
    missing = tmp_path / "none.csv"
    assert refused(missing, budget=tmp_path).splitlines() == [
        "2 problems; nothing was stored.",
        f"{missing}: No such file or directory",
        f"{tmp_path}: Is a directory",
    ]


def test_a_pipe_is_refused_because_the_format_is_looked_for_first(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert "a pipe cannot be read twice" in refused(tmp_path / "pipe")


def test_rows_left_out_are_named(tmp_path: Path) -> None:
    lines = [line(), line(amount="0.00"), line(amount="0")]
    said = load(write_csv(tmp_path / "e.csv", lines)).splitlines()
    assert said[3:6] == [
        "Rows:        3 read, 1 stored, 0 there already",
        "Left out:    2, an amount of 0.00 moves no money; on line",
        "  3, 4",
    ]


def test_an_empty_export_with_a_budget_makes_its_thresholds(tmp_path: Path) -> None:
    said = load(
        write_csv(tmp_path / "e.csv", []), budget=write_budget(tmp_path / "b.csv", Groceries="100")
    )
    assert said.splitlines()[0] == "e.csv: Mint export"
    assert Threshold.objects.count() == 1


def test_a_dry_run_says_what_an_import_does_and_writes_nothing(tmp_path: Path) -> None:
    file = write_csv(tmp_path / "e.csv", MONTHS)
    budget = write_budget(tmp_path / "b.csv", Groceries="100")
    rehearsed = load(file, budget=budget, dry_run=True, chunk_size=2).splitlines()
    assert counts() == (0,) * 6
    assert rehearsed.pop() == "This was a dry run: nothing of it is stored."
    shown = [said for said in rehearsed if not said.startswith("  line ")]
    assert shown == load(file, budget=budget).splitlines()


def test_a_dry_run_leaves_a_user_who_is_there_as_they_are(tmp_path: Path) -> None:
    alice = make_user()
    limit(alice, "100", of="Groceries")
    before = counts(), Ledger.objects.values()[0]
    said = load(write_csv(tmp_path / "e.csv", MONTHS), dry_run=True)
    assert "Opened:      3 alerts" in said
    assert (counts(), Ledger.objects.values()[0]) == before


def test_a_dry_run_names_every_alert_and_an_import_the_latest(tmp_path: Path) -> None:
    days = [f"{month:02}/05/{year}" for year in (2017, 2018) for month in range(1, 13)]
    file = write_csv(tmp_path / "e.csv", [line(day, amount="90") for day in days])
    budget = write_budget(tmp_path / "b.csv", Groceries="100")
    rehearsed = load(file, budget=budget, dry_run=True).splitlines()
    assert sum("approaching" in said for said in rehearsed) == 24
    said = load(file, budget=budget).splitlines()
    assert "in December 2018" in said[9]
    assert said[19:] == ["  and 14 more", "Resolved:    0 alerts"]


def test_too_many_categories_are_refused_before_anything_is_written(tmp_path: Path) -> None:
    lines = [line(category=f"Kind {number}") for number in range(500)]
    assert refused(write_csv(tmp_path / "e.csv", lines)) == (
        "501 categories would be needed; a user has at most 500. Nothing was stored."
    )
    assert counts() == (0,) * 6
    assert "499 categories" not in load(write_csv(tmp_path / "e.csv", lines[1:]))
    assert Category.objects.count() == 500


def test_too_many_thresholds_are_refused_before_anything_is_written(tmp_path: Path) -> None:
    limits = {f"Kind {number}": "1" for number in range(201)}
    said = refused(
        write_csv(tmp_path / "e.csv", MONTHS), budget=write_budget(tmp_path / "b.csv", **limits)
    )
    assert "201 thresholds would be needed; a user has at most 200." in said
    assert counts() == (0,) * 6


def test_a_full_set_of_thresholds_can_be_set_again(tmp_path: Path) -> None:
    limits = {f"Kind {number}": "1" for number in range(3)}
    file = write_csv(tmp_path / "e.csv", MONTHS)
    with patch.object(Threshold, "MAX_A_USER", 3):
        load(file, budget=write_budget(tmp_path / "b.csv", **limits))
        said = load(file, budget=write_budget(tmp_path / "b.csv", **dict.fromkeys(limits, "2")))
    assert "Thresholds:  0 made, 3 updated" in said


@pytest.mark.django_db(transaction=True)
def test_totals_beyond_the_exact_range_are_a_clear_error(tmp_path: Path) -> None:
    lines = [line(amount="999999999999.99") for _ in range(91)]
    said = refused(write_csv(tmp_path / "e.csv", lines))
    assert "in one day or month may come to" in said
    assert said.endswith(" 0 of 91 rows are stored, complete with their alerts.")
    assert Transaction.objects.count() == 0


@pytest.mark.parametrize("size", ["0", "10001", "-1", "many", "1.5"])
def test_a_chunk_has_1_to_10000_rows(tmp_path: Path, size: str) -> None:
    file = write_csv(tmp_path / "e.csv", MONTHS)
    with pytest.raises(CommandError, match="from 1 to 10000"):
        call_command("import_transactions", str(file), "--user", "alice", "--chunk-size", size)


@pytest.mark.django_db(transaction=True)
def test_an_import_that_fails_in_the_middle_goes_on_where_it_stopped(tmp_path: Path) -> None:
    file = write_csv(tmp_path / "e.csv", MONTHS)
    budget = write_budget(tmp_path / "b.csv", Groceries="100")
    load(file, user="charlie", budget=budget)
    with interrupted():
        said = refused(file, budget=budget, chunk_size=2)
    assert said == ("Interrupted. What is stored is complete; the same command goes on from there.")
    alice = User.objects.get(username="alice")
    assert len(row_states("alice")) == 4
    assert reconcile(alice.pk) == []
    assert "2 stored, 4 there already" in load(file, budget=budget, chunk_size=2)
    assert row_states("alice") == row_states("charlie")
    assert alert_states("alice") == alert_states("charlie")


def test_an_alert_that_opens_and_resolves_within_an_import_is_not_reported(
    tmp_path: Path,
) -> None:
    alice = make_user()
    limit(alice, "100", of="Groceries")
    # No format read so far has refunds; a type of the reader's rows is all that it takes.
    export = read_export(write_csv(tmp_path / "e.csv", [line(amount="90"), line(amount="20")]))
    spent, back = (row for _, row in export.rows)
    rows = Spool("mint", [spent, back._replace(type="refund")])
    report = run(Job(alice, rows, chunk=1), lambda rows: None)
    assert (report.opened.count, report.resolved.count) == (0, 0)
    assert Alert.objects.get().status == AlertStatus.RESOLVED


def test_progress_is_told_for_rows_that_are_there_already_too(tmp_path: Path) -> None:
    export = read_export(write_csv(tmp_path / "e.csv", MONTHS))
    told: list[int] = []
    for _ in range(2):
        run(Job(User.objects.get_or_create(username="a")[0], export.rows, chunk=4), told.append)
    assert told == [4, 2, 4, 2]


def test_no_bar_is_drawn_where_nobody_looks(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    load(write_csv(tmp_path / "e.csv", MONTHS))
    assert capfd.readouterr().err == ""


def passing_error(code: str) -> OperationalError:
    """What Django raises for a PostgreSQL error of that code."""
    error, cause = OperationalError("canceling statement"), Exception()
    cause.pgcode = code  # type: ignore[attr-defined]
    error.__cause__ = cause
    return error


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("code", "tries"), [("40P01", 3), ("40001", 3), ("55P03", 3), ("53300", 1)]
)
def test_a_chunk_is_tried_again_where_that_can_help(tmp_path: Path, code: str, tries: int) -> None:
    calls: list[int] = []

    def failing(*args: Any, **kwargs: Any) -> Any:
        calls.append(1)
        raise passing_error(code)

    with patch.object(store, "store_rows", failing):
        said = refused(write_csv(tmp_path / "e.csv", MONTHS))
    assert said.startswith("The database gave up: canceling statement")
    assert len(calls) == tries


def planned_before(between: Callable[[], object]) -> AbstractContextManager[object]:
    """Let something happen once, when an import has been planned and has stored nothing yet."""
    planned = run_module.planned
    first = [between]

    def seen_too_early(job: Job) -> Plan:
        plan: Plan = planned(job)
        if first:
            first.pop()()
        return plan

    return patch.object(run_module, "planned", seen_too_early)


def test_rows_that_another_import_stored_meanwhile_are_left_to_it(tmp_path: Path) -> None:
    make_user("alice")
    file = write_csv(tmp_path / "e.csv", MONTHS)
    with planned_before(lambda: load(file)):
        said = load(file)
    assert "0 stored, 6 there already" in said
    assert len(row_states("alice")) == 6


def test_imports_of_alike_rows_at_once_are_as_one_after_the_other(tmp_path: Path) -> None:
    make_user("alice")
    short = write_csv(tmp_path / "short.csv", [line(category="Coffee Shops")])
    both = [line(category="Business Services"), line(category="Coffee Shops")]
    with planned_before(lambda: load(short)):
        said = load(write_csv(tmp_path / "long.csv", both))
    assert "1 stored, 1 there already" in said
    names = Transaction.objects.values_list("category__name", flat=True)
    assert sorted(names) == ["Business Services", "Coffee Shops"]


def test_what_was_stored_and_deleted_meanwhile_stays_deleted(tmp_path: Path) -> None:
    make_user("alice")
    file = write_csv(tmp_path / "e.csv", MONTHS)

    def store_and_delete() -> None:
        load(file)
        Transaction.objects.get(amount="85").delete()

    with planned_before(store_and_delete):
        said = load(file)
    assert "0 stored, 5 there already" in said
    assert "1 deleted before stay so" in said
    assert len(row_states("alice")) == 5


def test_an_import_ends_in_words_where_another_makes_the_user(tmp_path: Path) -> None:
    file = write_csv(tmp_path / "e.csv", MONTHS)
    with planned_before(lambda: load(file)):
        said = refused(file)
    assert said == (
        "The user 'alice' was made by somebody else just now; try again. Nothing was stored."
    )
    assert len(row_states("alice")) == 6


def test_an_id_that_another_row_has_taken_meanwhile_is_named(tmp_path: Path) -> None:
    make_user("alice")
    mapping = tmp_path / "bank.toml"
    mapping.write_text(
        'name = "bank"\n[columns]\ndate = "Date"\namount = "Amount"\ndescription = "Text"\n'
        'external_id = "Id"\n[constant]\ntype = "expense"\n[date]\nformats = ["%Y-%m-%d"]\n'
    )
    header = ("Date", "Text", "Amount", "Id")
    april = write_csv(tmp_path / "april.csv", [("2018-04-01", "Rent", "900", "1")], header)
    may = write_csv(tmp_path / "may.csv", [("2018-05-01", "Books", "11", "1")], header)
    with planned_before(lambda: load(april, mapping=mapping)):
        said = refused(may, mapping=mapping)
    assert said.startswith("Line 2: id '1' is that of another row: 2018-04-01, 900.00 expense")
    assert said.endswith("0 of 1 rows are stored, complete with their alerts.")
    assert len(row_states("alice")) == 1


few = st.integers(1, 4)
few_lines = st.lists(
    st.builds(
        line,
        day=st.sampled_from(["01/30/2018", "01/31/2018", "02/01/2018", "2/28/2018"]),
        amount=st.sampled_from(["10", "33.33", "79.99", "100", "0"]),
        side=st.sampled_from(["debit", "debit", "debit", "credit"]),
        category=st.sampled_from(["Groceries", "Rent", "Transfer"]),
        account=st.sampled_from(["Checking", "Visa"]),
    ),
    max_size=14,
)
quick = settings(
    max_examples=15, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
names = iter(range(10**6))


def import_lines(lines: list[Line], *, parts: int = 1, chunk: int = 5000) -> str:
    """Import lines under a new user, as files that grow part by part; gives the user's name."""
    name = f"user-{next(names)}"
    user = make_user(name)
    limit(user, "100", of="Groceries")
    limit(user, "150", levels=[50, 100, 150])
    limit(user, "80", "daily", operator="gt")
    limit(user, "90", "transaction")
    with tempfile.TemporaryDirectory() as folder:
        for part in range(1, parts + 1):
            file = write_csv(Path(folder, "e.csv"), lines[: len(lines) * part // parts])
            run(Job(user, read_export(file).rows, chunk=chunk), lambda rows: None)
    assert reconcile(user.pk) == []
    return name


# What comes back resolves what an earlier chunk has opened; in one commit it has never been open.
@quick
@given(few_lines.map(lambda lines: [one for one in lines if one[3] == "debit"]), few)
def test_any_chunk_size_gives_the_same_rows_and_alerts(lines: list[Line], chunk: int) -> None:
    whole, parts = import_lines(lines), import_lines(lines, chunk=chunk)
    assert row_states(parts) == row_states(whole)
    assert alert_states(parts) == alert_states(whole)


@quick
@given(few_lines)
def test_importing_twice_is_importing_once(lines: list[Line]) -> None:
    once, twice = import_lines(lines), import_lines(lines)
    user = User.objects.get(username=twice)
    with tempfile.TemporaryDirectory() as folder:
        file = write_csv(Path(folder, "again.csv"), lines[::-1])
        report = run(Job(user, read_export(file).rows), lambda rows: None)
    assert report.outcome.stored == 0
    assert row_states(twice) == row_states(once)
    assert alert_states(twice) == alert_states(once)


def open_states(name: str) -> set[tuple[object, ...]]:
    return {state[:4] for state in alert_states(name) if state[3] == AlertStatus.OPEN}


@quick
@given(few_lines, few)
def test_exports_that_grow_give_the_rows_of_the_last(lines: list[Line], parts: int) -> None:
    whole, grown = import_lines(lines), import_lines(lines, parts=parts)
    # Of rows that are alike, the one that came first has the first id.
    assert sorted(row[:5] for row in row_states(grown)) == sorted(
        row[:5] for row in row_states(whole)
    )
    assert open_states(grown) == open_states(whole)


def database_url() -> str:
    """The test's own database, for another process."""
    name = str(connection.settings_dict["NAME"])
    return f"sqlite:///{name}" if connection.vendor == "sqlite" else url_of(name)


@pytest.mark.django_db(transaction=True)
def test_an_import_that_is_killed_goes_on_where_it_stopped(tmp_path: Path) -> None:
    lines = [
        line(f"{1 + at // 80:02}/{1 + at % 28:02}/2018", amount=f"{1 + at % 7}.25")
        for at in range(900)
    ]
    file = write_csv(tmp_path / "e.csv", lines)
    budget = write_budget(tmp_path / "b.csv", Groceries="300")
    load(file, user="charlie", budget=budget)
    command = [sys.executable, "manage.py", "import_transactions", str(file), "--user", "alice"]
    command += ["--create-user", "--budget", str(budget), "--chunk-size", "3"]
    mine = Transaction.objects.filter(user__username="alice")
    process = subprocess.Popen(
        command,
        cwd=django_settings.BASE_DIR,
        env=os.environ | {"DATABASE_URL": database_url()},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    try:
        deadline = time.monotonic() + 60
        while mine.count() < 30 and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.01)
    finally:
        process.kill()
        _, errors = process.communicate()
    assert process.returncode == -signal.SIGKILL, errors.decode()
    stopped_at = mine.count()
    assert 30 <= stopped_at < 900
    assert stopped_at % 3 == 0
    alice = User.objects.get(username="alice")
    assert reconcile(alice.pk) == []
    said = load(file, budget=budget)
    assert f"{900 - stopped_at} stored, {stopped_at} there already" in said
    assert row_states("alice") == row_states("charlie")
    assert alert_states("alice") == alert_states("charlie")
