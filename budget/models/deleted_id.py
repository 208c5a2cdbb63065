"""The external_ids of transactions that are no more, so that none comes back by itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.utils import timezone

EXTERNAL_ID_LENGTH = 200
IMPORTED_AS_LENGTH = 64
BATCH = 1000


class DeletedIdQuerySet(models.QuerySet["DeletedId"]):
    def among(self, user_id: int, external_ids: Iterable[str]) -> set[str]:
        """Which of a user's external_ids were given up; all are asked for at once."""
        mine = self.filter(user_id=user_id, external_id__in=list(external_ids))
        return set(mine.values_list("external_id", flat=True))

    def keep(self, user_id: int, rows: Iterable[Mapping[str, Any]]) -> None:
        """Note the external_ids of rows that have lost them; under the user's lock."""
        given_up = [
            DeletedId(
                user_id=user_id, external_id=row["external_id"], imported_as=row["imported_as"]
            )
            for row in rows
            if row["external_id"] is not None
        ]
        self.bulk_create(given_up, batch_size=BATCH, ignore_conflicts=True)


class DeletedId(models.Model):
    """An external_id whose transaction was deleted, or got another one.

    It keeps a client that was offline, or the same bank file, from bringing the row back. Written
    with the delete, in one commit. imported_as: as the row had it, for the next import.
    """

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="deleted_ids", db_index=False
    )
    external_id = models.CharField(max_length=EXTERNAL_ID_LENGTH)
    imported_as = models.CharField(max_length=IMPORTED_AS_LENGTH, null=True)  # noqa: DJ001
    deleted_at = models.DateTimeField(default=timezone.now)

    objects = DeletedIdQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["user", "external_id"], name="budget_deletedid_unique_external_id"
            ),
        ]

    def __str__(self) -> str:
        return self.external_id
