"""Which row of a file is which stored row: over several files, edits and deletes."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from budget.engine import merge_categories, reconcile
from budget.models import AlertEvent, Category, DeletedId, FormerName, Transaction, former_name
from budget.tests.exports import row_states
from budget.tests.people import limit, make_user, open_levels
from budget.tests.test_import_cases import MINT, SIGNED, Desk

pytestmark = [pytest.mark.any_postgres, pytest.mark.django_db]

NUMBERED = SIGNED.replace("[date]", 'external_id = "Ref"\n[date]')
HEADER = "Date,Ref,Text,Amount\n"
CAFE = "3/02/2024,Cafe Uno,CAFE 12,4.50,debit,{},Card\n"
APRIL = f"{HEADER}2024-04-03,0001,Shop,-80.00\n2024-04-05,0002,Bakery,-3.10\n"
MAY = (
    f"{HEADER}2024-05-02,0001,Rent,-900.00\n2024-05-04,0002,Market,-41.80\n"
    "2024-05-06,0003,Cinema,-11.00\n"
)
PENDING = f"{HEADER}2024-09-06,P77,Bistro,-20.00\n"
POSTED = f"{HEADER}2024-09-08,P77,Bistro,-24.00\n"


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path, make_user())


# Rows that are alike.


def as_if_old(desk: Desk) -> None:
    """Let the rows be of a time when nothing was kept of what the file said."""
    desk.user.transactions.model._base_manager.filter(user=desk.user).update(imported_as=None)


@pytest.mark.parametrize("old", [False, True])
def test_a_row_keeps_its_category_when_an_alike_one_comes_before_it(desk: Desk, old: bool) -> None:
    desk.load(MINT + CAFE.format("Coffee Shops"))
    if old:
        as_if_old(desk)
    both = MINT + CAFE.format("Business Services") + CAFE.format("Coffee Shops")
    assert "1 stored, 1 there already" in desk.load(both)
    assert sorted(row[3] for row in desk.rows()) == ["Business Services", "Coffee Shops"]
    assert "0 stored, 2 there already" in desk.load(both)


def test_of_two_holders_of_a_card_nobody_pays_twice(desk: Desk) -> None:
    mapping = SIGNED.replace("[date]", 'category = "Holder"\n[date]')
    header, row = "Date,Text,Holder,Amount\n", "2024-03-02,Tram,{},-2.40\n"
    desk.load(header + row.format("Bob"), mapping)
    desk.load(header + row.format("Bob") + row.format("Alice"), mapping)
    assert sorted(row[3] for row in desk.rows()) == ["Alice", "Bob"]


def test_alike_rows_of_a_bare_file_all_count_once(desk: Desk) -> None:
    mapping = SIGNED.replace('description = "Text"\n', "")
    desk.load("Date,Amount\n2023-08-30,-1.50\n", mapping)
    for _ in range(2):
        desk.load("Date,Amount\n2023-09-01,-1.50\n2023-09-01,-1.50\n", mapping)
    assert desk.sums() == {"expense": "4.50"}


def test_what_the_user_has_moved_is_known_by_what_the_file_said(desk: Desk) -> None:
    desk.load(MINT + CAFE.format("Coffee Shops"))
    row = Transaction.objects.get()
    row.category = desk.user.categories.get(name="Uncategorised")
    row.amount = Decimal("4.60")
    row.save()
    desk.load(MINT + CAFE.format("Business Services") + CAFE.format("Coffee Shops"))
    assert sorted(row[1:4:2] for row in desk.rows()) == [
        ("4.50", "Business Services"),
        ("4.60", "Uncategorised"),
    ]


# The bank's own ids.


def test_one_id_for_a_purchase_and_its_fee_is_two_rows(desk: Desk) -> None:
    content = (
        f"{HEADER}2024-04-03,X100,Shop abroad,-80.00\n2024-04-03,X100,Foreign fee,-2.40\n"
        "2024-04-05,X101,Bakery,-3.10\n"
    )
    desk.load(content, NUMBERED)
    assert desk.sums() == {"expense": "85.50"}
    turned = HEADER + "".join(content.splitlines(keepends=True)[:0:-1])
    assert "0 stored, 3 there already" in desk.load(turned, NUMBERED)
    shorter = f"{HEADER}2024-04-03,X100,Foreign fee,-2.40\n"
    assert "0 stored, 1 there already" in desk.load(shorter, NUMBERED)


def test_an_id_for_two_payments_of_two_files_is_a_conflict_that_names_both(desk: Desk) -> None:
    desk.load(APRIL, NUMBERED)
    said = desk.refused(MAY, NUMBERED).splitlines()
    assert said[0] == "2 problems; nothing was stored."
    assert said[1].startswith(
        "bank.csv, line 2: id '0001' is that of another row: 2024-04-03, 80.00 expense, 'Shop'; "
        "this one is 2024-05-02, 900.00 expense, 'Rent'. "
    )
    assert said[2].startswith("bank.csv, line 3: id '0002' is that of another row: ")
    assert "columns.identity of the mapping instead of columns.external_id" in said[1]
    identity = NUMBERED.replace("external_id", "identity").replace('"bank"', '"bank2"')
    assert "3 stored" in desk.load(MAY, identity)


def test_a_dry_run_names_the_conflict_too(desk: Desk) -> None:
    desk.load(APRIL, NUMBERED)
    assert "2 problems; nothing was stored." in desk.refused(MAY, NUMBERED, dry_run=True)


def test_ids_that_begin_again_within_one_file_are_rows_of_their_own(desk: Desk) -> None:
    desk.load(APRIL, NUMBERED)
    both = APRIL + MAY.removeprefix(HEADER)
    assert "3 stored, 2 there already" in desk.load(both, NUMBERED)
    assert "0 stored, 5 there already" in desk.load(both, NUMBERED)
    may = [Decimal(row[1]) for row in desk.rows() if row[0] > "2024-05"]
    assert sum(may) == Decimal("952.80")
    assert "0 stored, 3 there already" in desk.load(MAY, NUMBERED)


def test_the_same_rent_under_the_id_of_last_month_is_not_taken_for_last_months(desk: Desk) -> None:
    rent = f"{HEADER}2024-0{{}}-02,0001,Rent,-900.00\n"
    desk.load(rent.format(4), NUMBERED)
    assert "id '0001' is that of another row" in desk.refused(rent.format(5), NUMBERED)


def test_what_was_pending_and_is_posted_is_one_row_and_its_alerts_follow(desk: Desk) -> None:
    limit(desk.user, "22", "daily", levels=[80, 100])
    desk.load(PENDING, NUMBERED)
    assert open_levels(desk.user) == [("2024-09-06", 80)]
    said = desk.load(POSTED, NUMBERED)
    assert desk.rows() == [("2024-09-08", "24.00", "expense", "Uncategorised")]
    assert open_levels(desk.user) == [("2024-09-08", 80), ("2024-09-08", 100)]
    assert reconcile(desk.user.pk) == []
    assert set(AlertEvent.objects.values_list("cause", flat=True)) == {"import"}
    assert "Rows:        1 read, 0 stored, 0 there already" in said
    assert "Updated:     1 rows that were pending\n" in said
    assert "  line 2: 2024-09-06, 20.00 is now 2024-09-08, 24.00" in said
    assert "Opened:      2 alerts" in said
    assert "Resolved:    1 alerts" in said


def test_neither_file_again_takes_back_what_was_posted(desk: Desk) -> None:
    for content in (PENDING, POSTED, PENDING, POSTED):
        said = desk.load(content, NUMBERED)
    assert "0 stored, 1 there already" in said
    assert desk.rows() == [("2024-09-08", "24.00", "expense", "Uncategorised")]
    assert AlertEvent.objects.count() == 0


def test_a_tip_on_the_same_day_is_not_taken_back_either(desk: Desk) -> None:
    posted = POSTED.replace("09-08", "09-06")
    for content in (PENDING, posted, PENDING):
        desk.load(content, NUMBERED)
    assert desk.sums() == {"expense": "24.00"}


@pytest.mark.parametrize("old", [False, True])
@pytest.mark.parametrize(
    "changes",
    [
        {"amount": Decimal("25.00")},
        {"description": "Dinner"},
        {"date": date(2024, 9, 5)},
        {"type": "transfer"},
        {"type": "transfer", "amount": Decimal("25.00")},
    ],
)
def test_what_the_user_has_changed_is_left_as_it_is(
    desk: Desk, changes: dict[str, Any], old: bool
) -> None:
    desk.load(PENDING, NUMBERED)
    row = Transaction.objects.get()
    for name, value in changes.items():
        found = desk.user.transaction_types.get(slug=value) if name == "type" else value
        setattr(row, name, found)
    row.save()
    before = row_states("alice")
    if old:
        as_if_old(desk)
    contents = (PENDING,) if old and "description" in changes else (PENDING, POSTED, PENDING)
    for content in contents:
        assert "0 stored, 1 there already" in desk.load(content, NUMBERED)
    assert row_states("alice") == before


def test_a_dry_run_updates_nothing(desk: Desk) -> None:
    desk.load(PENDING, NUMBERED)
    assert "Updated:     1 rows" in desk.load(POSTED, NUMBERED, dry_run=True)
    assert desk.sums() == {"expense": "20.00"}


def test_pending_and_posted_in_one_file_are_not_both_stored(desk: Desk) -> None:
    said = desk.refused(PENDING + POSTED.removeprefix(HEADER), NUMBERED)
    assert "line 3: id 'P77' stands on line 2 already, with the same text" in said


def test_a_text_that_the_bank_has_changed_is_the_same_row(desk: Desk) -> None:
    desk.load(PENDING, NUMBERED)
    changed = PENDING.replace("Bistro", "BISTRO 12 BERN")
    assert "0 stored, 1 there already" in desk.load(changed, NUMBERED)


# Rows that the user has deleted.


def test_a_deleted_row_comes_back_only_when_asked_for(desk: Desk) -> None:
    limit(desk.user, "3", levels=[100])
    rows = "".join(CAFE.format(name) for name in ("Coffee Shops", "Coffee Shops", "Gifts"))
    desk.load(MINT + rows)
    for row in Transaction.objects.filter(category__name="Coffee Shops")[:1]:
        row.delete()
    said = desk.load(MINT + rows)
    assert "Rows:        3 read, 0 stored, 2 there already" in said
    assert "Deleted:     1 deleted before stay so (--restore-deleted); on line\n  3\n" in said
    assert len(desk.rows()) == 2
    said = desk.load(MINT + rows, restore_deleted=True, dry_run=True)
    assert "1 stored, 2 there already" in said
    assert DeletedId.objects.count() == 1
    said = desk.load(MINT + rows, restore_deleted=True)
    assert "1 stored, 2 there already" in said
    assert "Deleted:" not in said
    assert (len(desk.rows()), DeletedId.objects.count()) == (3, 0)
    assert reconcile(desk.user.pk) == []


def test_what_was_deleted_while_pending_stays_deleted_when_posted(desk: Desk) -> None:
    desk.load(PENDING, NUMBERED)
    Transaction.objects.all().delete()
    assert "0 stored, 0 there already" in desk.load(POSTED, NUMBERED)
    assert desk.rows() == []


def test_the_id_of_a_deleted_row_that_another_payment_has_is_a_conflict(desk: Desk) -> None:
    desk.load(APRIL, NUMBERED)
    Transaction.objects.all().delete()
    said = desk.refused(MAY, NUMBERED)
    assert "line 2: id '0001' is that of another row: one that was deleted; this one is" in said


# Any files at all.

LINES = [
    f"2024-03-0{day},{text},{amount}\n"
    for day in (1, 2)
    for text in ("Tram", "Cafe")
    for amount in ("-1.00", "-2.00")
]
quick = settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
numbers = iter(range(10**6))


@quick
@given(
    st.lists(st.tuples(st.sampled_from(LINES), st.sampled_from(["A", "B"])), max_size=10),
    st.data(),
)
def test_cuts_repeats_and_orders_of_a_statement_store_each_row_once(
    tmp_path_factory: pytest.TempPathFactory, lines: list[tuple[str, str]], data: st.DataObject
) -> None:
    desk = Desk(tmp_path_factory.mktemp("statements"), make_user(f"user-{next(numbers)}"))
    limit(desk.user, "3", "daily")
    mapping = SIGNED.replace("[date]", 'category = "Kind"\n[date]')
    text = [f"{line.rstrip()},{kind}\n" for line, kind in lines]
    # A bank's file has all of a day or nothing of it; days may come in any cut and order.
    for days in [*data.draw(st.lists(st.sampled_from(["1", "2", "12"]), max_size=3)), "12"]:
        part = data.draw(st.permutations([line for line in text if line[9] in days]))
        desk.load("Date,Text,Amount,Kind\n" + "".join(part), mapping)
    told = [(line[:10], line.split(",")[2][1:], line.strip()[-1]) for line in text]
    found = [(day, amount, kind) for day, amount, _, kind in desk.rows()]
    assert sorted(found) == sorted(told)
    assert reconcile(desk.user.pk) == []


# Categories that have other names by now.

JULY = MINT + "7/03/2024,Cafe Uno,CAFE UNO,8.00,debit,Coffee Shops,Card\n"
AUGUST = JULY + "8/03/2024,Cafe Uno,CAFE UNO,9.00,debit,Coffee Shops,Card\n"


def rename(desk: Desk, name: str, new: str) -> Category:
    category = desk.user.categories.get(name=name)
    category.name = new
    category.save()
    return category


def names(desk: Desk) -> set[str]:
    return set(desk.user.categories.exclude(builtin=True).values_list("name", flat=True))


def test_a_renamed_category_is_followed_and_its_alerts_with_it(desk: Desk) -> None:
    desk.load(JULY)
    rename(desk, "Coffee Shops", "Cafes")
    limit(desk.user, "8.50", of="Cafes", levels=[100])
    said = desk.load(AUGUST)
    assert "Categories:  0 made\n  Coffee Shops is Cafes now\n" in said
    assert [row[3] for row in desk.rows()] == ["Cafes", "Cafes"]
    assert open_levels(desk.user) == [("2024-08-01", 100)]


def test_a_merged_category_is_followed_with_the_names_it_had(desk: Desk) -> None:
    desk.load(JULY)
    cafes = rename(desk, "Coffee Shops", "Cafes")
    food = Category(user=desk.user, name="Food")
    food.save()
    merge_categories(cafes, food)
    desk.load(AUGUST + "8/04/2024,Cafe Due,CAFE DUE,2.00,debit,Cafes,Card\n")
    assert (names(desk), {row[3] for row in desk.rows()}) == ({"Food"}, {"Food"})
    rename(desk, "Food", "Meals")
    desk.load(JULY.replace("8.00", "8.01").replace("Coffee Shops", "cafes"))
    assert names(desk) == {"Meals"}


def test_a_category_that_bears_the_name_now_comes_first(desk: Desk) -> None:
    desk.load(JULY)
    rename(desk, "Coffee Shops", "Cafes")
    Category(user=desk.user, name="Coffee shops").save()
    desk.load(AUGUST)
    assert [row[3] for row in desk.rows()] == ["Cafes", "Coffee shops"]


def test_two_categories_that_change_names_are_told_apart(desk: Desk) -> None:
    desk.load(MINT + CAFE.format("A") + CAFE.format("B"))
    for name, new in (("A", "C"), ("B", "A"), ("C", "B")):
        rename(desk, name, new)
    desk.load(MINT + CAFE.format("A").replace("4.50", "1.00"))
    assert ("2024-03-02", "1.00", "expense", "A") in desk.rows()
    desk.load(MINT + CAFE.format("C").replace("4.50", "2.00"))
    assert ("2024-03-02", "2.00", "expense", "B") in desk.rows()


def test_a_name_whose_category_is_deleted_leads_nowhere(desk: Desk) -> None:
    Category(user=desk.user, name="Coffee Shops").save()
    rename(desk, "Coffee Shops", "Cafes").delete()
    assert not FormerName.objects.exists()
    desk.load(JULY)
    assert names(desk) == {"Coffee Shops"}


def test_a_budget_follows_a_renamed_category(desk: Desk) -> None:
    budget = desk.file("budget.csv", "Category,Budget\nCoffee Shops,8.50\n")
    desk.load(JULY, budget=budget)
    rename(desk, "Coffee Shops", "Cafes")
    desk.file("budget.csv", "Category,Budget\nCoffee Shops,9.50\n")
    said = desk.load(JULY, budget=budget)
    assert "Thresholds:  0 made, 1 updated" in said
    assert [str(each.amount) for each in desk.user.thresholds.all()] == ["9.50"]


def test_two_lines_of_a_budget_for_one_merged_category_are_refused(desk: Desk) -> None:
    budget = desk.file("budget.csv", "Category,Budget\nCoffee Shops,8\nBars,9\n")
    desk.load(JULY, budget=budget)
    merge_categories(
        *desk.user.categories.filter(name__in=["Bars", "Coffee Shops"]).order_by("key")
    )
    assert desk.refused(JULY, budget=budget) == (
        "Lines 2 and 3 of the budget, Coffee Shops and Bars, are one category now, Coffee Shops; "
        "keep one of them. Nothing was stored."
    )


def test_only_the_newest_former_names_are_kept(desk: Desk) -> None:
    Category(user=desk.user, name="Name 0").save()
    with patch.object(former_name, "MAX_A_USER", 3):
        for number in range(5):
            rename(desk, f"Name {number}", f"Name {number + 1}")
    assert set(FormerName.objects.values_list("key", flat=True)) == {"name 2", "name 3", "name 4"}
