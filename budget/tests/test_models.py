"""What the rows refuse, and what the database refuses by itself."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from unittest.mock import patch

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, models, transaction

from budget.engine import reconcile
from budget.models import (
    Alert,
    Category,
    Conflict,
    FormerName,
    Ledger,
    Profile,
    Rollup,
    Threshold,
    Transaction,
    TransactionType,
    UnsignalledWrite,
)
from budget.tests.people import category, limit, make_user, open_levels, spend, transaction_of

pytestmark = pytest.mark.django_db


def test_a_new_user_has_everything_a_user_has() -> None:
    alice = make_user()
    types = TransactionType.objects.filter(user=alice, builtin=True)
    assert set(types.values_list("slug", "effect")) == {
        ("expense", "spending"),
        ("income", "income"),
        ("refund", "refund"),
        ("transfer", "none"),
    }
    assert Category.objects.get(user=alice).name == "Uncategorised"
    assert Profile.objects.get(user=alice).to_dict() == {
        "user": alice.pk,
        "time_zone": "UTC",
        "week_start": 1,
        "month_start": 1,
        "currency": "USD",
    }


@pytest.mark.parametrize("again", ["Groceries", " GROCERIES", "groceries"])
def test_names_that_differ_in_case_or_spaces_are_one(again: str) -> None:
    alice = make_user()
    category(alice, "Groceries")
    with pytest.raises(Conflict, match="merge"):
        Category(user=alice, name=again).save()


def test_names_that_differ_in_unicode_form_are_one() -> None:
    alice = make_user()
    first = category(alice, "Cafe\u0301 \ufb01ne")
    assert first.name == "Café ﬁne"
    assert Category.objects.filter(user=alice).named("CAFÉ   FINE") == first


def test_another_user_may_use_the_same_name() -> None:
    assert category(make_user(), "Groceries") != category(make_user("charlie"), "Groceries")


@pytest.mark.parametrize("name", ["", "   ", "x" * 101])
def test_a_category_needs_a_name_of_at_most_100_characters(name: str) -> None:
    with pytest.raises(ValidationError):
        Category(user=make_user(), name=name).save()


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("Food & Drink", "food-drink"),
        ("Crème brûlée", "creme-brulee"),
        ("食費", "category"),
        ("50 a day", "category-50-a-day"),
        ("Preview", "preview-2"),
    ],
)
def test_a_slug_starts_with_a_letter(name: str, slug: str) -> None:
    assert category(make_user(), name).slug == slug


def test_a_second_slug_gets_a_number() -> None:
    alice = make_user()
    assert [category(alice, name).slug for name in ("a b", "a-b", "a_b", "a.b.")] == [
        "a-b",
        "a-b-2",
        "a_b",
        "ab",
    ]


def test_the_built_in_category_stays() -> None:
    row = Category.objects.get(user=make_user())
    row.name = "Other"
    with pytest.raises(Conflict):
        row.save()
    with pytest.raises(Conflict):
        row.delete()


def test_a_category_in_use_stays() -> None:
    alice = make_user()
    row = spend(alice, "1")
    with pytest.raises(Conflict, match="in use"):
        row.category.delete()
    row.delete()
    row.category.delete()
    assert not Category.objects.filter(user=alice, name="Groceries").exists()


def test_an_effect_is_fixed_once_a_transaction_uses_it() -> None:
    alice = make_user()
    fee = TransactionType(user=alice, name="Fee", effect="none")
    fee.save()
    fee.effect = "spending"
    fee.save()
    spend(alice, "10", type="fee")
    fee.effect = "none"
    with pytest.raises(Conflict, match="fixed"):
        fee.save()


def test_a_built_in_type_cannot_be_edited_or_deleted() -> None:
    refund = TransactionType.objects.get(user=make_user(), slug="refund")
    refund.name = "Money back"
    with pytest.raises(Conflict):
        refund.save()
    with pytest.raises(Conflict):
        refund.delete()


def test_users_have_a_most_of_categories_and_thresholds(monkeypatch: pytest.MonkeyPatch) -> None:
    alice = make_user()
    monkeypatch.setattr(Category, "MAX_A_USER", 2)
    monkeypatch.setattr(Threshold, "MAX_A_USER", 1)
    category(alice, "second")
    with pytest.raises(Conflict, match="at most 2"):
        category(alice, "third")
    limit(alice, "1").delete()
    limit(alice, "1")
    with pytest.raises(Conflict, match="at most 1"):
        limit(alice, "1")


@pytest.mark.parametrize(
    "wrong",
    [
        {"date": date(1899, 12, 31)},
        {"date": date(2200, 1, 1)},
        {"date": "yesterday"},
        {"amount": Decimal("1.005")},
        {"amount": 0.5},
        {"description": "a\x00b"},
        {"external_id": "a\x00b"},
    ],
)
def test_a_transaction_refuses_values_that_are_none(wrong: dict[str, object]) -> None:
    row = transaction_of(make_user(), "1")
    for name, value in wrong.items():
        setattr(row, name, value)
    with pytest.raises(ValidationError):
        row.save()
    assert not Transaction.objects.exists()


@pytest.mark.parametrize("amount", ["0", "-1", "1000000000000"])
def test_an_amount_is_more_than_zero_and_the_database_says_so_too(amount: str) -> None:
    row = transaction_of(make_user(), amount)
    with pytest.raises(ValidationError):
        row.save()
    spend(row.user, "1")
    minor = int(Decimal(amount) * 100)
    refused = pytest.raises(IntegrityError, match="budget_transaction_amount_range")
    with refused, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("UPDATE budget_transaction SET amount = %s", [minor])


def test_a_row_takes_no_category_or_type_of_another_user() -> None:
    row = transaction_of(make_user(), "1")
    charlies = transaction_of(make_user("charlie"), "1")
    for name in ("category", "type"):
        mine = getattr(row, name)
        setattr(row, name, getattr(charlies, name))
        with pytest.raises(ValidationError, match="another user"):
            row.save()
        setattr(row, name, mine)


def test_an_external_id_is_unique_a_user() -> None:
    alice = make_user()
    spend(alice, "1", external_id="x")
    spend(make_user("charlie"), "1", external_id="x")
    with pytest.raises(Conflict, match="external_id"):
        spend(alice, "2", external_id="x")
    spend(alice, "2", external_id="")
    spend(alice, "3", external_id="")


def test_writes_that_no_signal_announces_are_refused() -> None:
    alice = make_user()
    row = spend(alice, "1")
    with pytest.raises(UnsignalledWrite, match="record_transactions"):
        Transaction.objects.bulk_create([transaction_of(alice, "1")])
    with pytest.raises(UnsignalledWrite):
        Transaction.objects.filter(pk=row.pk).update(amount=2)
    with pytest.raises(UnsignalledWrite):
        Transaction.objects.bulk_update([row], ["amount"])
    with pytest.raises(UnsignalledWrite):
        Threshold.objects.filter(user=alice).update(enabled=False)


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"levels": []}, "levels"),
        ({"levels": [0]}, "levels"),
        ({"levels": [80, 80]}, "levels"),
        ({"levels": [1001]}, "levels"),
        ({"levels": list(range(1, 12))}, "levels"),
        ({"levels": [True]}, "levels"),
        ({"operator": "ne"}, "operator"),
        ({"operator": "lte", "levels": [90, 100]}, "levels"),
        ({"operator": "lte", "type": "rolling", "days": 7}, "operator"),
        ({"operator": "eq", "type": "transaction"}, "operator"),
        ({"measure": "mean"}, "measure"),
        ({"measure": "net", "type": "transaction"}, "measure"),
        ({"measure": "count", "amount": Decimal("1.5")}, "amount"),
        ({"type": "hourly"}, "type"),
        ({"type": "rolling"}, "days"),
        ({"type": "rolling", "days": 0}, "days"),
        ({"type": "rolling", "days": 367}, "days"),
        ({"rollover": True, "type": "daily"}, "rollover"),
        ({"rollover": True, "measure": "income"}, "rollover"),
        ({"rollover": True, "rollover_cap": Decimal("-1")}, "rollover_cap"),
        ({"forecast": True, "operator": "lt"}, "forecast"),
        ({"operator": "lte", "starts_on": date(1899, 12, 31)}, "starts_on"),
        ({"operator": "lte", "starts_on": date(1950, 1, 1)}, "starts_on"),
        ({"amount": Decimal("-1")}, "amount"),
        ({"name": " "}, "name"),
        ({"slug": "preview"}, "slug"),
    ],
)
def test_a_threshold_refuses_what_it_cannot_judge(wrong: dict[str, object], field: str) -> None:
    fields = {"name": "x", "amount": Decimal("1"), "type": "monthly", "levels": [100]} | wrong
    with pytest.raises(ValidationError) as refused:
        Threshold(user=make_user(), **fields).save()
    assert set(refused.value.message_dict) == {field}


def test_a_deleted_thresholds_slug_is_free_again() -> None:
    alice = make_user()
    first = limit(alice, "1", name="Food")
    first.delete()
    assert limit(alice, "1", name="Food").slug == first.slug == "food"


@pytest.mark.parametrize(
    ("operator", "amount", "triggers"),
    [
        ("gte", "33.33", {80: 2667, 100: 3333}),
        ("gt", "33.33", {80: 2666, 100: 3333}),
        ("gte", "0", {100: 1}),
        ("gt", "0", {80: 0, 100: 0}),
    ],
)
def test_levels_in_force_have_their_trigger_in_minor_units(
    operator: str, amount: str, triggers: dict[int, int]
) -> None:
    threshold = limit(make_user(), amount, operator=operator)
    assert threshold.triggers() == triggers


def test_the_database_keeps_one_alert_an_identity() -> None:
    alice = make_user()
    limit(alice, "1")
    spend(alice, "1")
    alert = Alert.objects.filter(user=alice, level=100).get()
    alert.pk = None
    with pytest.raises(IntegrityError), transaction.atomic():
        alert.save(force_insert=True)
    assert open_levels(alice) == [("2018-03-01", 80), ("2018-03-01", 100)]


def test_every_constraint_has_a_name_that_tells_its_model() -> None:
    for model in (Alert, Category, Rollup, Threshold, Transaction, TransactionType, Profile):
        prefix = f"{model._meta.db_table}_"
        assert model._meta.constraints
        for constraint in model._meta.constraints:
            assert constraint.name.startswith(prefix), constraint.name


def test_foreign_keys_to_user_category_and_type_protect() -> None:
    for name in ("user", "category", "type"):
        field = Transaction._meta.get_field(name)
        assert isinstance(field, models.ForeignKey)
        assert field.remote_field.on_delete is models.PROTECT


@pytest.mark.parametrize("slug", ["9lives", "Food", "a b", "x" * 61, "preview"])
def test_a_slug_that_is_given_has_the_form_of_one(slug: str) -> None:
    alice = make_user()
    for row in (
        Category(user=alice, name="Food", slug=slug),
        TransactionType(user=alice, name="Fee", effect="none", slug=slug),
        Threshold(user=alice, name="Food", slug=slug, amount=Decimal("1"), type="monthly"),
    ):
        with pytest.raises(ValidationError, match="slug"):
            row.save()


def test_a_taken_slug_is_refused() -> None:
    alice = make_user()
    category(alice, "Food")
    with pytest.raises(Conflict, match="slug"):
        Category(user=alice, name="Eating", slug="food").save()


def test_a_partial_save_leaves_the_settings_that_others_have_stored() -> None:
    alice = make_user()
    stale = Profile.objects.get(user=alice)
    stored = Profile.objects.get(user=alice)
    stored.month_start = 15
    stored.save()
    stale.currency = "EUR"
    stale.save(update_fields=["currency"])
    assert Ledger.objects.get(user=alice).month_start == 15
    assert list(reconcile(alice.pk)) == []


def test_a_name_that_is_saved_alone_keeps_its_name_unique() -> None:
    alice = make_user()
    food = category(alice, "Food")
    food.name = "Meals"
    food.save(update_fields=["name"])
    with pytest.raises(Conflict, match="named Meals"):
        Category.objects.create(user=alice, name="meals")
    assert FormerName.objects.get(user=alice).key == "food"


def test_a_threshold_whose_delete_is_refused_is_not_deleted_in_memory() -> None:
    alice = make_user()
    threshold = limit(alice, "50.00")
    other = Threshold.objects.get(pk=threshold.pk)
    refusing = patch.object(Threshold, "before_write", side_effect=Conflict("No."))
    with refusing, pytest.raises(Conflict):
        other.delete()
    other.delete()
    assert not Threshold.objects.kept().filter(user=alice).exists()


def test_an_old_copy_does_not_bring_a_deleted_threshold_back() -> None:
    alice = make_user()
    threshold = limit(alice, "1", levels=[100])
    spend(alice, "5")
    old = Threshold.objects.get(pk=threshold.pk)
    threshold.delete()
    old.name = "Still here"
    with pytest.raises(Conflict, match="deleted"):
        old.save()
    old.delete()
    assert open_levels(alice) == []


@pytest.mark.postgres
@pytest.mark.parametrize(
    ("table", "column", "model"),
    [
        ("budget_transaction", "category_id", Category),
        ("budget_transaction", "type_id", TransactionType),
        ("budget_rollup", "category_id", Category),
        ("budget_threshold", "category_id", Category),
        ("budget_alert", "threshold_id", Threshold),
        ("budget_thresholdrevision", "category_id", Category),
        ("budget_thresholdrevision", "threshold_id", Threshold),
        ("budget_formername", "category_id", Category),
    ],
)
def test_the_database_refuses_a_row_of_another_user(
    table: str, column: str, model: type[Category | TransactionType | Threshold]
) -> None:
    alice, charlie = make_user(), make_user("charlie")
    for user in (alice, charlie):
        threshold = limit(user, "1", of="Groceries")
        spend(user, "5")
        assert threshold.category is not None
        FormerName.objects.keep(threshold.category, "earlier")
        threshold.type = "weekly"
        threshold.save()
    charlies = model.objects.filter(user=charlie).order_by("-id")[0].pk
    with transaction.atomic(), connection.cursor() as cursor:
        statement = f"UPDATE {table} SET {column} = %s WHERE user_id = %s"  # noqa: S608
        cursor.execute(statement, [charlies, alice.pk])
        with pytest.raises(IntegrityError, match="of_user"):
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        transaction.set_rollback(True)


@pytest.mark.postgres
def test_the_database_refuses_a_transaction_of_nobody() -> None:
    """By its category and its type, which are of somebody, as there is no other key to the user."""
    spend(make_user(), "5")
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("UPDATE budget_transaction SET user_id = 0")
        with pytest.raises(IntegrityError, match="of_user"):
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        transaction.set_rollback(True)


@pytest.mark.postgres
def test_the_database_keeps_a_user_who_has_transactions() -> None:
    spend(make_user(), "5")
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        with pytest.raises(IntegrityError, match="auth_user"):
            cursor.execute("DELETE FROM auth_user")
        transaction.set_rollback(True)
