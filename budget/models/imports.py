"""Imports: one row for each file that was handed in, what became of it, and what undoes it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.utils import timezone

from budget.models.deleted_id import BATCH, EXTERNAL_ID_LENGTH, DeletedId
from budget.models.transaction import Transaction

NAME_LENGTH = 255
FORMAT_LENGTH = 100
# How long a worker may say nothing of an import before another one takes it.
LEASE = timedelta(seconds=60)
# Bytes of a file in one row.
PART = 256 * 1024
# An undo of more rows takes longer than a request should.
MOST_UNDONE_AT_ONCE = 10_000
# An answer's key: what the files of one account have in common, as a hash.
ACCOUNT_LENGTH = 64


class ImportState(models.TextChoices):
    """How far an import is. What waits or runs is a worker's; the others end there or wait for
    somebody."""

    WAITING = "waiting", "waiting for a worker"
    RUNNING = "running", "running"
    ASKING = "asking", "waiting for answers"
    TRIED = "tried", "tried, nothing stored"
    DONE = "done", "stored"
    FAILED = "failed", "failed"
    UNDOING = "undoing", "being undone"
    UNDONE = "undone", "undone"


# From these an import can be started again, for as long as its file is kept.
OPEN = (ImportState.ASKING, ImportState.TRIED, ImportState.FAILED)


class Import(models.Model):
    """One file of one user, from its arrival to its end.

    name: the file's. size: bytes. dry_run: it is to be tried and nothing stored. options: what was
    said beside the file, by the names of the parameters. questions: what has to be answered first.
    failure: why nothing, or no more, was stored. rows, settled: of the file, and how many of them
    are dealt with. report: what was read and what became of it.

    stored: transactions; first_row, last_row: the lowest and the highest of their ids. All three
    are written in the commits that store the rows, as is the part of the report that no later run
    could find out again.

    due_at: when a worker may take it; None where there is nothing to do. worker: whose it is until
    then. attempts: how often workers took it since it last went on.
    """

    MAX_OPEN = 5

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="imports", db_index=False
    )
    name = models.CharField(max_length=NAME_LENGTH)
    size = models.BigIntegerField(default=0)
    format = models.CharField(max_length=FORMAT_LENGTH, blank=True, default="")
    state = models.CharField(max_length=8, choices=ImportState)
    dry_run = models.BooleanField(default=False)
    options = models.JSONField(default=dict, blank=True)
    questions = models.JSONField(default=list, blank=True)
    failure = models.JSONField(null=True, blank=True)
    rows = models.BigIntegerField(default=0)
    settled = models.BigIntegerField(default=0)
    stored = models.BigIntegerField(default=0)
    report = models.JSONField(default=dict, blank=True)
    first_row = models.BigIntegerField(null=True)
    last_row = models.BigIntegerField(null=True)
    created_at = models.DateTimeField(default=timezone.now)
    ended_at = models.DateTimeField(null=True)
    undone_at = models.DateTimeField(null=True)
    due_at = models.DateTimeField(null=True)
    worker = models.CharField(max_length=64, blank=True, default="")
    attempts = models.SmallIntegerField(default=0)

    class Meta:
        ordering: ClassVar = ["-id"]
        indexes: ClassVar = [
            # A worker, which takes what is due for longest.
            models.Index(
                fields=["due_at"],
                condition=models.Q(due_at__isnull=False),
                name="budget_import_by_due",
            ),
        ]
        constraints: ClassVar = [
            # Lists of a user's imports, and the keys of the tables below.
            models.UniqueConstraint(fields=["user", "id"], name="budget_import_unique_of_user"),
        ]

    def __str__(self) -> str:
        return self.name

    def hold(self, worker: str) -> None:
        """Let a worker run it now, as if it had claimed it; in the commit that makes the row."""
        self.state, self.worker = ImportState.RUNNING, worker
        self.due_at, self.attempts = timezone.now() + LEASE, 1
        self.save()


class ImportPart(models.Model):
    """A piece of a file that a worker has yet to read, so that any machine can.

    The rows of a file go when it is stored, or once nobody has come back to it in a week.
    """

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", db_index=False
    )
    imported = models.ForeignKey(
        Import, models.PROTECT, related_name="parts", db_column="import_id", db_index=False
    )
    number = models.IntegerField()
    content = models.BinaryField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["user", "imported", "number"], name="budget_importpart_unique_number"
            ),
        ]

    def __str__(self) -> str:
        return f"part {self.number} of import {self.imported_id}"


class ChangeKind(models.TextChoices):
    UPDATED = "updated", "pending before, posted now"
    RESTORED = "restored", "deleted before, back now"


def columns_kept(row: Transaction) -> dict[str, Any]:
    """What an import may change of a row that is there, in JSON; type by its id."""
    return {
        "date": row.date.isoformat(),
        "amount": str(row.amount),
        "description": row.description,
        "type_id": row.type_id,
        "imported_as": row.imported_as,
    }


class ImportChangeQuerySet(models.QuerySet["ImportChange"]):
    def keep_restored(self, user_id: int, import_id: int, external_ids: Sequence[str]) -> None:
        """Note which of the rows that an import brings were deleted; before it does."""
        for at in range(0, len(external_ids), BATCH):
            gone = DeletedId.objects.filter(
                user_id=user_id, external_id__in=external_ids[at : at + BATCH]
            )
            changes = [
                ImportChange(
                    user_id=user_id,
                    imported_id=import_id,
                    external_id=one.external_id,
                    kind=ChangeKind.RESTORED,
                    before={
                        "imported_as": one.imported_as,
                        "deleted_at": one.deleted_at.isoformat(),
                    },
                )
                for one in gone
            ]
            # One that this import has brought back before, and that was deleted again meanwhile.
            self.bulk_create(changes, ignore_conflicts=True)


class ImportChange(models.Model):
    """A row that an import has not only added: what undo has to put back.

    before: of an updated row its columns as they were; of a restored one what was kept of it when
    it was deleted. after: of an updated row the same columns as the import left them.
    """

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", db_index=False
    )
    imported = models.ForeignKey(
        Import, models.PROTECT, related_name="changes", db_column="import_id", db_index=False
    )
    external_id = models.CharField(max_length=EXTERNAL_ID_LENGTH)
    kind = models.CharField(max_length=8, choices=ChangeKind)
    before = models.JSONField()
    after = models.JSONField(default=dict)

    objects = ImportChangeQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["user", "imported", "external_id"], name="budget_importchange_unique_row"
            ),
        ]
        indexes: ClassVar = [
            # Whether a later import has changed a row of one that is to be undone.
            models.Index(fields=["user", "external_id"], name="budget_importchange_by_row"),
        ]

    def __str__(self) -> str:
        return f"{self.external_id} {self.kind} by import {self.imported_id}"


class ImportAnswer(models.Model):
    """What somebody has answered about the files of an account, so that the next is not asked.

    account: what its files have in common, as a hash. answers: by the keys of the questions.
    """

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", db_index=False
    )
    account = models.CharField(max_length=ACCOUNT_LENGTH)
    answers = models.JSONField()
    answered_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["user", "account"], name="budget_importanswer_unique_account"
            ),
        ]

    def __str__(self) -> str:
        return f"answers of {self.answered_at:%Y-%m-%d}"
