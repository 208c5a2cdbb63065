"""Search: every word of a text, whatever its case and accents, within one user's rows."""

from __future__ import annotations

import re
from typing import Any

from django.db import models

from lib.text import search_key

# The special characters of LIKE, and how they are escaped.
WILD = re.compile(r"[\\%_]")
BACKSLASHED = r"\\\g<0>"


class SearchField(models.TextField[str, str]):
    """What a search looks through: the text of another column, as search_key gives it.

    Stored, because the two databases fold differently and neither drops accents by itself; filled
    by every write that goes through the ORM, so that no writer has to think of it.
    """

    # Not asked back with every insert, as a column with a default of the database's is otherwise.
    db_returning = False

    def __init__(self, *, of: str = "", **options: Any) -> None:
        """of: the name of the text's own field."""
        self.of = of
        # The database knows the default, too: a server of the version before goes on writing.
        super().__init__(**{"default": "", "db_default": "", "editable": False, **options})

    def deconstruct(self) -> Any:
        name, path, args, options = super().deconstruct()
        return name, path, args, {**options, "of": self.of}

    def pre_save(self, model_instance: models.Model, add: bool) -> str:
        text = getattr(model_instance, self.of)
        found = search_key(text) if text else ""
        setattr(model_instance, self.attname, found)
        return found


def with_search(model: type[models.Model], names: set[str]) -> set[str]:
    """Columns to save, with the searchable forms of those among them."""
    fields = model._meta.concrete_fields
    return names | {
        field.name for field in fields if isinstance(field, SearchField) and field.of in names
    }


def words_of(text: str) -> list[str]:
    """The words that a search for a text looks for, as SearchFields have them."""
    return search_key(text).split()


def words_in(text: str, *columns: str) -> models.Q:
    """Rows that have every word of a text in one of the columns, as a part of it.

    columns: SearchFields. A text without a word is found everywhere.
    """
    found = models.Q()
    for word in words_of(text):
        anywhere = models.Q()
        for column in columns:
            anywhere |= models.Q(**{f"{column}__contains": word})
        found &= anywhere
    return found


def words_like(text: str, *columns: str) -> tuple[str, list[str]]:
    """The same as a condition in SQL, with its parameters; columns: as the statement names them.

    Empty for a text without a word.
    """
    one = " OR ".join(f"{column} LIKE %s ESCAPE '\\'" for column in columns)
    patterns = [f"%{WILD.sub(BACKSLASHED, word)}%" for word in words_of(text)]
    condition = " AND ".join([f"({one})"] * len(patterns))
    return condition, [pattern for pattern in patterns for _ in columns]
