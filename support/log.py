"""The admin's log, whose entries name the user of the row."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.db import models
from django.http import HttpRequest

from budget.engine.account import owner_mark

M = TypeVar("M", bound=models.Model)
LONGEST = LogEntry._meta.get_field("object_repr").max_length or 0


class Marked:
    """A row as the log names it: its own name and its user.

    Once it has gone nothing else tells with which account these words have to go.
    """

    def __init__(self, row: Any) -> None:
        self.row, self.pk, self._meta = row, row.pk, row._meta

    def __str__(self) -> str:
        mark = owner_mark(self.row.user_id)
        return f"{str(self.row)[: LONGEST - len(mark)]}{mark}"


class MarkingAdmin(admin.ModelAdmin[M]):
    """An admin of rows that belong to users."""

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> LogEntry:
        row: Any = Marked(obj)
        return super().log_addition(request, row, message)

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> LogEntry:
        row: Any = Marked(obj)
        return super().log_change(request, row, message)

    def log_deletions(self, request: HttpRequest, queryset: Iterable[Any]) -> Any:
        rows: Any = [Marked(row) for row in queryset]
        return super().log_deletions(request, rows)
