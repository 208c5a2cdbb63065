"""What was answered to a POST that may be sent again."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models

KEY_LENGTH = 255
PATH_LENGTH = 500


class IdempotentAnswer(models.Model):
    """The answer to one POST, stored in the same commit as what it wrote, for 24 hours.

    key: the client's Idempotency-Key, 1 to 255 characters. path: without its query string. digest:
    of the JSON that was sent. status is null until the answer is there; body is null where the
    answer must not be kept, as with a token's secret.
    """

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", db_index=False
    )
    method = models.CharField(max_length=6)
    path = models.CharField(max_length=PATH_LENGTH)
    key = models.CharField(max_length=KEY_LENGTH)
    digest = models.CharField(max_length=64)
    status = models.SmallIntegerField(null=True)
    body = models.JSONField(null=True)
    headers = models.JSONField(default=dict)
    created_at = models.DateTimeField()

    class Meta:
        indexes: ClassVar = [
            # The clean-up of what is older than a day, with each new key.
            models.Index(fields=["user", "created_at"], name="budget_idempotentanswer_by_age"),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["user", "method", "path", "key"],
                name="budget_idempotentanswer_unique_key",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.method} {self.path}"
