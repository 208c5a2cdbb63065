"""Transactions: the rows that every total and every alert is made of."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from datetime import date
from typing import Annotated, Any, ClassVar, NamedTuple

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import connections, models
from pydantic import Field
from typing_extensions import TypedDict

from budget.judge.kinds import Cause
from budget.judge.periods import MAX_DATE, MIN_DATE
from budget.models.category import Category
from budget.models.deleted_id import EXTERNAL_ID_LENGTH, IMPORTED_AS_LENGTH, DeletedId
from budget.models.ledger import Book, LedgerModel, LedgerQuerySet, Row
from budget.models.money import (
    MAX_AMOUNT,
    Minor,
    MoneyField,
    minor_text,
    parse_amount,
    to_minor,
)
from budget.models.search import SearchField
from budget.models.transaction_type import TransactionType
from lib.errors import Conflict
from lib.postgresql import Message, Prepared
from lib.select import Select
from lib.shapes import DayText, Id, MoneyText, SlugText, UserId, shape

DESCRIPTION_LENGTH = 500
TAKEN = "There is a transaction with this external_id already."
GIVEN_UP = "The transaction with this external_id was deleted; an external_id is never used again."
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


class TransactionRow(NamedTuple):
    """A transaction as a SELECT gives it, with the names of its category and type."""

    id: int
    user_id: int
    date: date
    category: str
    description: str
    amount: Minor
    type: str
    external_id: str | None


# Outer joins, because PostgreSQL leaves out those that it does not need, as for a count.
TRANSACTIONS = Select(
    TransactionRow,
    "r.id, r.user_id, r.date, c.name AS category, r.description, r.amount, t.slug AS type,"
    " r.external_id",
    "budget_transaction r LEFT JOIN budget_category c ON c.id = r.category_id"
    " LEFT JOIN budget_transactiontype t ON t.id = r.type_id",
)


def describe_transaction(row: TransactionRow) -> TransactionDict:
    """A transaction as the API shows it."""
    return {
        "id": row.id,
        "user": row.user_id,
        "date": row.date.isoformat(),
        "category": row.category,
        "description": row.description,
        "amount": minor_text(row.amount),
        "type": row.type,
        "external_id": row.external_id,
    }


def keeps_id(before: Row | None, after: Row | None) -> bool:
    """Whether a row has the same external_id of the same user before and after a write."""
    if before is None or after is None:
        return False
    return all(before[name] == after[name] for name in ("user_id", "external_id"))


def is_by_hand(book: Book) -> bool:
    """Whether what is being written is no part of an import."""
    return book.write is None or book.write.cause != Cause.IMPORT


def told(row: Transaction) -> Iterator[tuple[str, Any]]:
    """What somebody can change of a row, by column."""
    for name in ("date", "amount", "description", "category_id", "type_id"):
        yield name, getattr(row, name)


class TransactionQuerySet(LedgerQuerySet["Transaction"]):
    """The transactions of a user; `engine.record_transactions` stores many at once."""


class Transaction(LedgerModel):
    """One movement of money on one calendar date; its type decides what it counts for.

    Bounds: date 1900-01-01 to 2199-12-31; amount 0.01 to 999999999999.99, never negative;
    description at most 500 characters; external_id at most 200, unique a user, those of deleted
    rows included.
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
    # What the file said and what was stored of it, as hashes; NULL for what no file brought.
    imported_as = models.CharField(  # noqa: DJ001
        max_length=IMPORTED_AS_LENGTH, null=True, default=None, editable=False
    )
    # The Import that stored it; NULL for what none did. No foreign key: the database's check of it
    # would cost as much as storing the row. No index: an import knows the range of its ids.
    import_id = models.BigIntegerField(null=True, default=None, editable=False)
    # Whether somebody has changed a row of an import since.
    edited = models.BooleanField(default=False, db_default=False, editable=False)

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
            # The order of entry, which no edit changes: an export reads in it. The primary key
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
        """Give every value the form that is stored, so that the evaluation sees the same.

        Raises ValidationError for an invalid value and for a category or type of another user.
        """
        self.date = DATE.to_python(self.date)
        self.amount = parse_amount(self.amount)
        self.description = unicodedata.normalize("NFC", self.description)
        self.external_id = self.external_id or None
        if not MIN_DATE <= self.date <= MAX_DATE:
            raise ValidationError({"date": f"A date is from {MIN_DATE} to {MAX_DATE}."})
        if self.amount <= 0:
            raise ValidationError({"amount": "An amount is more than 0; the type gives the sign."})
        if "\x00" in self.description or "\x00" in (self.external_id or ""):
            raise ValidationError("Text holds no NUL character.")
        if self.category.user_id != self.user_id:
            raise ValidationError({"category": "The category belongs to another user."})
        if self.type.user_id != self.user_id:
            raise ValidationError({"type": "The transaction type belongs to another user."})

    def before_write(self, book: Book, before: Row | None) -> None:
        self.prepare()
        if before is not None and self.import_id is not None and is_by_hand(book):
            self.edited = self.edited or any(before[name] != value for name, value in told(self))
        if self.external_id is None:
            return
        others = Transaction.objects.filter(user_id=self.user_id, external_id=self.external_id)
        if others.exclude(pk=self.pk).exists():
            raise Conflict(TAKEN, {("external_id",): TAKEN})
        if keeps_id(before, self.in_memory()):
            return
        if DeletedId.objects.among(self.user_id, [self.external_id]):
            raise Conflict(GIVEN_UP, {("external_id",): GIVEN_UP})

    def _do_insert(
        self,
        manager: models.Manager[Any],
        using: str,
        fields: Sequence[models.Field[Any, Any]],
        returning_fields: Any,
        raw: bool,
    ) -> Any:
        """The statement of save(), by hand: the ORM compiles its own again for every row.

        It still says which columns there are and what goes into them.
        """
        if raw or len(fields) != len(COLUMNS):  # with an id that is given
            return super()._do_insert(manager, using, fields, returning_fields, raw)  # type: ignore[misc]
        to = connections[using]
        values = [field.get_db_prep_save(field.pre_save(self, True), to) for field in fields]
        with to.cursor() as cursor:
            cursor.execute(INSERT, values)
            return cursor.fetchall()

    def row(self) -> TransactionRow:
        return TransactionRow(
            self.pk,
            self.user_id,
            self.date,
            self.category.name,
            self.description,
            Minor(to_minor(self.amount)),
            self.type.slug,
            self.external_id,
        )

    def to_dict(self) -> TransactionDict:
        return describe_transaction(self.row())


COLUMNS = [
    str(field.column) for field in Transaction._meta.concrete_fields if not field.primary_key
]
INSERT = Message(
    Prepared(
        f"INSERT INTO {Transaction._meta.db_table} ({', '.join(COLUMNS)}) "  # noqa: S608 - of constants
        f"VALUES ({', '.join(['%s'] * len(COLUMNS))}) RETURNING id"
    )
)
