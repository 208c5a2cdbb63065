"""Transaction types: what a transaction does to spending and income."""

from __future__ import annotations

from typing import Annotated, ClassVar, NamedTuple

from django.conf import settings
from django.db import models
from pydantic import Field
from typing_extensions import TypedDict

from budget.judge.kinds import Effect
from budget.models.ledger import Row
from budget.models.named import Named, NamedQuerySet
from lib.errors import Conflict
from lib.select import Select
from lib.shapes import Id, SlugText, UserId, shape, words

BUILTIN_TYPES = (
    ("expense", "Expense", Effect.SPENDING),
    ("income", "Income", Effect.INCOME),
    ("refund", "Refund", Effect.REFUND),
    ("transfer", "Transfer", Effect.NONE),
)


@shape(
    {
        "id": 12,
        "user": 7,
        "name": "Fee",
        "slug": "fee",
        "effect": "spending",
        "builtin": False,
    }
)
class TransactionTypeDict(TypedDict):
    """What a transaction does to spending and income."""

    id: Id
    user: UserId
    name: str
    slug: SlugText
    effect: Annotated[
        str, words(Effect.values), Field(description="What an amount of this type does.")
    ]
    builtin: Annotated[bool, Field(description="Made with the user, and not to be edited.")]


class TransactionTypeRow(NamedTuple):
    """A transaction type as a SELECT gives it."""

    id: int
    user_id: int
    name: str
    slug: str
    effect: str
    builtin: bool


TRANSACTION_TYPES = Select(
    TransactionTypeRow,
    "r.id, r.user_id, r.name, r.slug, r.effect, r.builtin",
    "budget_transactiontype r",
)


def describe_type(row: TransactionTypeRow) -> TransactionTypeDict:
    """A transaction type as the API shows it."""
    return {
        "id": row.id,
        "user": row.user_id,
        "name": row.name,
        "slug": row.slug,
        "effect": row.effect,
        "builtin": row.builtin,
    }


class TransactionTypeQuerySet(NamedQuerySet["TransactionType"]):
    """The types of a user."""


class TransactionType(Named):
    """A user's transaction type; four are built in and cannot be edited, users add their own.

    At most 100 types a user (Conflict). The effect is fixed once a transaction uses the type
    (Conflict), so that an edit of a type never changes totals.
    """

    MAX_A_USER = 100
    SLUG_FALLBACK = "type"

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="transaction_types", db_index=False
    )
    effect = models.CharField(max_length=8, choices=Effect)

    objects = TransactionTypeQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["slug"]
        constraints: ClassVar = [
            *Named.Meta.constraints,
            models.CheckConstraint(
                condition=models.Q(effect__in=Effect.values), name="budget_transactiontype_effect"
            ),
        ]

    def check_edit(self, before: Row) -> None:
        if before["builtin"]:
            raise Conflict(f"The built-in transaction type {before['slug']} cannot be edited.")
        if before["effect"] != self.effect and self.in_use():
            raise Conflict("The effect is fixed, because transactions use this type.")

    def check_delete(self) -> None:
        if self.builtin:
            raise Conflict(f"The built-in transaction type {self.slug} cannot be deleted.")
        if self.in_use():
            raise Conflict("The transaction type is in use.")

    def in_use(self) -> bool:
        """Whether a transaction has this type."""
        return self.transactions.filter(user_id=self.user_id).exists()

    def to_dict(self) -> TransactionTypeDict:
        columns = (self.pk, self.user_id, self.name, self.slug, self.effect, self.builtin)
        return describe_type(TransactionTypeRow(*columns))
