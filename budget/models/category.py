"""Categories: what money is spent on, in the user's own words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, NamedTuple

from django.conf import settings
from django.db import models
from pydantic import Field
from typing_extensions import TypedDict

from budget.models.ledger import Book, LedgerState, Row
from budget.models.named import Named, NamedQuerySet
from lib.errors import Conflict
from lib.select import Select
from lib.shapes import Id, SlugText, UserId, shape
from lib.text import fold

UNCATEGORISED = "Uncategorised"
NOT_IN_TREE = f"The built-in category {UNCATEGORISED} cannot have a parent or children."
MAX_DEPTH = 5


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
    parent: Annotated[str | None, Field(description="The name of the category above it.")]
    builtin: Annotated[bool, Field(description="Made with the user, and not to be edited.")]


class CategoryRow(NamedTuple):
    """A category as a SELECT gives it, with the name of the one above it."""

    id: int
    user_id: int
    name: str
    key: str
    slug: str
    parent: str | None
    builtin: bool


CATEGORIES = Select(
    CategoryRow,
    "r.id, r.user_id, r.name, r.key, r.slug, p.name AS parent, r.builtin",
    "budget_category r LEFT JOIN budget_category p ON p.id = r.parent_id",
)


def describe_category(row: CategoryRow) -> CategoryDict:
    """A category as the API shows it."""
    return {
        "id": row.id,
        "user": row.user_id,
        "name": row.name,
        "slug": row.slug,
        "parent": row.parent,
        "builtin": row.builtin,
    }


class CategoryQuerySet(NamedQuerySet["Category"]):
    def named(self, name: str) -> Category | None:
        """The category with that name, ignoring case, spaces and Unicode form."""
        return self.filter(key=fold(name)).first()

    def find_or_create(self, ledger: LedgerState, name: str) -> Category:
        """The category of a name, of the user whose ledger is locked; created if it is new."""
        found = self.known(ledger, "key", fold(name))
        return found or self.create(user_id=ledger.user_id, name=name)


class Category(Named):
    """A user's category, in a tree of at most 5 levels.

    parent: the category above it; a threshold on a category counts its whole subtree, as the tree
    is now. At most 500 categories a user, without cycles (Conflict). Every user has the built-in
    "Uncategorised", which cannot be renamed, deleted, merged or put into the tree.
    """

    MAX_A_USER = 500
    SLUG_FALLBACK = "category"
    IF_TAKEN = "; merge the two instead."

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="categories", db_index=False
    )
    parent = models.ForeignKey(
        "self", models.PROTECT, related_name="children", null=True, blank=True, db_index=False
    )

    objects = CategoryQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "categories"
        ordering: ClassVar = ["key"]
        constraints: ClassVar = [
            *Named.Meta.constraints,
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

    def before_write(self, book: Book, before: Row | None) -> None:
        super().before_write(book, before)
        if self.parent_id is not None and (before is None or before["parent_id"] != self.parent_id):
            self.check_parent()

    def check_edit(self, before: Row) -> None:
        if before["builtin"] and before["name"] != self.name:
            raise Conflict(f"The built-in category {UNCATEGORISED} cannot be renamed.")

    def check_parent(self) -> None:
        """Raise Conflict unless the tree with this parent is one, and not too deep."""
        rows = Category.objects.filter(user_id=self.user_id)
        parents: dict[int, int | None] = dict(rows.values_list("pk", "parent_id"))
        if self.parent_id not in parents:
            raise Conflict("The parent category does not exist, or belongs to another user.")
        if self.builtin or rows.filter(pk=self.parent_id, builtin=True).exists():
            raise Conflict(NOT_IN_TREE)
        if self.pk is not None:
            parents[self.pk] = self.parent_id
        check_tree(parents, self.parent_id)

    def check_delete(self) -> None:
        if self.builtin:
            raise Conflict(f"The built-in category {UNCATEGORISED} cannot be deleted.")
        if self.in_use():
            raise Conflict("The category is in use; merge it into another instead.")
        if self.children.filter(user_id=self.user_id).exists():
            raise Conflict("The category has others below it; move those first.")

    def in_use(self) -> bool:
        """Whether a transaction or a threshold has the category, also a deleted one.

        Earlier revisions of thresholds count too, because alerts are explained by them.
        """
        return (
            self.transactions.filter(user_id=self.user_id).exists()
            or self.thresholds.filter(user_id=self.user_id).exists()
            or self.conditions.filter(threshold__user_id=self.user_id).exists()
            or self.revisions.filter(user_id=self.user_id).exists()
        )

    def to_dict(self) -> CategoryDict:
        parent = self.parent.name if self.parent else None
        columns = (self.pk, self.user_id, self.name, self.key, self.slug, parent, self.builtin)
        return describe_category(CategoryRow(*columns))


def check_tree(parents: Mapping[int, int | None], new_parent: int | None = None) -> None:
    """Raise Conflict for a cycle among categories, or a depth over 5; parents: by category.

    new_parent: of a category that is not stored yet and so has no id.
    """
    if new_parent is not None and depth_of(parents, new_parent) >= MAX_DEPTH:
        raise Conflict(f"Categories are at most {MAX_DEPTH} levels deep.")
    for pk in parents:
        depth_of(parents, pk)


def depth_of(parents: Mapping[int, int | None], pk: int) -> int:
    """The level of a category in the tree, 1 at the top. Raises Conflict for a cycle or over 5."""
    at: int | None = pk
    for depth in range(MAX_DEPTH + 1):
        if at is None:
            return depth
        at = parents.get(at)
        if at == pk:
            raise Conflict("A category cannot be below itself.")
    raise Conflict(f"Categories are at most {MAX_DEPTH} levels deep.")
