"""Transaction types: what a row does to spending and income."""

from __future__ import annotations

from typing import Annotated, ClassVar

from django.conf import settings
from django.db import models
from pydantic import Field
from typing_extensions import TypedDict

from budget.models.category import KEY_LENGTH, NAME_LENGTH, tidy_name
from budget.models.errors import Conflict
from budget.models.ledger import LedgerModel, LedgerQuerySet, Row
from budget.models.search import SearchField
from budget.models.shapes import Id, SlugText, UserId, shape, words
from budget.models.text import SLUG_LENGTH, check_slug, make_slug


class Effect(models.TextChoices):
    """What an amount of this type does: the sign is decided here and nowhere else."""

    SPENDING = "spending", "adds to spending"
    REFUND = "refund", "lowers spending"
    INCOME = "income", "adds to income"
    NONE = "none", "counts for nothing"


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
    """What a row does to spending and income."""

    id: Id
    user: UserId
    name: str
    slug: SlugText
    effect: Annotated[
        str, words(Effect.values), Field(description="What an amount of this type does.")
    ]
    builtin: Annotated[bool, Field(description="Made with the user, and not to be edited.")]


class TransactionTypeQuerySet(LedgerQuerySet["TransactionType"]):
    """The types of a user."""


class TransactionType(LedgerModel):
    """A user's transaction type; four are built in and cannot be edited, users add their own.

    Bounds: name 1 to 100 characters, slug 1 to 60, at most 100 types a user (Conflict). The effect
    is fixed once a transaction uses the type (Conflict), so that no total changes behind a row.
    """

    MAX_A_USER = 100

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="transaction_types", db_index=False
    )
    name = models.CharField(max_length=NAME_LENGTH)
    key = models.CharField(max_length=KEY_LENGTH, editable=False)
    search = SearchField(of="name")
    slug = models.CharField(max_length=SLUG_LENGTH, blank=True)
    effect = models.CharField(max_length=8, choices=Effect)
    builtin = models.BooleanField(default=False, editable=False)

    objects = TransactionTypeQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["slug"]
        constraints: ClassVar = [
            # What foreign keys of the same user's rows point to on PostgreSQL (migration 0007).
            models.UniqueConstraint(
                fields=["user", "id"], name="budget_transactiontype_unique_of_user"
            ),
            models.UniqueConstraint(
                fields=["user", "key"], name="budget_transactiontype_unique_name"
            ),
            models.UniqueConstraint(
                fields=["user", "slug"], name="budget_transactiontype_unique_slug"
            ),
            models.CheckConstraint(
                condition=models.Q(slug__regex=r"^[a-z][a-z0-9_-]*$"),
                name="budget_transactiontype_slug",
            ),
            models.CheckConstraint(
                condition=models.Q(effect__in=Effect.values), name="budget_transactiontype_effect"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def check_write(self, before: Row | None) -> None:
        self.name, self.key = tidy_name(self.name, "transaction type")
        siblings = TransactionType.objects.filter(user_id=self.user_id).exclude(pk=self.pk)
        if not self.slug:
            self.slug = make_slug(self.name, "type", set(siblings.values_list("slug", flat=True)))
        check_slug(self.slug)
        if siblings.filter(models.Q(key=self.key) | models.Q(slug=self.slug)).exists():
            raise Conflict(f"There is a transaction type named {self.name} already.")
        if before is None:
            if siblings.count() >= self.MAX_A_USER:
                raise Conflict(f"A user has at most {self.MAX_A_USER} transaction types.")
        elif before["user_id"] != self.user_id:
            raise Conflict("A transaction type stays with its user.")
        elif before["builtin"]:
            raise Conflict(f"The built-in transaction type {before['slug']} cannot be edited.")
        elif before["effect"] != self.effect and self.in_use():
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
        return {
            "id": self.pk,
            "user": self.user_id,
            "name": self.name,
            "slug": self.slug,
            "effect": self.effect,
            "builtin": self.builtin,
        }
