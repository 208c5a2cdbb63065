"""The databases of a run: many users alike, made from one by SQL, which is fast."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from django.apps import apps
from django.contrib.auth.models import User
from django.core.management.color import no_style
from django.db import connection
from django.db.models import Model

from accounts.models import ApiToken
from benchmarks import book
from benchmarks.book import Plan
from benchmarks.databases import Kind, Make
from benchmarks.start import Client

# Only PostgreSQL. Each row's copies follow it, so the rows of one user lie apart, as they do where
# many users have written for years.
COPY = """
INSERT INTO {table} ({columns})
SELECT {values} FROM {table} CROSS JOIN generate_series(1, %s) AS copy (k)
ORDER BY {table}.{key}, k
"""


@dataclass(frozen=True)
class Crowd:
    """A database with users alike. tokens: one for each user."""

    url: str
    tokens: list[str]


@dataclass
class Bases:
    """What makes the databases of a run. A crowd of the same size is made only once."""

    kind: Kind
    make: Make
    known: dict[tuple[int, int], Crowd] = field(default_factory=dict)

    def crowd(self, users: int, rows: int) -> Crowd:
        """So many users, with so many rows each."""
        if (users, rows) not in self.known:
            url = self.make()
            with Client(url) as client:
                self.known[users, rows] = Crowd(url, client.run(filled_with, users, rows))
        return self.known[users, rows]


def filled_with(users: int, rows: int) -> list[str]:
    """Fill an empty database with users alike; their tokens."""
    book.migrate()
    book.fill([Plan("user", rows)])
    tokens = issue_tokens(copy_user(users - 1))
    check_some()
    book.settle()
    return tokens


def check_some() -> None:
    """Raise RuntimeError if some users' rollups or alerts are not what their rows say."""
    ids = list(User.objects.values_list("id", flat=True))
    book.check_all(random.Random(0).sample(ids, min(len(ids), 20)))  # noqa: S311 (not for secrets)


def copy_user(copies: int) -> list[int]:
    """Give the only user of a database so many likenesses, with everything; the ids of all.

    Needs a superuser of PostgreSQL: what refers to what is not checked again.
    """
    owned: list[type[Model]] = [User]
    for model in apps.get_models():
        if any(field.related_model is User for field in model._meta.fields):
            owned.append(model)
    found = [model for model in owned if model._base_manager.exists()]
    steps = {model: largest(model) for model in found}
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica; SET work_mem = '256MB'")
        for model in found:
            cursor.execute(statement(model, steps), [copies])
        cursor.execute("SET session_replication_role = DEFAULT")
        for sql in connection.ops.sequence_reset_sql(no_style(), found):
            cursor.execute(sql)
    return list(User.objects.order_by("id").values_list("id", flat=True))


def largest(model: type[Model]) -> int:
    last = model._base_manager.order_by("-pk").values_list("pk", flat=True)[0]
    return int(last)


def statement(model: type[Model], steps: dict[type[Model], int]) -> str:
    """Copies of all rows; a key is moved by as many steps as the copy has as its number."""
    table, columns, values = model._meta.db_table, [], []
    for column in model._meta.concrete_fields:
        own = model if column.primary_key else None
        target = column.related_model if column.is_relation else own
        value = f'{table}."{column.column}"'
        if target in steps:
            value += f" + k * {steps[target]}"
        elif column.name == "username":
            value += " || ' ' || k"
        columns.append(f'"{column.column}"')
        values.append(value)
    key = f'"{model._meta.pk.column}"'
    return COPY.format(table=table, columns=", ".join(columns), values=", ".join(values), key=key)


def issue_tokens(user_ids: list[int]) -> list[str]:
    """A token for each user; the secrets, in the same order."""
    tokens = [ApiToken(user_id=user_id, name="benchmark") for user_id in user_ids]
    secrets = [token.seal() for token in tokens]
    ApiToken.objects.bulk_create(tokens)
    return secrets
