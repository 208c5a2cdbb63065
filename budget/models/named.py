"""What categories and transaction types share: rows that a user knows by their names."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, ClassVar, Self, TypeVar

from django.db import connection, models

from budget.models.ledger import Book, LedgerModel, LedgerQuerySet, LedgerState, Row
from budget.models.search import SearchField
from lib.errors import Conflict
from lib.text import (
    KEY_LENGTH,
    NAME_LENGTH,
    SLUG_LENGTH,
    check_slug,
    make_slug,
    tidy_name,
)

N = TypeVar("N", bound="Named", covariant=True)
KNOWN = """
SELECT {names} FROM {table} WHERE user_id = %s AND {column} = %s
AND EXISTS (SELECT 1 FROM budget_ledger l WHERE l.user_id = %s AND l.rules = %s)
"""


class NamedQuerySet(LedgerQuerySet[N]):
    """Rows that a write names: by their folded name, or by their slug."""

    def known(self, ledger: LedgerState, column: str, value: str | int) -> N | None:
        """The user's row whose `key`, `slug` or `id` is a value; None if there is none.

        None, too, if the ledger is not locked and its number of rules is no longer the stored one.
        The process remembers what it has read under a number, which saves a query; each call gives
        another instance. Columns that a write does not need are read when they are asked for.
        """
        try:
            row = read_known(self.model, ledger.user_id, ledger.rules, column, value)
        except LookupError:
            return None
        return self.model.from_db(connection.alias, known_columns(self.model), row)


# Only what is found is kept, so no client can fill the memory with names that do not exist.
@lru_cache(maxsize=8192)
def read_known(
    model: type[Named], user_id: int, rules: int, column: str, value: str | int
) -> tuple[Any, ...]:
    """A user's row by key, slug or id; rules: the number that it is remembered under.

    Raises LookupError, also if the number is another one by now: a reader holds no lock.
    """
    names = ", ".join(known_columns(model))
    with connection.cursor() as cursor:
        cursor.execute(
            KNOWN.format(names=names, table=model._meta.db_table, column=column),
            [user_id, value, user_id, rules],
        )
        row: tuple[Any, ...] | None = cursor.fetchone()
    if row is None:
        raise LookupError(value)
    return row


@lru_cache(maxsize=8)
def known_columns(model: type[Named]) -> tuple[str, ...]:
    """All but those that a write of a transaction does not look at, in the model's order."""
    fields = model._meta.concrete_fields
    return tuple(field.attname for field in fields if field.name not in ("search", "builtin"))


class Named(LedgerModel):
    """A row with a name and a slug, both unique for its user; some are built in.

    name: 1 to 100 characters; names that differ only in case, spaces or Unicode form are the same
    and have the same key. slug: 1 to 60 characters, made from the name if it is blank. A user has
    at most MAX_A_USER such rows (Conflict).
    """

    MAX_A_USER: ClassVar[int]
    # The slug of a name that has no letter to make one from.
    SLUG_FALLBACK: ClassVar[str]
    IF_TAKEN: ClassVar[str] = "."

    name = models.CharField(max_length=NAME_LENGTH)
    key = models.CharField(max_length=KEY_LENGTH, editable=False)
    search = SearchField(of="name")
    slug = models.CharField(max_length=SLUG_LENGTH, blank=True)
    builtin = models.BooleanField(default=False, editable=False)

    class Meta:
        abstract = True
        constraints: ClassVar = [
            # What foreign keys of the same user's rows point to on PostgreSQL (migration 0007).
            models.UniqueConstraint(fields=["user", "id"], name="budget_%(class)s_unique_of_user"),
            models.UniqueConstraint(fields=["user", "key"], name="budget_%(class)s_unique_name"),
            models.UniqueConstraint(fields=["user", "slug"], name="budget_%(class)s_unique_slug"),
            models.CheckConstraint(
                condition=models.Q(slug__regex=r"^[a-z][a-z0-9_-]*$"), name="budget_%(class)s_slug"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Write the row and every alert that follows from it; a new name comes with its key."""
        names = kwargs.get("update_fields")
        if names is not None and "name" in names:
            kwargs["update_fields"] = {*names, "key"}
        super().save(*args, **kwargs)

    def prepare(self, taken: set[str]) -> Self:
        """Fill in what follows from the name: the form shown, the key and, if blank, the slug."""
        self.name, self.key = tidy_name(self.name, str(self._meta.verbose_name))
        self.slug = self.slug or make_slug(self.name, self.SLUG_FALLBACK, taken)
        return self

    def before_write(self, book: Book, before: Row | None) -> None:
        one, many = self._meta.verbose_name, self._meta.verbose_name_plural
        rows: models.QuerySet[Any] = type(self)._default_manager.all()
        siblings = rows.filter(user_id=self.user_id).exclude(pk=self.pk)
        self.prepare(set() if self.slug else set(siblings.values_list("slug", flat=True)))
        check_slug(self.slug)
        if before is None:
            if siblings.count() >= self.MAX_A_USER:
                raise Conflict(f"A user has at most {self.MAX_A_USER} {many}.")
        elif before["user_id"] != self.user_id:
            raise Conflict(f"A {one} cannot move to another user.")
        else:
            self.check_edit(before)
        taken = siblings.filter(models.Q(key=self.key) | models.Q(slug=self.slug)).first()
        if taken is not None and taken.key == self.key:
            raise Conflict(f"There is a {one} named {taken.name} already{self.IF_TAKEN}")
        if taken is not None:
            raise Conflict(f"There is a {one} with the slug {self.slug} already.")

    def check_edit(self, before: Row) -> None:
        """Raise Conflict for an edit of a stored row that the rules forbid."""
