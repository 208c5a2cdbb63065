"""Exact money: a `Decimal` with two places in Python, whole minor units in the database."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, NewType, TypeVar

from django import forms
from django.core.exceptions import ValidationError
from django.db import models

from budget.judge.kinds import Measure

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper
    from django.db.models.expressions import Expression

CENT = Decimal("0.01")
Set = TypeVar("Set")
Get = TypeVar("Get")
MAX_DIGITS = 14
# Whole minor units, as a column of a named tuple.
Minor = NewType("Minor", int)
MAX_AMOUNT = Decimal("999999999999.99")


def to_minor(amount: Decimal) -> int:
    """Whole minor units of an amount with at most two places; 12.30 is 1230."""
    return int(amount.scaleb(2))


def from_minor(minor: int | Decimal) -> Decimal:
    """The amount of whole minor units, always with two places; 1230 is 12.30."""
    return Decimal(minor).scaleb(-2)


def minor_text(minor: int) -> str:
    """Minor units as the API shows an amount, always with two decimals; 1230 is "12.30"."""
    # Takes half as long as an f-string, and an answer has hundreds of them.
    return ("-%d.%02d" if minor < 0 else "%d.%02d") % divmod(abs(minor), 100)


def count_text(minor: int) -> str:
    """A count, which is in hundredths, as the API shows it: a whole number."""
    return str(-(-minor // 100) if minor < 0 else minor // 100)


def amount_text(minor: int, measure: str) -> str:
    """A total or a limit of a measure as the API shows it: a count is a whole number."""
    return count_text(minor) if measure == Measure.COUNT else minor_text(minor)


def amount_texts(measure: str, *minors: int | None) -> list[str | None]:
    """Totals and limits of a measure as amount_text() shows them; None stays None."""
    shown = count_text if measure == Measure.COUNT else minor_text
    return [None if minor is None else shown(minor) for minor in minors]


def parse_exact(value: object) -> Decimal:
    """A sum of any size from a Decimal, an int or decimal text.

    Raises ValidationError for floats (they are not exact), for text that is no finite number and
    for more than two places.
    """
    if isinstance(value, (bool, float)) or not isinstance(value, (Decimal, int, str)):
        raise ValidationError("Amounts are decimal numbers, never floats.", code="invalid")
    try:
        amount = Decimal(value)
        exact = amount.quantize(CENT)
    except InvalidOperation:
        raise ValidationError("Enter an amount.", code="invalid") from None
    if not exact.is_finite() or exact != amount:
        raise ValidationError("An amount has at most two decimal places.", code="invalid")
    return exact


def parse_amount(value: object) -> Decimal:
    """An amount as a user may give it: `parse_exact` with at most twelve digits before the point.

    Raises ValidationError.
    """
    exact = parse_exact(value)
    if abs(exact) > MAX_AMOUNT:
        raise ValidationError("An amount has at most 12 digits before the point.", code="invalid")
    return exact


class MoneyField(models.BigIntegerField[Set, Get]):
    """BIGINT minor units that read and write as `Decimal` with two places.

    SQLite would sum a DECIMAL column as binary floats (ten times 0.10 is not 1), so both databases
    hold whole numbers.
    """

    # What the typing plugin reads: the Python types of an assignment and of an attribute.
    _pyi_private_set_type: Decimal | int | str  # type: ignore[assignment]
    _pyi_private_get_type: Decimal  # type: ignore[assignment]

    description = "Exact amount with two decimal places"

    def from_db_value(
        self, value: int | None, expression: Expression, connection: BaseDatabaseWrapper
    ) -> Decimal | None:
        return None if value is None else from_minor(value)

    def to_python(self, value: Any) -> Any:
        return None if value is None else parse_amount(value)

    def get_prep_value(self, value: Any) -> Any:
        if value is None or hasattr(value, "resolve_expression"):
            return value
        # No bound here: totals have this field too, and outgrow the amounts that they sum.
        return to_minor(parse_exact(value))

    def formfield(self, **kwargs: Any) -> Any:
        return super(models.BigIntegerField, self).formfield(
            **{
                "form_class": forms.DecimalField,
                "max_digits": MAX_DIGITS,
                "decimal_places": 2,
                **kwargs,
            }
        )
