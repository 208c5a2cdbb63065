"""What is written or taken back set by set is what saving and deleting one by one leaves."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from django.contrib.auth.models import User
from hypothesis import given

from budget.engine import open_book, reconcile
from budget.engine.bulk import remove_rows
from budget.imports import Job, read_export, run
from budget.imports.pairing import imported_of
from budget.imports.run import Pace
from budget.imports.spool import Spool
from budget.models import Alert, AlertEvent, Cause, Rollup, Transaction
from budget.tests.exports import Line, alert_states, line, write_csv
from budget.tests.people import category, limit, make_user, transaction_of
from budget.tests.test_import_storing import few_lines, names, quick

pytestmark = pytest.mark.django_db
# Only spending: what comes back resolves what a row before it has opened.
spent = few_lines.map(lambda lines: [one for one in lines if one[3] == "debit"])


def user_with_limits() -> User:
    user = make_user(f"bulk-{next(names)}")
    limit(user, "100", of="Groceries")
    limit(user, "150", levels=[50, 100, 150])
    limit(user, "80", "daily", operator="gt")
    limit(user, "90", "transaction")
    return user


def exported(lines: list[Line]) -> Spool:
    with tempfile.TemporaryDirectory() as folder:
        return read_export(write_csv(Path(folder, "e.csv"), lines)).rows


def import_all(user: User, rows: Spool, **options: Any) -> None:
    run(Job(user, rows, **options), lambda rows: None)


def save_one_by_one(user: User, rows: Spool) -> None:
    for external_id, row in rows:
        transaction_of(
            user,
            str(row.amount),
            str(row.date),
            to=row.category,
            type=row.type,
            description=row.description,
            external_id=external_id,
            imported_as=imported_of(row),
        ).save(cause=Cause.IMPORT)


def stored(user: User) -> list[tuple[Any, ...]]:
    """Every column of the user's transactions, with names instead of ids."""
    rows = (
        Transaction.objects.filter(user=user)
        .order_by("id")
        .values_list(
            "date",
            "category__name",
            "description",
            "search",
            "amount",
            "type__slug",
            "external_id",
            "imported_as",
            "edited",
        )
    )
    return list(rows)


def sums(user: User) -> set[tuple[Any, ...]]:
    rows = Rollup.objects.filter(user=user, count__gt=0)
    return set(
        rows.values_list("grain", "bucket", "category__name", "type__slug", "amount", "count")
    )


def events(user: User) -> list[tuple[Any, ...]]:
    """What happened to which alert, by which row; one commit orders its events by the alerts."""
    rows = AlertEvent.objects.filter(user=user).values_list(
        "alert__threshold__name", "alert__period_start", "alert__level", "kind", "cause", "total"
    )
    return sorted(rows, key=str)


@quick
@given(spent)
def test_a_set_stores_what_saving_one_by_one_stores(lines: list[Line]) -> None:
    whole, single = user_with_limits(), user_with_limits()
    import_all(whole, exported(lines))
    save_one_by_one(single, exported(lines))
    assert stored(whole) == stored(single)
    assert sums(whole) == sums(single)
    assert alert_states(whole.username) == alert_states(single.username)
    assert events(whole) == events(single)
    assert reconcile(whole.pk) == []


@quick
@given(few_lines, few_lines)
def test_what_is_taken_back_leaves_what_was_there(lines: list[Line], others: list[Line]) -> None:
    """Rows before and behind it, by date and by id, stay as if it had never been."""
    user, untouched = user_with_limits(), user_with_limits()
    kept: list[Line] = [(*one[:5], "Savings") for one in others]
    half = len(kept) // 2
    for each in (user, untouched):
        import_all(each, exported(kept[:half]))
        if each is user:
            import_all(user, exported(lines), import_id=7)
        import_all(each, exported(kept[half:]))
    with open_book(user.pk) as book:
        mine = Transaction.objects.filter(import_id=7)
        count = mine.count()
        assert remove_rows(book, mine, Cause.IMPORT) == count
    assert sorted(stored(user), key=str) == sorted(stored(untouched), key=str)
    assert sums(user) == sums(untouched)
    assert open_states(user) == open_states(untouched)
    assert reconcile(user.pk) == []


def open_states(user: User) -> set[tuple[Any, ...]]:
    alerts = Alert.objects.filter(user=user).open()
    return set(alerts.values_list("threshold__name", "period_start", "level"))


def test_only_the_users_own_rows_are_taken_back() -> None:
    user, other = user_with_limits(), user_with_limits()
    for each in (user, other):
        import_all(each, exported([line(amount="200")]), import_id=7)
    with open_book(user.pk) as book:
        assert remove_rows(book, Transaction.objects.filter(import_id=7), Cause.IMPORT) == 1
    assert (Transaction.objects.filter(user=other).count(), reconcile(other.pk)) == (1, [])


def test_texts_are_stored_as_they_are() -> None:
    user = make_user()
    text = r"a\b \N \. 'c' " "d" " Ünï 100 %s"
    import_all(user, exported([line(description=text, category="Back\\slash")]))
    row = Transaction.objects.get()
    assert (row.description, row.category.name) == (text, "Back\\slash")
    assert Transaction.objects.filter(search__contains=r"a\b \n \.").exists()


def test_a_plan_of_which_nobody_else_has_written_looks_nothing_up() -> None:
    rows = exported([line(amount=f"{number + 1}.00") for number in range(6)])
    user = make_user()
    category(user, "Groceries")
    with patch("budget.imports.store.look_up") as looked_up:
        import_all(user, rows, chunk=2)
    assert not looked_up.called
    assert Transaction.objects.count() == 6


def test_a_commit_is_as_large_as_its_lock_allows() -> None:
    pace = Pace(10_000)
    first = pace.rows
    pace.keep(first, 0.01)
    assert pace.rows == 2 * first
    for _ in range(5):
        pace.keep(pace.rows, 0.01)
    assert pace.rows == 10_000
    pace.keep(10_000, 0.8)
    assert pace.rows == 2_500
    pace.keep(2_500, 0.0)
    assert pace.rows == 2_500
    small = Pace(3)
    small.keep(3, 9.0)
    assert small.rows == 3
