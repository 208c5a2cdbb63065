"""Deleting an account with everything in it."""

from __future__ import annotations

from django.contrib.auth import get_user_model
from django.db import connection, models, transaction

from accounts.models import ApiToken, Profile
from budget.models import (
    Alert,
    AlertEvent,
    Category,
    IdempotentAnswer,
    Ledger,
    Rollup,
    Threshold,
    ThresholdLevel,
    Transaction,
    TransactionType,
)
from budget.models.ledger import lock_ledger

# Each before what it points to.
OWNED: tuple[type[models.Model], ...] = (
    IdempotentAnswer,
    AlertEvent,
    Alert,
    Rollup,
    Transaction,
    Threshold,
    Category,
    TransactionType,
    Profile,
    ApiToken,
    Ledger,
)


def delete_account(user_id: int) -> None:
    """Delete a user and every row of theirs in one commit, under the ledger's lock.

    Nothing is evaluated: there is nobody left whose alerts could be wrong. Raises
    User.DoesNotExist.
    """
    with transaction.atomic():
        user = get_user_model().objects.get(pk=user_id)
        lock_ledger(user_id)
        ThresholdLevel.objects.filter(threshold__user_id=user_id).delete()
        with connection.cursor() as cursor:
            for model in OWNED:
                # Plain SQL: a queryset's delete would load every row and evaluate it.
                table = connection.ops.quote_name(model._meta.db_table)
                cursor.execute(f"DELETE FROM {table} WHERE user_id = %s", [user_id])  # noqa: S608
        user.delete()
