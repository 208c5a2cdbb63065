"""Imports in the background: asked, answered, killed, stopped, taken over; the same in the end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from django.conf import settings as django_settings
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import OperationalError, connection
from django.utils import timezone

from budget.engine import open_book, reconcile
from budget.imports import jobs
from budget.imports.jobs import (
    Work,
    claim,
    purge,
    renew,
    start_again,
    take_in,
    undo_later,
    work_on,
)
from budget.imports.record import Lost, begin
from budget.imports.run import run
from budget.imports.undo import undo
from budget.models import Conflict, Import, ImportPart, ImportState, Transaction
from budget.tests.exports import alert_states, line, row_states, write_csv
from budget.tests.people import limit, make_user
from budget.tests.test_import_storing import database_url

pytestmark = pytest.mark.django_db

CLEAR = "Date,Description,Amount\n2024-04-03,Shop,-12.50\n2024-04-05,Wages,900.00\n"
UNCLEAR = "Date,Description,Amount\n03/04/2024,Shop,-12.50\n05/04/2024,Bar,-1.00\n"
MAPPING = (
    'name = "b"\n[columns]\ndate = "Date"\namount = "Amount"\n[date]\n'
    'formats = ["%Y-%m-%d"]\n[constant]\ntype = "expense"\n'
)
LATER = UNCLEAR.replace("/04/", "/05/")


@pytest.fixture
def alice() -> User:
    return make_user()


def hand_in(user: User, text: str, name: str = "bank.csv", **options: Any) -> Import:
    dry_run = bool(options.pop("dry_run", False))
    return take_in(user, name, BytesIO(text.encode()), options, dry_run)


def work() -> None:
    """Let a worker do all there is to do, in this process."""
    while (found := claim("w")) is not None:
        work_on(Work(found, "w"))


def ended(found: Import) -> Import:
    work()
    found.refresh_from_db()
    return found


def test_a_file_is_stored_and_goes(alice: User) -> None:
    limit(alice, "10.00")
    found = ended(hand_in(alice, CLEAR))
    assert (found.state, found.stored, found.rows, found.settled) == (ImportState.DONE, 2, 2, 2)
    assert found.due_at is None
    report = found.report
    assert (report["read"], report["stored"], report["present"]) == (2, 2, 0)
    assert (report["date_from"], report["date_to"]) == ("2024-04-03", "2024-04-05")
    assert report["types"] == [
        {"type": "expense", "count": 1, "sum": "12.50"},
        {"type": "income", "count": 1, "sum": "900.00"},
    ]
    assert report["sample"][0]["description"] == "Shop"
    assert report["opened"]["count"] == 2
    assert not ImportPart.objects.exists()
    assert ended(hand_in(alice, CLEAR)).report["present"] == 2


def test_a_dry_run_stores_nothing_and_can_be_stored_then(alice: User) -> None:
    limit(alice, "10.00")
    found = ended(hand_in(alice, CLEAR, dry_run=True))
    assert (found.state, found.report["stored"], found.stored) == (ImportState.TRIED, 2, 0)
    assert found.report["opened"]["count"] == 2
    assert not Transaction.objects.exists()
    start_again(found, {}, dry_run=False)
    assert ended(found).state == ImportState.DONE
    assert Transaction.objects.count() == 2
    with pytest.raises(Conflict):
        start_again(found, {}, dry_run=False)


def test_a_question_is_asked_once_for_an_account(alice: User) -> None:
    found = ended(hand_in(alice, UNCLEAR, "bank 2024-04.csv"))
    assert found.state == ImportState.ASKING
    (question,) = found.questions
    assert question["key"] == "dates"
    assert question["choices"] == [
        {"value": "day-first", "reading": "03/04/2024 is 3 April 2024"},
        {"value": "month-first", "reading": "03/04/2024 is 4 March 2024"},
    ]
    start_again(found, {"dates": "day-first"}, dry_run=False)
    assert ended(found).state == ImportState.DONE
    later = ended(hand_in(alice, LATER, "bank 2024-05.csv"))
    assert (later.state, later.report["kept"]) == (ImportState.DONE, {"dates": "day-first"})
    assert {str(row.date) for row in Transaction.objects.all()} == {
        "2024-04-03",
        "2024-04-05",
        "2024-05-03",
        "2024-05-05",
    }


def test_an_answer_is_kept_for_nobody_else_and_no_other_account(alice: User) -> None:
    ended(hand_in(alice, UNCLEAR, "one.csv", dates="day-first", dry_run=True))
    assert ended(hand_in(make_user("bob"), UNCLEAR, "one.csv")).state == ImportState.ASKING
    assert ended(hand_in(alice, UNCLEAR, "two.csv")).state == ImportState.ASKING
    other = UNCLEAR.replace("Description", "Merchant")
    assert ended(hand_in(alice, other, "one.csv")).state == ImportState.ASKING


def test_the_name_of_an_account_says_which_it_is(alice: User) -> None:
    ended(hand_in(alice, UNCLEAR, "one.csv", dates="day-first", account="Card", dry_run=True))
    assert ended(hand_in(alice, LATER, "two.csv", account="card")).state == ImportState.DONE
    assert ended(hand_in(alice, UNCLEAR, "one.csv")).state == ImportState.ASKING


def test_a_kept_answer_never_overrules_a_file_that_tells(alice: User) -> None:
    ended(hand_in(alice, UNCLEAR, "bank.csv", dates="day-first", dry_run=True))
    telling = UNCLEAR.replace("05/04/2024", "05/24/2024")
    found = ended(hand_in(alice, telling, "bank.csv"))
    assert found.report["kept"] == {}
    assert {str(row.date) for row in Transaction.objects.all()} == {"2024-03-04", "2024-05-24"}


@pytest.mark.parametrize(
    ("text", "options", "detail", "lines"),
    [
        (
            CLEAR.replace("-12.50", "twelve").replace("900.00", "x"),
            {"mapping": MAPPING},
            "2 problems; nothing was stored.",
            [2, 3],
        ),
        (CLEAR, {"mapping": "name = 3"}, "The mapping is not right.", None),
        (CLEAR, {"mapping": "a = " + "[" * 5000}, "The mapping is not right.", None),
        (CLEAR, {"mapping": "a = " + "9" * 9000}, "The mapping is not right.", None),
        ("%PDF-1.4", {}, "1 problem; nothing was stored.", [1]),
        ("", {}, "1 problem; nothing was stored.", [1]),
        (UNCLEAR, {"dates": "never"}, "1 problem; nothing was stored.", [1]),
        (CLEAR, {"encoding": "utf-16"}, "1 problem; nothing was stored.", [1]),
        (CLEAR, {"encoding": "idna"}, "1 problem; nothing was stored.", [1]),
        (
            CLEAR.replace("Amount", "Größe"),
            {"encoding": "ascii"},
            "1 problem; nothing was stored.",
            [1],
        ),
    ],
)
def test_what_cannot_be_read_fails_in_words(
    alice: User, text: str, options: dict[str, str], detail: str, lines: list[int] | None
) -> None:
    found = ended(hand_in(alice, text, **options))
    assert (found.state, found.stored) == (ImportState.FAILED, 0)
    assert found.failure is not None
    assert found.failure["detail"] == detail
    if lines is not None:
        assert [error["line"] for error in found.failure["errors"]] == lines
    assert "--" not in str(found.failure)
    assert not Transaction.objects.exists()


def test_a_fault_of_ours_fails_without_its_text(alice: User) -> None:
    with mock.patch.object(jobs, "file_of", side_effect=KeyError("secret")):
        found = ended(hand_in(alice, CLEAR))
    assert found.state == ImportState.FAILED
    assert "secret" not in str(found.failure)


def test_a_database_that_cannot_is_asked_again(alice: User) -> None:
    found = hand_in(alice, CLEAR)
    with mock.patch.object(jobs, "run", side_effect=OperationalError("gone")):
        ended(found)
    assert (found.state, found.attempts) == (ImportState.WAITING, 1)
    assert found.due_at is not None
    assert found.due_at > timezone.now()
    make_due(found)
    assert ended(found).state == ImportState.DONE


def test_a_worker_outlives_a_database_that_goes_away(alice: User) -> None:
    found = hand_in(alice, CLEAR)
    gone = OperationalError("gone")
    with (
        mock.patch.object(jobs, "run", side_effect=gone),
        mock.patch.object(jobs, "let_go", side_effect=gone),
    ):
        call_command("work", once=True)
    make_due(found)
    assert ended(found).state == ImportState.DONE


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has no server")
@pytest.mark.django_db(transaction=True)
def test_an_import_whose_connection_was_cut_is_tried_again() -> None:
    found = hand_in(make_user(), CLEAR)

    def cut(*args: Any) -> Any:
        connection.connection.close()
        return run(*args)

    with mock.patch.object(jobs, "run", cut):
        ended(found)
    assert (found.state, found.attempts) == (ImportState.WAITING, 1)
    make_due(found)
    assert ended(found).state == ImportState.DONE


def test_a_dry_run_that_the_database_cannot_do_now_is_a_job(alice: User) -> None:
    with mock.patch.object(jobs, "rehearse", side_effect=OperationalError("gone")):
        found, over = jobs.hand_in(alice, "bank.csv", BytesIO(CLEAR.encode()), {}, dry_run=True)
    assert (found.state, over) == (ImportState.WAITING, False)


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has one lock for all writes")
@pytest.mark.django_db(transaction=True)
def test_an_import_is_held_while_it_is_tried() -> None:
    hand_in(make_user(), CLEAR, dry_run=True)
    found = claim("w")
    assert found is not None
    held: list[bool] = []

    def beside() -> None:
        try:
            with connection.cursor() as cursor:
                cursor.execute("SET lock_timeout = '1s'")
            held.append(renew(found, "w"))
        finally:
            connection.close()

    def stopping() -> bool:
        thread = threading.Thread(target=beside)
        thread.start()
        thread.join()
        return False

    work_on(Work(found, "w", stopping=stopping))
    assert held == [True]


def make_due(found: Import) -> None:
    Import.objects.filter(pk=found.pk).update(due_at=timezone.now() - timedelta(seconds=1))


def test_an_import_that_ends_its_workers_is_given_up(alice: User) -> None:
    found = hand_in(alice, CLEAR)
    for _ in range(3):
        assert claim("dies") is not None
        make_due(found)
    assert ended(found).state == ImportState.FAILED


def test_no_two_workers_have_one_import(alice: User) -> None:
    first, second = hand_in(alice, CLEAR), hand_in(alice, CLEAR)
    assert [claim("a"), claim("b"), claim("c")] == [first, second, None]


def test_a_worker_that_has_lost_an_import_stores_no_more_of_it(alice: User) -> None:
    hand_in(alice, CLEAR)
    slow = claim("slow")
    assert slow is not None
    make_due(slow)
    assert claim("quick") is not None
    with pytest.raises(Lost):
        work_on(Work(slow, "slow"))
    assert not Transaction.objects.exists()


def test_an_undo_that_a_worker_has_lost_changes_nothing(alice: User) -> None:
    found = ended(hand_in(alice, CLEAR))
    undo_later(found)
    slow = claim("slow")
    assert slow is not None
    make_due(slow)
    work()
    with pytest.raises(Lost):
        work_on(Work(slow, "slow"))
    with pytest.raises(Lost):
        jobs.fail(Work(slow, "slow"), "Too many alerts.")
    found.refresh_from_db()
    assert found.state == ImportState.UNDONE


def test_commands_that_were_killed_keep_no_file_out(alice: User, tmp_path: Path) -> None:
    path = write_csv(tmp_path / "bank.csv", [])
    for _ in range(Import.MAX_OPEN):
        begin(alice.pk, path, {}, 1)
    assert ended(hand_in(alice, CLEAR)).state == ImportState.DONE


def test_a_row_that_goes_again_while_it_is_brought_back_comes_back(alice: User) -> None:
    ended(hand_in(alice, CLEAR))
    Transaction.objects.all().delete()
    found = hand_in(alice, CLEAR, restore_deleted=True)
    with mock.patch.object(jobs, "finish", side_effect=OperationalError("gone")):
        ended(found)
    Transaction.objects.all().delete()
    make_due(found)
    assert ended(found).state == ImportState.DONE
    assert Transaction.objects.count() == 2


def test_what_fails_after_a_restart_does_not_say_that_nothing_is_stored(alice: User) -> None:
    found = hand_in(alice, CLEAR.replace("-12.50", "twelve"), mapping=MAPPING)
    Import.objects.update(stored=1)
    assert "nothing more was stored" in str(ended(found).failure)


def test_too_many_at_once_are_refused(alice: User) -> None:
    for _ in range(Import.MAX_OPEN):
        hand_in(alice, CLEAR)
    with pytest.raises(Conflict):
        hand_in(alice, CLEAR)
    hand_in(make_user("bob"), CLEAR)


def test_files_that_wait_for_somebody_are_few_and_not_for_ever(alice: User) -> None:
    files = [ended(hand_in(alice, UNCLEAR, f"{chr(97 + at)}.csv")) for at in range(7)]
    kept_by = set(ImportPart.objects.values_list("imported_id", flat=True))
    assert kept_by == {found.pk for found in files[2:]}
    with pytest.raises(Conflict, match="not kept"):
        start_again(files[0], {"dates": "day-first"}, dry_run=False)
    assert purge() == 0
    Import.objects.update(ended_at=timezone.now() - timedelta(days=8))
    assert purge() == 5
    assert not ImportPart.objects.exists()


# Ends in the middle.

LINES = [
    line(f"{1 + at // 80:02}/{1 + at % 28:02}/2018", amount=f"{1 + at % 7}.25") for at in range(120)
]


def whole_and_cut(
    tmp_path: Path, end: Callable[[subprocess.Popen[bytes]], None]
) -> tuple[Import, int]:
    """Import for charlie in one go, for alice with an end in the middle; gives hers."""
    file = write_csv(tmp_path / "e.csv", LINES)
    for name in ("charlie", "alice"):
        limit(make_user(name), "30.00", name="Limit")
    ended(hand_in(User.objects.get(username="charlie"), file.read_text(), "e.csv"))
    found = hand_in(User.objects.get(username="alice"), file.read_text(), "e.csv")
    mine = Transaction.objects.filter(user__username="alice")
    process = subprocess.Popen(
        [sys.executable, "manage.py", "work", "--chunk-size", "3"],
        cwd=django_settings.BASE_DIR,
        env=os.environ | {"DATABASE_URL": database_url()},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + 60
        while mine.count() < 6 and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.005)
        end(process)
        process.wait(timeout=30)
    finally:
        process.kill()
        process.wait()
    assert 6 <= mine.count() < len(LINES)
    found.refresh_from_db()
    return found, process.returncode


def finish_it(found: Import) -> None:
    stored = found.stored
    assert stored == Transaction.objects.filter(import_id=found.pk).count()
    call_command("work", once=True)
    found.refresh_from_db()
    assert (found.state, found.stored) == (ImportState.DONE, len(LINES))
    assert found.report["present"] == 0
    assert row_states("alice") == row_states("charlie")
    assert alert_states("alice") == alert_states("charlie")
    other = Import.objects.get(user__username="charlie")
    assert found.report["opened"] == other.report["opened"]
    assert reconcile(found.user_id) == []
    with open_book(found.user_id) as book:
        undo(book, found)
    assert row_states("alice") == []
    assert reconcile(found.user_id) == []


@pytest.mark.django_db(transaction=True)
def test_a_killed_worker_s_import_goes_on_where_it_stopped(tmp_path: Path) -> None:
    found, code = whole_and_cut(tmp_path, lambda process: process.kill())
    assert (code, found.state) == (-signal.SIGKILL, ImportState.RUNNING)
    assert claim("early") is None  # it is held for a minute
    make_due(found)
    finish_it(found)


@pytest.mark.django_db(transaction=True)
def test_a_worker_that_is_told_to_end_lets_go_after_its_commit(tmp_path: Path) -> None:
    found, code = whole_and_cut(tmp_path, lambda process: process.terminate())
    assert (code, found.state, found.worker) == (0, ImportState.WAITING, "")
    finish_it(found)
