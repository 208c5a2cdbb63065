"""The export and the delete of an account: the rows of every app, so also sessions and tokens.

It is part of the engine because the delete runs under the ledger's lock and needs no evaluation.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from allauth.usersessions.models import UserSession
from django.apps import apps
from django.conf import settings
from django.contrib.admin.models import LogEntry
from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.core.serializers.json import DjangoJSONEncoder
from django.db import connection, models
from django.db.models import F
from django.db.models.functions import Cast
from django.utils import timezone

from accounts.models import ApiToken
from budget.models import (
    Alert,
    AlertEvent,
    Category,
    Condition,
    DeletedId,
    Delivery,
    DeliveryTry,
    Endpoint,
    FormerName,
    IdempotentAnswer,
    Import,
    ImportAnswer,
    ImportChange,
    ImportPart,
    Ledger,
    Profile,
    Rollup,
    Threshold,
    ThresholdRevision,
    Transaction,
    TransactionType,
)
from budget.models.ledger import open_book
from budget.models.money import MoneyField
from budget.models.search import SearchField
from lib.text import moment

# Each before what it points to.
OWNED: tuple[type[models.Model], ...] = (
    IdempotentAnswer,
    ImportPart,
    ImportChange,
    ImportAnswer,
    Import,
    DeliveryTry,
    Delivery,
    Endpoint,
    AlertEvent,
    Alert,
    Rollup,
    Transaction,
    DeletedId,
    FormerName,
    ThresholdRevision,
    Threshold,
    Category,
    TransactionType,
    Profile,
    ApiToken,
    Ledger,
)
# Secrets that open an account, or help to guess one, are in no export; nor are the texts of the
# admin's log, which are about other users' rows.
SECRETS = {
    "admin.LogEntry": {"object_repr", "change_message"},
    "auth.User": {"password"},
    "accounts.ApiToken": {"digest"},
    "accounts.Device": {"fingerprint"},
    "usersessions.UserSession": {"session_key", "data"},
    "mfa.Authenticator": {"data"},
    "account.EmailConfirmation": {"key"},
    "budget.Endpoint": {"secret", "old_secret", "auth"},
    "budget.IdempotentAnswer": {"key", "digest", "headers"},
}
ROWS_A_QUERY = 1000
# What the admin's log says instead of the rows of a deleted account.
ERASED = "(erased)"


def delete_account(user_id: int) -> None:
    """Delete a user and every row of theirs in one commit, under the ledger's lock.

    Nothing is evaluated: no alerts are left that could be wrong. Raises User.DoesNotExist.
    """
    with open_book(user_id):
        # Before their deliveries, as where the outcomes of these are stored.
        list(Endpoint.objects.select_for_update().filter(user_id=user_id).order_by("pk"))
        user = get_user_model().objects.get(pk=user_id)
        end_sessions(user_id)
        erase_from_log(user_id)
        Condition.objects.filter(threshold__user_id=user_id).delete()
        with connection.cursor() as cursor:
            for model in OWNED:
                # Plain SQL: a queryset's delete would load every row and evaluate it.
                table = connection.ops.quote_name(model._meta.db_table)
                cursor.execute(f"DELETE FROM {table} WHERE user_id = %s", [user_id])  # noqa: S608
        user.delete()


def end_sessions(user_id: int) -> None:
    """Delete the sessions of a user, which name the user only in their data."""
    store = import_module(settings.SESSION_ENGINE).SessionStore
    for key in UserSession.objects.filter(user_id=user_id).values_list("session_key", flat=True):
        store(key).delete()


def owner_mark(user_id: int) -> str:
    """The end of the text of a log entry about a user's row."""
    return f" (user {user_id})"


def erase_from_log(user_id: int) -> None:
    """Take out of the admin's log what it says of a user's rows; who did what, and when, stays.

    Entries are found by existing rows, and by their mark if the row is gone already.
    """
    words = {"object_repr": ERASED, "change_message": ""}
    LogEntry.objects.filter(object_repr__endswith=owner_mark(user_id)).update(**words)
    for table in tables():
        kind = ContentType.objects.get_for_model(table.model)
        rows = table.model._base_manager.filter(**{table.owner: user_id}).order_by()
        keys = rows.values_list(Cast("pk", models.TextField()))
        LogEntry.objects.filter(content_type=kind, object_id__in=keys).update(**words)


@dataclass(frozen=True)
class OwnedTable:
    """A model whose rows belong to users. owner: the way from a row to its user, as in a filter."""

    model: type[models.Model]
    owner: str

    @property
    def fields(self) -> list[models.Field[Any, Any]]:
        """The columns to export: all but secrets, and what only repeats another column."""
        secrets = SECRETS.get(self.model._meta.label, set())
        return [
            field
            for field in self.model._meta.concrete_fields
            if field.name not in secrets and not isinstance(field, SearchField)
        ]

    def rows(self, user_id: int) -> Iterator[dict[str, Any]]:
        """A user's rows by ascending id, some thousand at a time; no server-side cursor."""
        mine = self.model._base_manager.filter(**{self.owner: user_id})
        # A sum has no index: so the rows are found by their user, and the primary key is not read
        # through for them. Transactions, of which there are many, have an index for this order.
        order = F("pk") if self.model is Transaction else F("pk") + 0
        last = None
        while True:
            ahead = mine if last is None else mine.filter(pk__gt=last)
            found = list(ahead.order_by(order)[:ROWS_A_QUERY])
            for row in found:
                yield {field.attname: in_json(field, row) for field in self.fields}
            if len(found) < ROWS_A_QUERY:
                return
            last = found[-1].pk


def in_json(field: models.Field[Any, Any], row: models.Model) -> Any:
    """A column's value in JSON: money as exact text, times in UTC, bytes in Base64."""
    value = getattr(row, field.attname)
    if value is None:
        return None
    if isinstance(field, MoneyField):
        return str(value)
    if isinstance(field, models.BinaryField):
        return b64encode(value).decode()
    return moment(value) if isinstance(field, models.DateTimeField) else value


def tables() -> list[OwnedTable]:
    """Every model that belongs to users, also of the apps that the service leans on."""
    found: dict[type[models.Model], str] = {}
    waiting = [model for model in apps.get_models() if not model._meta.proxy]
    while waiting:
        known = [model for model in waiting if owner_of(model, found) is not None]
        if not known:
            break
        for model in known:
            found[model] = owner_of(model, found) or ""
            waiting.remove(model)
    return [OwnedTable(model, found[model]) for model in apps.get_models() if model in found]


def owner_of(model: type[models.Model], known: dict[type[models.Model], str]) -> str | None:
    """The way from a row to its user: its own column, or that of a row it points to."""
    if model is User:
        return "pk"
    links = [field for field in model._meta.concrete_fields if field.is_relation]
    for field in links:
        if field.related_model is User:
            return field.attname
    for field in links:
        if field.related_model in known:
            return f"{field.name}__{known[field.related_model]}"
    return None


def export_account(user_id: int) -> Iterator[bytes]:
    """Everything that is stored of a user, as one JSON object with a list a table.

    Made while it is read, so each list is as it was when its turn came. Rows are exported
    as they are stored, without what opens an account.
    """
    yield f'{{"exported_at": {as_json(moment(timezone.now()))}'.encode()
    for table in tables():
        yield f', "{table.model._meta.label}": ['.encode()
        comma = ""
        for row in table.rows(user_id):
            yield f"{comma}\n{as_json(row)}".encode()
            comma = ","
        yield b"]"
    yield b"}\n"


def as_json(value: object) -> str:
    return json.dumps(value, cls=DjangoJSONEncoder, ensure_ascii=False)
