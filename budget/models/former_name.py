"""The names that categories have had, for files that still know them by those."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models

from budget.models.category import Category
from lib.text import KEY_LENGTH

MAX_A_USER = 1000


class FormerNameQuerySet(models.QuerySet["FormerName"]):
    def keep(self, category: Category, key: str) -> None:
        """Note that a category once went by a folded name; under the user's lock."""
        self.bulk_create(
            [FormerName(user_id=category.user_id, key=key, category=category)],
            update_conflicts=True,
            unique_fields=["user", "key"],
            update_fields=["category"],
        )
        self.drop_oldest(category.user_id)

    def drop_oldest(self, user_id: int) -> None:
        """Let go of names beyond the newest thousand, so that renames without end fill nothing."""
        mine = self.filter(user_id=user_id)
        beyond = mine.order_by("-pk").values_list("pk", flat=True)[MAX_A_USER : MAX_A_USER + 1]
        for newest in list(beyond):
            mine.filter(pk__lte=newest).delete()

    def follow(self, source: Category, target: Category) -> None:
        """Let all names of a category that is merged away lead to another; under the lock."""
        self.filter(user_id=source.user_id, category=source).update(category=target)
        self.keep(target, source.key)


class FormerName(models.Model):
    """A name that a category had before it was renamed, or that of one merged into it.

    key: the folded name; at most a thousand a user, the newest. A category that bears the name now
    comes before it. Imports go by it; the API does not, where a new name means a new category.
    """

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="former_names", db_index=False
    )
    key = models.CharField(max_length=KEY_LENGTH)
    category = models.ForeignKey(
        Category, models.CASCADE, related_name="former_names", db_index=False
    )

    objects = FormerNameQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["user", "key"], name="budget_formername_unique_key"),
        ]
        indexes: ClassVar = [
            # The database's own check of a category that is deleted.
            models.Index(fields=["user", "category"], name="budget_formername_by_category"),
        ]

    def __str__(self) -> str:
        return self.key
