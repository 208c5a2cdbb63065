"""Taking an import back: its rows, what it changed, its categories, and every alert, in one commit.

It is refused where somebody or something has built on it: a row of it was changed by hand since, or
by a later import that stands. A row that the user has deleted since stands in nobody's way.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal

from django.utils import timezone

from budget.engine import Book
from budget.engine.bulk import remove_rows
from budget.models import (
    Category,
    Cause,
    ChangeKind,
    Conflict,
    DeletedId,
    Import,
    ImportChange,
    ImportPart,
    ImportState,
    Transaction,
)
from budget.models.imports import columns_kept
from budget.models.transaction import TransactionQuerySet
from lib.text import fold

# How many rows a refusal names; it counts the others.
MOST_NAMED = 20
IDS_A_QUERY = 1000


def undo(book: Book, found: Import) -> None:
    """Take an import of the book's user back. Raises Conflict with the rows that forbid it."""
    if found.state != ImportState.UNDOING:
        check(found)
    changes = list(ImportChange.objects.filter(user_id=found.user_id, imported=found))
    refuse_dependants(found, changes)
    # Their external_ids may come back with another import.
    remove_rows(book, rows_of(found), Cause.IMPORT)
    for change in changes:
        if change.kind == ChangeKind.UPDATED:
            put_back(change)
    forget_again(change for change in changes if change.kind == ChangeKind.RESTORED)
    remove_categories(found)
    ImportPart.objects.filter(user_id=found.user_id, imported=found).delete()
    found.state, found.undone_at = ImportState.UNDONE, timezone.now()
    found.due_at, found.worker = None, ""
    found.save()


def check(found: Import) -> None:
    """Raises Conflict where there is nothing that could be taken back."""
    if found.state == ImportState.UNDONE:
        raise Conflict("This import was undone already.")
    is_cut_off = found.state == ImportState.RUNNING and found.due_at is None
    if found.state == ImportState.UNDOING:
        raise Conflict("This import is being undone already.")
    if found.state in (ImportState.WAITING, ImportState.RUNNING) and not is_cut_off:
        raise Conflict("This import is not over yet; wait for its end.")
    changed = ImportChange.objects.filter(user_id=found.user_id, imported=found)
    if not found.stored and not changed.exists():
        raise Conflict("This import has stored nothing.")


def rows_of(found: Import) -> TransactionQuerySet:
    """The transactions that an import has stored and that are still there."""
    mine = Transaction.objects.filter(user_id=found.user_id, import_id=found.pk)
    return mine.filter(pk__range=(found.first_row or 0, found.last_row or 0))


def refuse_dependants(found: Import, changes: Iterable[ImportChange]) -> None:
    """Raises Conflict where something was built on the import, and names it."""
    edited = [*rows_of(found).filter(edited=True).order_by("pk")]
    edited += [row for row in map(changed_since, changes) if row is not None]
    if edited:
        raise Conflict(
            f"{named(edited)} changed since the import; undo would lose that. Delete what is to "
            "go, or change it back, one by one."
        )
    standing = ImportChange.objects.filter(user_id=found.user_id, kind=ChangeKind.UPDATED)
    standing = standing.exclude(imported=found).exclude(imported__state=ImportState.UNDONE)
    ids = {change.external_id: change.imported_id for change in standing}
    later = {
        ids[row.external_id or ""]: row
        for at in range(0, len(ids), IDS_A_QUERY)
        for row in rows_of(found).filter(external_id__in=list(ids)[at : at + IDS_A_QUERY])
    }
    if later:
        numbers = " and ".join(map(str, sorted(later)))
        raise Conflict(
            f"{named(list(later.values()))} updated by import {numbers} since; undo that first."
        )


def changed_since(change: ImportChange) -> Transaction | None:
    """The row that an import has updated, if it is not as the import left it."""
    if change.kind != ChangeKind.UPDATED:
        return None
    row = Transaction.objects.filter(user_id=change.user_id, external_id=change.external_id).first()
    return row if row is not None and columns_kept(row) != change.after else None


def named(rows: list[Transaction]) -> str:
    """Rows in words, the first of them each."""
    words = [f"{row.pk} ({row})" for row in rows[:MOST_NAMED]]
    if more := len(rows) - len(words):
        words.append(f"{more} more")
    text = ", ".join(words)
    return f"Transaction {text} was" if len(rows) == 1 else f"Transactions {text} were"


def put_back(change: ImportChange) -> None:
    """Give a row that was updated the values that it had before."""
    row = Transaction.objects.filter(user_id=change.user_id, external_id=change.external_id).first()
    if row is None:
        return
    before = change.before
    row.date, row.amount = date.fromisoformat(before["date"]), Decimal(before["amount"])
    row.description, row.type_id = before["description"], before["type_id"]
    row.imported_as = before["imported_as"]
    row.save(cause=Cause.IMPORT)


def forget_again(changes: Iterable[ImportChange]) -> None:
    """Let rows that were deleted before the import count as deleted once more."""
    DeletedId.objects.bulk_create(
        [
            DeletedId(
                user_id=change.user_id,
                external_id=change.external_id,
                imported_as=change.before["imported_as"],
                deleted_at=datetime.fromisoformat(change.before["deleted_at"]),
            )
            for change in changes
        ],
        ignore_conflicts=True,
    )


def remove_categories(found: Import) -> None:
    """Delete the categories that the import has made and that nothing uses any more."""
    for name in found.report.get("categories", ()):
        mine = Category.objects.filter(user_id=found.user_id, key=fold(name)).first()
        if mine is None or mine.builtin or mine.in_use() or mine.children.exists():
            continue
        mine.delete()
