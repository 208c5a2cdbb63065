from __future__ import annotations

from decimal import Decimal

import pytest
from django.core.exceptions import ValidationError
from django.db import models
from hypothesis import given
from hypothesis import strategies as st

from budget.judge.judgement import share
from budget.models import Transaction
from budget.models.money import count_text, from_minor, minor_text, parse_amount, to_minor
from budget.tests.people import make_user, spend


@given(st.integers(-(10**14), 10**14))
def test_minor_units_and_amounts_are_two_ways_to_write_one_number(minor: int) -> None:
    amount = from_minor(minor)
    assert to_minor(amount) == minor
    assert str(amount).split(".")[1:] == [str(amount)[-2:]]


@given(st.integers(-(10**19), 10**19))
def test_minor_units_are_shown_as_their_amount_is(minor: int) -> None:
    assert minor_text(minor) == str(from_minor(minor))
    assert count_text(minor) == str(int(from_minor(minor)))


@pytest.mark.parametrize(
    "value", [0.1, True, None, "", "1.005", "NaN", "Infinity", "1e400", "1000000000000.00", b"1"]
)
def test_what_is_no_exact_amount_is_refused(value: object) -> None:
    with pytest.raises(ValidationError):
        parse_amount(value)


@pytest.mark.parametrize(("value", "text"), [("5", "5.00"), (7, "7.00"), (Decimal("1.1"), "1.10")])
def test_an_amount_always_has_two_places(value: object, text: str) -> None:
    assert str(parse_amount(value)) == text


@pytest.mark.parametrize(
    ("amount", "percent", "up", "down"),
    [("150.00", 80, 12000, 12000), ("0.01", 50, 1, 0), ("33.33", 80, 2667, 2666)],
)
def test_a_share_is_rounded_to_a_whole_minor_unit(
    amount: str, percent: int, up: int, down: int
) -> None:
    assert share(to_minor(Decimal(amount)), percent, up=True) == up
    assert share(to_minor(Decimal(amount)), percent, up=False) == down


@pytest.mark.django_db
def test_ten_dimes_are_a_dollar() -> None:
    """SQLite would sum a decimal column as binary floats."""
    alice = make_user()
    for _ in range(10):
        spend(alice, "0.10")
    total = Transaction.objects.aggregate(total=models.Sum("amount"))["total"]
    assert str(total) == "1.00"


@pytest.mark.django_db
def test_the_largest_amount_is_kept_to_the_cent() -> None:
    row = spend(make_user(), "999999999999.99")
    assert str(Transaction.objects.get(pk=row.pk).amount) == "999999999999.99"
