"""From "a row was saved" to one call of the engine; no rule in here.

raw: loaddata writes the derived rows, too, and takes no lock. Run start_generation and
`reconcile --repair` after it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.contrib.auth import get_user_model
from django.db.models.signals import post_delete, post_save

from budget.engine import Book, commit, writes
from budget.models import Category, Profile, Threshold, Transaction, TransactionType
from budget.models.ledger import book_of, note_deleted, rows_deleted, saved_write, write_of


def user_saved(instance: Any, created: bool, raw: bool, **kwargs: Any) -> None:
    if created and not raw:
        writes.provision(instance.pk)


def transaction_saved(instance: Transaction, raw: bool, update_fields: Any, **kwargs: Any) -> None:
    if not raw:
        commit.transaction_written(saved_write(instance, update_fields))


def transaction_deleted(instance: Transaction, **kwargs: Any) -> None:
    if not note_deleted(instance):
        commit.transaction_written(write_of(instance))


def transactions_deleted(books: Mapping[int, Book], **kwargs: Any) -> None:
    writes.transactions_deleted(books)


def threshold_saved(instance: Threshold, raw: bool, **kwargs: Any) -> None:
    if not raw:
        writes.threshold_written(instance, write_of(instance))


def category_saved(instance: Category, raw: bool, update_fields: Any, **kwargs: Any) -> None:
    if not raw:
        writes.category_written(instance, saved_write(instance, update_fields))


def transaction_type_saved(instance: TransactionType, raw: bool, **kwargs: Any) -> None:
    if not raw:
        writes.transaction_type_written(instance, write_of(instance))


def named_deleted(instance: Category | TransactionType, **kwargs: Any) -> None:
    writes.named_deleted(book_of(instance))


def profile_saved(instance: Profile, raw: bool, update_fields: Any, **kwargs: Any) -> None:
    if not raw:
        writes.profile_written(saved_write(instance, update_fields))


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
    for model in (Category, TransactionType):
        uid = f"budget.{model.__name__}_deleted"
        post_delete.connect(named_deleted, model, dispatch_uid=uid)
    post_save.connect(profile_saved, Profile, dispatch_uid="budget.profile_saved")
