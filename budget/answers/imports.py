"""Imports as the API shows them: in a list by their numbers, one with all that is known of it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, NamedTuple, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from budget.models import Import, ImportState
from lib.select import Select
from lib.shapes import DayText, Id, MomentText, MoneyText, SlugText, UserId, shape, words
from lib.text import moment

Count = Annotated[int, Field(ge=0)]
Line = Annotated[int, Field(ge=1, description="Where it starts in the file, from 1.")]
Lines = Annotated[list[int], Field(description="The first hundred.")]
Words = list[str]

IMPORT_ROW: dict[str, object] = {
    "id": 12,
    "user": 7,
    "name": "april.csv",
    "size": 48210,
    "format": "CSV",
    "state": "done",
    "dry_run": False,
    "rows": 310,
    "settled": 310,
    "stored": 304,
    "created_at": "2018-03-05T18:02:11.482113Z",
    "ended_at": "2018-03-05T18:02:12.901155Z",
    "undone_at": None,
}


@shape(IMPORT_ROW)
class ImportRowDict(TypedDict):
    """One file that was handed in, by its numbers."""

    id: Id
    user: UserId
    name: Annotated[str, Field(description="The file's.")]
    size: Annotated[Count, Field(description="Bytes.")]
    format: Annotated[str, Field(description='What the file is; "" as long as it was not read.')]
    state: Annotated[
        str,
        words(ImportState.values),
        Field(
            description="waiting, running: a worker's. asking: answer its `questions`. tried: a "
            "dry run has ended. done: stored. failed: see `failure`. undoing, undone: taken back."
        ),
    ]
    dry_run: Annotated[bool, Field(description="It stores nothing.")]
    rows: Annotated[Count, Field(description="Transactions in the file; 0 until it is read.")]
    settled: Annotated[Count, Field(description="How many of them are dealt with: the progress.")]
    stored: Annotated[Count, Field(description="Transactions that it has stored.")]
    created_at: MomentText
    ended_at: MomentText | None
    undone_at: MomentText | None


@shape({"value": "day-first", "reading": "03/04/2018 is 3 April 2018"})
class ImportChoiceDict(TypedDict):
    """One answer to a question."""

    value: Annotated[str, Field(description="What to send.")]
    reading: Annotated[str, Field(description="What a line of the file means then.")]


@shape(
    {
        "key": "dates",
        "asks": "Which comes first in a date? Line 2 has '03/04/2018', and no date of the file "
        "tells.",
        "choices": [{"value": "day-first", "reading": "03/04/2018 is 3 April 2018"}],
        "several": False,
    }
)
class ImportQuestionDict(TypedDict):
    """What the file leaves open: it can be read in several ways that give different rows."""

    key: Annotated[str, Field(description="The parameter that answers it.")]
    asks: Annotated[str, Field(description="In words, with a real line of the file.")]
    choices: Annotated[
        list[ImportChoiceDict], Field(description="Without choices any text may be the answer.")
    ]
    several: Annotated[
        bool, Field(description="Whether the answer may be several values, parted by commas.")
    ]


@shape({"line": 7, "detail": "Amount: 'twelve' is no amount"})
class ImportProblemDict(TypedDict):
    """One thing that is wrong with the file or the mapping."""

    line: NotRequired[Line]
    detail: Annotated[str, Field(description="What stands there, and what was expected.")]


@shape({"detail": "1 problem; nothing was stored.", "errors": [], "more_errors": 0})
class ImportFailureDict(TypedDict):
    """Why no more of a file was stored."""

    detail: str
    errors: list[ImportProblemDict]
    more_errors: Annotated[Count, Field(description="How many more errors there are.")]


@shape({"type": "expense", "count": 290, "sum": "8210.55"})
class ImportSumDict(TypedDict):
    """The rows of one type."""

    type: SlugText
    count: Count
    sum: MoneyText


SAMPLE = {
    "line": 2,
    "date": "2018-04-03",
    "amount": "12.50",
    "type": "expense",
    "category": "Groceries",
    "description": "Market",
}


@shape(SAMPLE)
class ImportSampleDict(TypedDict):
    """A row as it was read."""

    line: Line
    date: DayText
    amount: MoneyText
    type: SlugText
    category: str
    description: str


@shape({"reason": "an amount of 0.00 moves no money", "count": 2, "lines": [17, 40]})
class ImportLeftOutDict(TypedDict):
    """Lines that are no transactions."""

    reason: str
    count: Count
    lines: Lines


@shape({"count": 1, "rows": ["line 4: 2018-04-02, 20.00 is now 2018-04-03, 24.00"]})
class ImportUpdatedDict(TypedDict):
    """Rows that were pending and are posted now."""

    count: Count
    rows: Annotated[Words, Field(description="The first hundred, in words.")]


@shape({"count": 0, "lines": []})
class ImportDeletedDict(TypedDict):
    """Rows that the user has deleted before, and that stay deleted."""

    count: Count
    lines: Lines


@shape({"count": 0, "alerts": []})
class ImportAlertsDict(TypedDict):
    """Alerts that the import has opened, or resolved."""

    count: Count
    alerts: Annotated[Words, Field(description="In words, the latest period first.")]


REPORT: dict[str, object] = {
    "read": 312,
    "stored": 304,
    "present": 6,
    "date_from": "2018-04-01",
    "date_to": "2018-04-30",
    "currency": "USD",
    "types": [{"type": "expense", "count": 290, "sum": "8210.55"}],
    "sample": [SAMPLE],
    "left_out": [{"reason": "an amount of 0.00 moves no money", "count": 2, "lines": [17, 40]}],
    "cut": [],
    "notes": [],
    "updated": {"count": 0, "rows": []},
    "deleted": {"count": 0, "lines": []},
    "categories": ["Groceries"],
    "followed": {},
    "opened": {"count": 0, "alerts": []},
    "resolved": {"count": 0, "alerts": []},
    "kept": {"dates": "day-first"},
}


@shape(REPORT)
class ImportReportDict(TypedDict):
    """What the file says, and what became of it; of a dry run, what would."""

    read: Annotated[Count, Field(description="Lines, those that are no transactions included.")]
    stored: Count
    present: Annotated[Count, Field(description="Rows that were there already.")]
    date_from: DayText | None
    date_to: DayText | None
    currency: Annotated[str | None, Field(description="null where the file names none.")]
    types: list[ImportSumDict]
    sample: Annotated[list[ImportSampleDict], Field(description="The first rows of the file.")]
    left_out: list[ImportLeftOutDict]
    cut: Annotated[list[int], Field(description="Lines whose descriptions were cut.")]
    notes: Annotated[Words, Field(description="What may be wrong all the same.")]
    updated: ImportUpdatedDict
    deleted: ImportDeletedDict
    categories: Annotated[Words, Field(description="Those that were made.")]
    followed: Annotated[
        dict[str, str],
        Field(description="Names of categories in the file that have another name by now."),
    ]
    opened: ImportAlertsDict
    resolved: ImportAlertsDict
    kept: Annotated[
        dict[str, str], Field(description="Earlier answers that were used, by their questions.")
    ]


@shape(
    {
        **IMPORT_ROW,
        "options": {"dates": "day-first"},
        "questions": [],
        "failure": None,
        "report": REPORT,
    }
)
class ImportDict(ImportRowDict):
    """One file that was handed in: how far it is, what it asks, and what became of it."""

    options: Annotated[
        dict[str, str | bool], Field(description="What was said beside the file, by parameter.")
    ]
    questions: list[ImportQuestionDict]
    failure: ImportFailureDict | None
    report: Annotated[ImportReportDict | None, Field(description="null until it has ended.")]


class ImportRow(NamedTuple):
    """An import as a SELECT gives it."""

    id: int
    user_id: int
    name: str
    size: int
    format: str
    state: str
    dry_run: bool
    rows: int
    settled: int
    stored: int
    created_at: datetime
    ended_at: datetime | None
    undone_at: datetime | None


IMPORTS = Select(ImportRow, ", ".join(f"r.{name}" for name in ImportRow._fields), "budget_import r")


def describe_import_row(row: ImportRow | Import) -> ImportRowDict:
    """An import in a list."""
    return {
        "id": row.id,
        "user": row.user_id,
        "name": row.name,
        "size": row.size,
        "format": row.format,
        "state": row.state,
        "dry_run": row.dry_run,
        "rows": row.rows,
        "settled": row.settled,
        "stored": row.stored,
        "created_at": moment(row.created_at),
        "ended_at": moment(row.ended_at) if row.ended_at else None,
        "undone_at": moment(row.undone_at) if row.undone_at else None,
    }


def describe_import(found: Import) -> ImportDict:
    """An import with its questions, its failure and its report."""
    report: Any = found.report
    return {
        **describe_import_row(found),
        "options": found.options,
        "questions": found.questions,
        "failure": found.failure,
        # While it runs, only what later commits need is in there.
        "report": report | {"kept": report.get("kept", {})} if "read" in report else None,
    }
