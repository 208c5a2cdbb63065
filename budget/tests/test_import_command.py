"""The command with a file that nobody has described: what it asks, prints and refuses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command

from budget.imports import Hints, read_export, read_mapping, text_of
from budget.models import Transaction
from budget.tests.people import make_user
from budget.tests.statements import OFX, movement
from budget.tests.test_import_detect import FILES, PROGRAMS

pytestmark = pytest.mark.django_db

UNCLEAR = "Date,Description,Amount\n03/04/2024,Shop,-12.50\n05/04/2024,Bar,-1.00\n"


def load(folder: Path, content: str, **options: Any) -> str:
    file = folder / "export.csv"
    file.write_text(content, encoding="utf-8")
    options = {"user": "alice", "create_user": True} | options
    return str(call_command("import_transactions", str(file), **options))


def refused(folder: Path, content: str, **options: Any) -> str:
    with pytest.raises(CommandError) as caught:
        load(folder, content, **options)
    return str(caught.value)


def test_a_question_names_its_options_with_both_readings(tmp_path: Path) -> None:
    assert refused(tmp_path, UNCLEAR).splitlines() == [
        "export.csv: 1 question first; nothing was stored.",
        "Which comes first in a date? Line 2 has '03/04/2024', and no date of the file tells.",
        "  --dates day-first    03/04/2024 is 3 April 2024",
        "  --dates month-first  03/04/2024 is 4 March 2024",
        "The same command with such an option goes on.",
    ]
    assert not User.objects.filter(username="alice").exists()
    load(tmp_path, UNCLEAR, dates="month-first")
    assert str(Transaction.objects.order_by("id")[0].date) == "2024-03-04"


# A card whose days and signs are both open.
CARD = "Date,Description,Amount\n03/04/2024,Shop,12.50\n05/04/2024,Bar,1.00\n"


def test_two_things_that_are_open_are_one_question(tmp_path: Path) -> None:
    assert refused(tmp_path, CARD).splitlines() == [
        "export.csv: 1 question first; nothing was stored.",
        "Which comes first in a date? Line 2 has '03/04/2024', and no date of the file tells. "
        "Does an amount above zero mean money spent, as on many cards? Line 2: 03/04/2024, Shop, "
        "12.50",
        "  --reading dates=day-first,signs=spent-is-negative    "
        "03/04/2024 is 3 April 2024; 12.50 is 12.50 that came in",
        "  --reading dates=day-first,signs=spent-is-positive    "
        "03/04/2024 is 3 April 2024; 12.50 is 12.50 spent",
        "  --reading dates=month-first,signs=spent-is-negative  "
        "03/04/2024 is 4 March 2024; 12.50 is 12.50 that came in",
        "  --reading dates=month-first,signs=spent-is-positive  "
        "03/04/2024 is 4 March 2024; 12.50 is 12.50 spent",
        "The same command with such an option goes on.",
    ]
    load(tmp_path, CARD, reading="dates=month-first,signs=spent-is-positive")
    first = Transaction.objects.order_by("id")[0]
    assert (str(first.date), first.type.slug) == ("2024-03-04", "expense")


def test_each_thing_that_is_open_can_be_said_by_itself(tmp_path: Path) -> None:
    assert "  --signs spent-is-positive  " in refused(tmp_path, CARD, dates="day-first")
    load(tmp_path, CARD, dates="day-first", signs="spent-is-positive")
    said = refused(tmp_path, CARD, reading="day-first")
    assert "--reading day-first: it is such as dates=day-first" in said


def test_an_answer_is_kept_for_the_next_file_of_the_account(tmp_path: Path) -> None:
    assert "Answers:" not in load(tmp_path, CARD, dates="day-first", signs="spent-is-positive")
    said = load(tmp_path, CARD.replace("2024", "2025"))
    kept = "--dates day-first --signs spent-is-positive, as for an earlier file of the account"
    assert f"Answers:     {kept}" in said
    assert [str(row.date) for row in Transaction.objects.order_by("-id")[:1]] == ["2025-04-05"]
    # What is said now counts, and another user was never asked.
    said = load(tmp_path, CARD.replace("2024", "2023"), dates="month-first", dry_run=True)
    assert "2023-03-04 to 2023-05-04" in said
    make_user("charlie")
    assert "1 question first" in refused(tmp_path, CARD, user="charlie")


def test_an_account_that_is_named_has_its_answers_whatever_the_file_is_called(
    tmp_path: Path,
) -> None:
    load(tmp_path, UNCLEAR, dates="day-first", account="Main", dry_run=True)
    assert "1 question first" in refused(tmp_path, UNCLEAR, account="Main")
    load(tmp_path, UNCLEAR, dates="day-first", account="Main")
    other = tmp_path / "other"
    other.mkdir()
    assert "--dates day-first" in load(other, f"Bank\n{UNCLEAR}", account="main")
    assert "1 question first" in refused(other, f"Bank\n{UNCLEAR}")


def test_the_year_of_a_file_is_not_that_of_the_next(tmp_path: Path) -> None:
    content = "Date,Description,Amount\n13.01.,Shop,-12.50\n14.01.,Bar,-1.00\n"
    load(tmp_path, content, year="2024")
    assert "In which year is the newest row?" in refused(tmp_path, content)


JOURNAL = (
    "Date,Entry,Account,Amount,Text\n"
    '2024-03-13,1,"Bank, joint",-5.00,Shop\n2024-03-13,1,Food,5.00,Shop\n'
    '2024-03-14,2,"Bank, joint",-7.00,Bar\n2024-03-14,2,Food,7.00,Bar\n'
)


def test_several_names_are_one_answer_and_kept(tmp_path: Path) -> None:
    said = refused(tmp_path, JOURNAL)
    assert "  --accounts '\"Bank, joint\"'  2 lines, such as line 2: " in said
    load(tmp_path, JOURNAL, accounts='"Bank, joint"')
    said = load(tmp_path, JOURNAL.replace("2024", "2025"))
    assert "Answers:     --accounts '\"Bank, joint\"'" in said
    assert "2 expense 12.00" in said


def test_the_mapping_that_was_found_is_printed_and_nothing_stored(tmp_path: Path) -> None:
    text = load(tmp_path, UNCLEAR, dates="day-first", show_mapping=True)
    mapping = tmp_path / "bank.toml"
    mapping.write_text(text, encoding="utf-8")
    assert 'formats = ["%d/%m/%Y"]' in text
    assert not Transaction.objects.exists()
    load(tmp_path, UNCLEAR, mapping=mapping)
    assert "2 read, 0 stored, 2 there already" in load(tmp_path, UNCLEAR, dates="day-first")


def test_what_is_no_table_has_no_mapping_to_print(tmp_path: Path) -> None:
    said = refused(tmp_path, OFX.format(movement("-1.00")), show_mapping=True)
    assert said == "export.csv is read as OFX statement, which needs no mapping."


@pytest.mark.parametrize("name", [*FILES, *PROGRAMS])
def test_a_printed_mapping_reads_the_same(tmp_path: Path, name: str) -> None:
    file, toml = tmp_path / "export.csv", tmp_path / "bank.toml"
    content, _ = (FILES | PROGRAMS)[name]
    file.write_text(content, encoding="utf-8")
    export = read_export(file)
    assert export.layout is not None
    toml.write_text(text_of(export.layout), encoding="utf-8")
    assert read_mapping(toml) == export.layout
    assert read_export(file, Hints(mapping=read_mapping(toml))).rows == export.rows


def test_the_first_file_gives_a_user_its_currency(tmp_path: Path) -> None:
    said = load(tmp_path, OFX.format(movement("-1.00")))
    assert "Currency:    EUR is the currency of alice now" in said
    assert User.objects.get(username="alice").profile.currency == "EUR"
    assert "Currency:" not in load(tmp_path, OFX.format(movement("-1.00")))


def test_a_dry_run_changes_no_currency(tmp_path: Path) -> None:
    make_user("alice")
    assert "Currency:    EUR" in load(tmp_path, OFX.format(movement("-1.00")), dry_run=True)
    assert User.objects.get(username="alice").profile.currency == "USD"


def test_another_currency_than_the_users_is_refused_or_left_out(tmp_path: Path) -> None:
    load(tmp_path, OFX.format(movement("-1.00")))
    dollars = OFX.format(movement("-2.00", fitid="F2")).replace("EUR", "USD")
    assert (
        "export.csv, line 15: 1 of 1 rows are in another currency than the user's, EUR: this one "
        "is in USD; --currency EUR leaves them out"
    ) in refused(tmp_path, dollars)
    assert "--currency USD: the user's amounts are in EUR" in refused(
        tmp_path, dollars, currency="USD"
    )
    both = dollars.replace("</BANKTRANLIST>", f"{movement('-3.00', fitid='F3')}</BANKTRANLIST>")
    both = both.replace("F3\n", "F3\n<CURRENCY><CURRATE>1<CURSYM>EUR</CURRENCY>\n")
    said = load(tmp_path, both, currency="EUR")
    assert "2 read, 1 stored" in said
    assert "Left out:    1, in USD, not in EUR; on line" in said
