"""Transactions: the rows that every total and every alert is made of."""

from __future__ import annotations

import unicodedata
from datetime import date
from typing import Annotated, ClassVar

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from pydantic import Field
from typing_extensions import TypedDict

from budget.models.category import Category
from budget.models.errors import Conflict
from budget.models.ledger import MAX_DATE, MIN_DATE, LedgerModel, LedgerQuerySet, Row
from budget.models.money import MAX_AMOUNT, MoneyField, parse_amount
from budget.models.search import SearchField
from budget.models.shapes import DayText, Id, MoneyText, SlugText, UserId, shape
from budget.models.transaction_type import TransactionType

DESCRIPTION_LENGTH = 500
EXTERNAL_ID_LENGTH = 200
DATE: models.DateField[date | str, date] = models.DateField()


TRANSACTION: dict[str, object] = {
    "id": 1207,
    "user": 7,
    "date": "2018-03-05",
    "category": "Groceries",
    "description": "Market",
    "amount": "162.40",
    "type": "expense",
    "external_id": "bank-2018-0305-17",
}


@shape(TRANSACTION)
class TransactionDict(TypedDict):
    """One movement of money on one calendar date."""

    id: Id
    user: UserId
    date: DayText
    category: Annotated[str, Field(description="The category's name.")]
    description: str
    amount: Annotated[MoneyText, Field(description="More than 0; the type gives the sign.")]
    type: Annotated[SlugText, Field(description="The slug of the transaction type.")]
    external_id: Annotated[
        str | None, Field(description="The sender's own name for the row, unique a user.")
    ]


class TransactionQuerySet(LedgerQuerySet["Transaction"]):
    """The transactions of a user; `engine.record_transactions` stores many at once."""


class Transaction(LedgerModel):
    """One movement of money on one calendar date; its type decides what it counts for.

    Bounds: date 1900-01-01 to 2199-12-31; amount 0.01 to 999999999999.99, never negative;
    description at most 500 characters; external_id at most 200, unique a user.
    """

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="transactions", db_index=False
    )
    date = models.DateField()
    category = models.ForeignKey(
        Category, models.PROTECT, related_name="transactions", db_index=False
    )
    description = models.CharField(max_length=DESCRIPTION_LENGTH, blank=True)
    search = SearchField(of="description")
    amount = MoneyField()
    type = models.ForeignKey(
        TransactionType, models.PROTECT, related_name="transactions", db_index=False
    )
    # NULL, not "": without one, rows must not collide in the unique rule.
    external_id = models.CharField(  # noqa: DJ001
        max_length=EXTERNAL_ID_LENGTH,
        null=True,
        blank=True,
        default=None,
    )

    objects = TransactionQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["-date", "-id"]
        indexes: ClassVar = [
            models.Index(fields=["user", "date", "id"], name="budget_transaction_by_date"),
            models.Index(
                fields=["user", "category", "date", "id"], name="budget_transaction_by_category"
            ),
            # The largest and the smallest first, and amount_min and amount_max: without it every
            # page would sort all of a user's rows.
            models.Index(fields=["user", "amount", "id"], name="budget_transaction_by_amount"),
            # The order of entry, which alone no edit moves: an export goes by it. The primary key
            # would read other users' rows on the way.
            models.Index(fields=["user", "id"], name="budget_transaction_by_id"),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(date__range=(MIN_DATE, MAX_DATE)),
                name="budget_transaction_date_range",
            ),
            models.CheckConstraint(
                condition=models.Q(amount__gt=0) & models.Q(amount__lte=MAX_AMOUNT),
                name="budget_transaction_amount_range",
            ),
            models.UniqueConstraint(
                fields=["user", "external_id"],
                condition=models.Q(external_id__isnull=False),
                name="budget_transaction_unique_external_id",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.date} {self.description} {self.amount}"

    def prepare(self) -> None:
        """Make every value what the database will hold, so that the evaluation sees the same.

        Raises ValidationError for a value that is none, and for a category or type of another user.
        """
        self.date = DATE.to_python(self.date)
        self.amount = parse_amount(self.amount)
        self.description = unicodedata.normalize("NFC", self.description)
        self.external_id = self.external_id or None
        if not MIN_DATE <= self.date <= MAX_DATE:
            raise ValidationError({"date": f"A date lies between {MIN_DATE} and {MAX_DATE}."})
        if self.amount <= 0:
            raise ValidationError({"amount": "An amount is more than 0; the type gives the sign."})
        if "\x00" in self.description or "\x00" in (self.external_id or ""):
            raise ValidationError("Text holds no NUL character.")
        if self.category.user_id != self.user_id:
            raise ValidationError({"category": "The category belongs to another user."})
        if self.type.user_id != self.user_id:
            raise ValidationError({"type": "The transaction type belongs to another user."})

    def check_write(self, before: Row | None) -> None:
        self.prepare()
        if self.external_id is not None and (
            Transaction.objects.filter(user_id=self.user_id, external_id=self.external_id)
            .exclude(pk=self.pk)
            .exists()
        ):
            raise Conflict("There is a transaction with this external_id already.")

    def to_dict(self) -> TransactionDict:
        return {
            "id": self.pk,
            "user": self.user_id,
            "date": self.date.isoformat(),
            "category": self.category.name,
            "description": self.description,
            "amount": str(self.amount),
            "type": self.type.slug,
            "external_id": self.external_id,
        }
