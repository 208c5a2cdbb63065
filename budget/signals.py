"""From "a row was saved" to one call of the engine; no rule in here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.contrib.auth import get_user_model
from django.db.models.signals import post_delete, post_save

from accounts.models import Profile
from budget.engine import writes
from budget.models import Category, LedgerState, Threshold, Transaction, TransactionType
from budget.models.ledger import Change, Row, gather, lock_ledgers, rows_deleted


def user_saved(instance: Any, created: bool, raw: bool, **kwargs: Any) -> None:
    if created and not raw:
        writes.provision(instance.pk)


def transaction_saved(instance: Transaction, raw: bool, update_fields: Any, **kwargs: Any) -> None:
    if raw or instance.change is None:
        return
    # A partial save leaves the database with columns that this instance may hold otherwise.
    after = instance.in_memory() if update_fields is None else instance.stored_row()
    writes.transaction_written(instance.change, after)


def transaction_deleted(instance: Transaction, **kwargs: Any) -> None:
    if instance.change is not None:
        writes.transaction_written(instance.change, None)
        return
    row = {**instance.in_memory(), "id": instance.pk}
    if not gather(row):
        writes.transaction_written(Change(lock_ledgers([instance.user_id]), row), None)


def transactions_deleted(
    ledgers: dict[int, LedgerState], rows: Sequence[Row], **kwargs: Any
) -> None:
    writes.transactions_deleted(ledgers, rows)


def threshold_saved(instance: Threshold, raw: bool, **kwargs: Any) -> None:
    if not raw and instance.change is not None:
        writes.threshold_written(instance, instance.change)


def category_saved(instance: Category, raw: bool, **kwargs: Any) -> None:
    if not raw and instance.change is not None:
        writes.category_written(instance, instance.change)


def transaction_type_saved(instance: TransactionType, raw: bool, **kwargs: Any) -> None:
    if not raw and instance.change is not None:
        writes.transaction_type_written(instance, instance.change)


def profile_saved(instance: Profile, raw: bool, **kwargs: Any) -> None:
    if not raw and instance.change is not None:
        writes.profile_written(instance, instance.change)


def connect() -> None:
    """Wire every model that the alerts depend on; called once the apps are ready."""
    post_save.connect(user_saved, get_user_model(), dispatch_uid="budget.user_saved")
    post_save.connect(transaction_saved, Transaction, dispatch_uid="budget.transaction_saved")
    post_delete.connect(transaction_deleted, Transaction, dispatch_uid="budget.transaction_deleted")
    rows_deleted.connect(transactions_deleted, Transaction, dispatch_uid="budget.rows_deleted")
    post_save.connect(threshold_saved, Threshold, dispatch_uid="budget.threshold_saved")
    post_save.connect(category_saved, Category, dispatch_uid="budget.category_saved")
    post_save.connect(
        transaction_type_saved, TransactionType, dispatch_uid="budget.transaction_type_saved"
    )
    post_save.connect(profile_saved, Profile, dispatch_uid="budget.profile_saved")
