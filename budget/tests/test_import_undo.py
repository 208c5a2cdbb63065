"""An import is taken back as a whole, alerts included, unless something was built on it."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command

from budget.engine import merge_categories, reconcile
from budget.models import Category, DeletedId, Import, ImportState, Transaction
from budget.tests.people import category, limit, make_user, spend
from budget.tests.test_import_cases import SIGNED, Desk

pytestmark = pytest.mark.django_db

NUMBERED = SIGNED.replace("[date]", 'external_id = "Ref"\n[date]')
HEADER = "Date,Ref,Text,Amount\n"
PENDING = f"{HEADER}2024-09-06,P77,Bistro,-20.00\n"
POSTED = f"{HEADER}2024-09-08,P77,Bistro,-24.00\n2024-09-09,P78,Bar,-50.00\n"


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path, make_user())


def imports(desk: Desk) -> list[Import]:
    return list(Import.objects.filter(user=desk.user).order_by("pk"))


def undo(found: Import) -> str:
    user = User.objects.get(pk=found.user_id)
    return str(call_command("imports", user=user.username, undo=found.pk))


def refused(found: Import) -> str:
    with pytest.raises(CommandError) as caught:
        undo(found)
    return str(caught.value)


def test_all_is_as_it_was_before(desk: Desk) -> None:
    spend(desk.user, "60.00", "2024-09-01")
    limit(desk.user, "100.00")
    before = Transaction.objects.count(), Category.objects.count(), open_alerts(desk)
    desk.load(POSTED, NUMBERED)
    assert open_alerts(desk) != before[2]
    (found,) = imports(desk)
    assert (found.state, found.stored, found.rows, found.settled) == (ImportState.DONE, 2, 2, 2)
    assert "is undone: 2 rows. Alerts: 0 opened, 2 resolved." in undo(found)
    assert (Transaction.objects.count(), Category.objects.count(), open_alerts(desk)) == before
    assert reconcile(desk.user.pk) == []
    assert "was undone already" in refused(found)
    assert "2 stored, 0 there already" in desk.load(POSTED, NUMBERED)


def open_alerts(desk: Desk) -> list[tuple[object, ...]]:
    rows = desk.user.alerts.filter(status="open").order_by("period_start", "level")
    return list(rows.values_list("threshold_id", "period_start", "level"))


def test_a_row_that_was_pending_is_pending_again(desk: Desk) -> None:
    desk.load(PENDING, NUMBERED)
    before = [str(row) for row in Transaction.objects.all()]
    desk.load(POSTED, NUMBERED)
    first, second = imports(desk)
    assert "Transaction" in (said := refused(first))
    assert f"updated by import {second.pk} since; undo that first" in said
    undo(second)
    assert [str(row) for row in Transaction.objects.all()] == before
    desk.load(POSTED, NUMBERED)  # and can be posted once more
    assert sorted(row.amount for row in Transaction.objects.all()) == [24, 50]
    assert reconcile(desk.user.pk) == []


@pytest.mark.parametrize("column", ["date", "amount", "description", "category"])
def test_a_row_that_was_changed_since_forbids_it(desk: Desk, column: str) -> None:
    desk.load(POSTED, NUMBERED)
    row = Transaction.objects.get(description="Bar")
    other = {
        "date": "2024-09-10",
        "amount": "51.00",
        "description": "Pub",
        "category": category(desk.user, "Going out"),
    }
    setattr(row, column, other[column])
    row.save()
    (found,) = imports(desk)
    assert f"Transaction {row.pk} (" in refused(found)
    assert Transaction.objects.count() == 2


def test_a_change_of_what_the_import_has_updated_forbids_it(desk: Desk) -> None:
    desk.load(PENDING, NUMBERED)
    desk.load(POSTED, NUMBERED)
    row = Transaction.objects.get(description="Bistro")
    row.amount = 25
    row.save()
    assert f"Transaction {row.pk} (" in refused(imports(desk)[1])


def test_a_save_without_a_change_and_a_merge_do_not_forbid_it(desk: Desk) -> None:
    desk.load(POSTED, NUMBERED)
    row = Transaction.objects.get(description="Bar")
    row.save()
    merge_categories(
        Category.objects.get(pk=category(desk.user, "Once").pk), category(desk.user, "Twice")
    )
    undo(imports(desk)[0])
    assert not Transaction.objects.exists()


def test_a_row_that_was_deleted_since_stays_deleted(desk: Desk) -> None:
    desk.load(POSTED, NUMBERED)
    Transaction.objects.get(description="Bar").delete()
    undo(imports(desk)[0])
    assert list(DeletedId.objects.values_list("external_id", flat=True)) == ["bank:P78"]
    assert "1 stored" in desk.load(POSTED, NUMBERED)


def test_a_row_that_it_had_brought_back_is_deleted_again(desk: Desk) -> None:
    desk.load(POSTED, NUMBERED)
    Transaction.objects.get(description="Bar").delete()
    desk.load(POSTED, NUMBERED, restore_deleted=True)
    assert Transaction.objects.count() == 2
    undo(imports(desk)[1])
    assert list(Transaction.objects.values_list("description", flat=True)) == ["Bistro"]
    assert "0 stored, 1 there already" in desk.load(POSTED, NUMBERED)


def test_a_category_that_only_it_needed_goes_and_one_in_use_stays(desk: Desk) -> None:
    mapping = NUMBERED.replace('external_id = "Ref"', 'external_id = "Ref"\ncategory = "Kind"')
    desk.load(
        "Date,Ref,Text,Amount,Kind\n2024-09-08,1,A,-1.00,Alone\n2024-09-08,2,B,-1.00,Shared\n",
        mapping,
    )
    spend(desk.user, "3.00", to="Shared")
    undo(imports(desk)[0])
    names = set(Category.objects.filter(user=desk.user).values_list("name", flat=True))
    assert "Shared" in names
    assert "Alone" not in names


def test_imports_are_listed_with_what_they_stored(desk: Desk) -> None:
    desk.load(PENDING, NUMBERED)
    desk.load(PENDING, NUMBERED)
    undo(imports(desk)[0])
    listed = str(call_command("imports", user=desk.user.username)).splitlines()
    assert [line.split("  ")[2] for line in listed] == ["stored, 0 rows", "undone, 1 rows"]


def test_an_import_of_somebody_else_is_not_there(desk: Desk) -> None:
    desk.load(PENDING, NUMBERED)
    make_user("bob")
    with pytest.raises(CommandError, match="bob has no import"):
        call_command("imports", user="bob", undo=imports(desk)[0].pk)
