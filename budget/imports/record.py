"""What an import has done so far, kept in its own row by the commits that do it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from budget.imports.report import Described, describe
from budget.imports.rows import MOST_BAD, LeftOut, ParsedRow
from budget.imports.store import Outcome
from budget.imports.understand import Export
from budget.models import Import, ImportState
from budget.models.imports import FORMAT_LENGTH, LEASE, NAME_LENGTH

# Ids of alerts that are remembered until the end, to put them into words then.
MOST_FLIPS = 10_000
# Periods of alerts that a report puts into words.
MOST_DESCRIBED = 100
# Rows that a report shows as they were read.
SAMPLE = 10


class Lost(Exception):
    """The import is somebody else's by now, or was undone; nothing more of it may be stored."""


@dataclass(frozen=True)
class Record:
    """The row of an import that is running. worker: who runs it, "" for a command."""

    user_id: int
    import_id: int
    worker: str = ""

    def mine(self) -> Any:
        """The row, as long as it is to be run by this worker."""
        rows = Import.objects.filter(user_id=self.user_id, pk=self.import_id)
        return rows.filter(state=ImportState.RUNNING, worker=self.worker)

    def taken(self) -> Import | None:
        """The row, which nobody else can change before the caller's transaction ends.

        None where it is somebody else's by now, or was undone.
        """
        found: Import | None = self.mine().select_for_update().first()
        return found

    def note(self, outcome: Outcome) -> None:
        """Keep what a commit does, in that commit. Raises Lost."""
        found = self.mine().only("report", "first_row", "last_row").first()
        if found is None:
            raise Lost
        ids = [
            pk
            for pk in (found.first_row, found.last_row, outcome.first_row, outcome.last_row)
            if pk is not None
        ]
        if not self.mine().update(
            stored=F("stored") + outcome.stored,
            first_row=min(ids, default=None),
            last_row=max(ids, default=None),
            report=added(found.report, outcome),
            attempts=0,
        ):
            raise Lost

    def settle(self, rows: int) -> None:
        """Count rows that are dealt with; a worker holds the import for longer. Raises Lost."""
        values: dict[str, Any] = {"settled": F("settled") + rows}
        if self.worker:
            values["due_at"] = timezone.now() + LEASE
        if not self.mine().update(**values):
            raise Lost

    def fail(self, detail: str, errors: Sequence[dict[str, Any]] = (), more: int = 0) -> None:
        """Keep why an import has ended early; what it has stored stays."""
        with transaction.atomic():
            if (found := self.taken()) is not None:
                found.failure = {"detail": detail, "errors": list(errors), "more_errors": more}
                close(found, ImportState.FAILED)


def added(report: dict[str, Any], outcome: Outcome) -> dict[str, Any]:
    """A report that has what one more commit has done."""
    updated = report.get("updated", {"count": 0, "rows": []})
    flips = report.get("flips", {"opened": [], "resolved": []})
    ended = dict.fromkeys(flips["opened"], True) | dict.fromkeys(flips["resolved"], False)
    for pk, opens in outcome.flipped.flips:
        if ended.pop(pk, opens) == opens:
            ended[pk] = opens
    return report | {
        "updated": {
            "count": updated["count"] + len(outcome.updated),
            "rows": [*updated["rows"], *outcome.updated][:MOST_BAD],
        },
        "categories": [*report.get("categories", []), *outcome.categories],
        "followed": report.get("followed", {}) | outcome.followed,
        "flips": {
            "opened": [pk for pk, opens in ended.items() if opens][:MOST_FLIPS],
            "resolved": [pk for pk, opens in ended.items() if not opens][:MOST_FLIPS],
        },
    }


def read_as(export: Export) -> dict[str, Any]:
    """What a file says, for its report: sums by type to compare with, and its first rows."""
    days = export.rows.days()
    return {
        "date_from": days[0].isoformat() if days else None,
        "date_to": days[1].isoformat() if days else None,
        "currency": export.currency or None,
        "types": [
            {"type": slug, "count": count, "sum": str(total)}
            for slug, count, total in export.rows.sums()
        ],
        "sample": [sampled(row) for row in export.rows.first(SAMPLE)],
        "left_out": list(left_out(export.left_out)),
        "cut": export.rows.cut[:MOST_BAD],
        "notes": export.notes[:MOST_BAD],
    }


def sampled(row: ParsedRow) -> dict[str, Any]:
    return {
        "line": row.line,
        "date": row.date.isoformat(),
        "amount": str(row.amount),
        "type": row.type,
        "category": row.category,
        "description": row.description,
    }


def left_out(lines: Sequence[LeftOut]) -> Iterator[dict[str, Any]]:
    """The lines that are no transactions, by reason; the first hundred of each."""
    numbers: dict[str, list[int]] = {}
    for line in lines:
        numbers.setdefault(line.reason, []).append(line.line)
    for reason, found in numbers.items():
        yield {"reason": reason, "count": len(found), "lines": found[:MOST_BAD]}


def became(
    report: dict[str, Any], outcome: Outcome, opened: Described, resolved: Described
) -> dict[str, Any]:
    """What became of the rows. report: of all commits, also those before a restart; outcome: of the
    last run."""
    deleted = outcome.deleted
    updated = report.get("updated", {"count": 0, "rows": []})
    return {
        "updated": updated,
        "deleted": {"count": len(deleted), "lines": deleted[:MOST_BAD]},
        "categories": report.get("categories", []),
        "followed": report.get("followed", {}),
        "opened": {"count": opened.count, "alerts": opened.lines},
        "resolved": {"count": resolved.count, "alerts": resolved.lines},
    }


def begin(user_id: int, file: Path, options: dict[str, Any], rows: int) -> Import:
    """The import of a command, which runs at once and by itself."""
    return Import.objects.create(
        user_id=user_id,
        name=file.name[:NAME_LENGTH],
        size=file.stat().st_size,
        options=options,
        rows=rows,
        state=ImportState.RUNNING,
    )


@transaction.atomic
def finish(record: Record, export: Export, outcome: Outcome, kept: Mapping[str, str]) -> Import:
    """Keep the end of an import that has stored its rows. kept: the answers from earlier files that
    it was read by. Raises Lost."""
    if (found := record.taken()) is None:
        raise Lost
    flips = found.report.get("flips", {"opened": [], "resolved": []})
    opened, resolved = (
        describe(record.user_id, flips[name], MOST_DESCRIBED) for name in ("opened", "resolved")
    )
    rows = len(export.rows)
    told = became(found.report, outcome, opened, resolved)
    updated, deleted = told["updated"]["count"], told["deleted"]["count"]
    counts = {
        "read": rows + len(export.left_out),
        "stored": found.stored,
        "present": max(0, rows - found.stored - updated - deleted),
    }
    found.report = counts | read_as(export) | told | {"kept": dict(kept)}
    found.format, found.rows, found.settled = export.title[:FORMAT_LENGTH], rows, rows
    return close(found, ImportState.DONE)


def close(found: Import, state: ImportState) -> Import:
    """Let go of an import, in a state in which no worker has anything to do."""
    found.state, found.ended_at = state, timezone.now()
    found.due_at, found.worker, found.attempts = None, "", 0
    found.save()
    return found
