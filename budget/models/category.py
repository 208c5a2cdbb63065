"""Categories: what money is spent on, in the user's own words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Self

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from pydantic import Field
from typing_extensions import TypedDict

from budget.models.errors import Conflict
from budget.models.ledger import LedgerModel, LedgerQuerySet, Row
from budget.models.search import SearchField
from budget.models.shapes import Id, SlugText, UserId, shape
from budget.models.text import SLUG_LENGTH, check_slug, fold, make_slug, tidy

UNCATEGORISED = "Uncategorised"
KEY_LENGTH = 200
NAME_LENGTH = 100
MAX_DEPTH = 5


def tidy_name(name: str, what: str) -> tuple[str, str]:
    """A name to show and its folded key. Raises ValidationError when blank or too long."""
    shown, key = tidy(name), fold(name)
    if not key:
        raise ValidationError({"name": f"A {what} needs a name."})
    if len(shown) > NAME_LENGTH or len(key) > KEY_LENGTH:
        raise ValidationError({"name": f"A name has at most {NAME_LENGTH} characters."})
    return shown, key


@shape(
    {
        "id": 31,
        "user": 7,
        "name": "Groceries",
        "slug": "groceries",
        "parent": "Food",
        "builtin": False,
    }
)
class CategoryDict(TypedDict):
    """What money is spent on, in the user's own words."""

    id: Id
    user: UserId
    name: str
    slug: SlugText
    parent: Annotated[
        str | None, Field(description="The name of the category that it is a part of.")
    ]
    builtin: Annotated[bool, Field(description="Made with the user, and not to be edited.")]


class CategoryQuerySet(LedgerQuerySet["Category"]):
    def named(self, name: str) -> Category | None:
        """The category that the name means, whatever its case, spaces or Unicode form."""
        return self.filter(key=fold(name)).first()


class Category(LedgerModel):
    """A user's category; names that differ only in case, spaces or Unicode form are one.

    parent: the category that it is a part of; a threshold on a category counts its whole subtree,
    as the tree is now. Bounds: name 1 to 100 characters, slug 1 to 60, at most 500 categories a
    user, a tree of depth at most 5 without cycles (Conflict). Every user has the built-in
    "Uncategorised", which can be neither renamed, deleted nor merged away and stands alone.
    """

    MAX_A_USER = 500

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="categories", db_index=False
    )
    name = models.CharField(max_length=NAME_LENGTH)
    key = models.CharField(max_length=KEY_LENGTH, editable=False)
    search = SearchField(of="name")
    slug = models.CharField(max_length=SLUG_LENGTH, blank=True)
    parent = models.ForeignKey(
        "self", models.PROTECT, related_name="children", null=True, blank=True, db_index=False
    )
    builtin = models.BooleanField(default=False, editable=False)

    objects = CategoryQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "categories"
        ordering: ClassVar = ["key"]
        constraints: ClassVar = [
            # What foreign keys of the same user's rows point to on PostgreSQL (migration 0007).
            models.UniqueConstraint(fields=["user", "id"], name="budget_category_unique_of_user"),
            models.UniqueConstraint(fields=["user", "key"], name="budget_category_unique_name"),
            models.UniqueConstraint(fields=["user", "slug"], name="budget_category_unique_slug"),
            models.CheckConstraint(
                condition=models.Q(slug__regex=r"^[a-z][a-z0-9_-]*$"), name="budget_category_slug"
            ),
            models.CheckConstraint(
                condition=models.Q(builtin=False) | models.Q(parent=None),
                name="budget_category_builtin_alone",
            ),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["user", "parent"],
                condition=models.Q(parent__isnull=False),
                name="budget_category_by_parent",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def prepare(self, taken: set[str]) -> Self:
        """Fill in what follows from the name: the form shown, the key and, if blank, the slug."""
        self.name, self.key = tidy_name(self.name, "category")
        self.slug = self.slug or make_slug(self.name, "category", taken)
        return self

    def check_write(self, before: Row | None) -> None:
        siblings = Category.objects.filter(user_id=self.user_id).exclude(pk=self.pk)
        self.prepare(set() if self.slug else set(siblings.values_list("slug", flat=True)))
        if before is None:
            if siblings.count() >= self.MAX_A_USER:
                raise Conflict(f"A user has at most {self.MAX_A_USER} categories.")
        elif before["user_id"] != self.user_id:
            raise Conflict("A category stays with its user.")
        elif before["builtin"] and before["name"] != self.name:
            raise Conflict(f"The built-in category {UNCATEGORISED} cannot be renamed.")
        check_slug(self.slug)
        if siblings.filter(slug=self.slug).exists():
            raise Conflict(f"There is a category with the slug {self.slug} already.")
        same = siblings.filter(key=self.key).first()
        if same is not None:
            raise Conflict(f"There is a category named {same.name} already; merge the two instead.")
        if self.parent_id is not None and (before is None or before["parent_id"] != self.parent_id):
            self.check_parent()

    def check_parent(self) -> None:
        """Raise Conflict unless the tree with this parent is one, and not too deep."""
        rows = Category.objects.filter(user_id=self.user_id)
        parents: dict[int, int | None] = dict(rows.values_list("pk", "parent_id"))
        if self.parent_id not in parents:
            raise Conflict("The parent category has gone, or belongs to another user.")
        if self.builtin or rows.filter(pk=self.parent_id, builtin=True).exists():
            raise Conflict(f"The built-in category {UNCATEGORISED} stands alone in the tree.")
        if self.pk is not None:
            parents[self.pk] = self.parent_id
        check_tree(parents, self.parent_id)

    def check_delete(self) -> None:
        if self.builtin:
            raise Conflict(f"The built-in category {UNCATEGORISED} cannot be deleted.")
        if self.in_use():
            raise Conflict("The category is in use; merge it into another instead.")
        if self.children.filter(user_id=self.user_id).exists():
            raise Conflict("The category has others under it; move those first.")

    def in_use(self) -> bool:
        """Whether a transaction or a threshold, deleted ones included, names the category.

        A threshold as it was counts too, as long as there are alerts to be explained by it.
        """
        return (
            self.transactions.filter(user_id=self.user_id).exists()
            or self.thresholds.filter(user_id=self.user_id).exists()
            or self.conditions.filter(threshold__user_id=self.user_id).exists()
            or self.revisions.filter(user_id=self.user_id).exists()
        )

    def to_dict(self) -> CategoryDict:
        return {
            "id": self.pk,
            "user": self.user_id,
            "name": self.name,
            "slug": self.slug,
            "parent": self.parent.name if self.parent else None,
            "builtin": self.builtin,
        }


def check_tree(parents: Mapping[int, int | None], new_parent: int | None = None) -> None:
    """Raise Conflict for a cycle among categories, or a depth over 5; parents: by category.

    new_parent: of a category that is not stored yet and so has no id.
    """
    if new_parent is not None and depth_of(parents, new_parent) >= MAX_DEPTH:
        raise Conflict(f"Categories lie at most {MAX_DEPTH} deep.")
    for pk in parents:
        depth_of(parents, pk)


def depth_of(parents: Mapping[int, int | None], pk: int) -> int:
    """How deep a category lies, 1 at the top. Raises Conflict for a cycle or more than 5."""
    at: int | None = pk
    for depth in range(MAX_DEPTH + 1):
        if at is None:
            return depth
        at = parents.get(at)
        if at == pk:
            raise Conflict("A category cannot lie under itself.")
    raise Conflict(f"Categories lie at most {MAX_DEPTH} deep.")
