"""manage.py import_transactions FILE --user USERNAME: store a bank export."""

from __future__ import annotations

import argparse
import shlex
import textwrap
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import OperationalError
from tqdm import tqdm

from budget.engine.writes import MAX_ROWS
from budget.imports import (
    CHUNK,
    MOST_BAD,
    QUESTIONS,
    BadFile,
    BadMapping,
    BudgetLine,
    Export,
    Hints,
    Job,
    LeftOut,
    Mapping,
    Refused,
    Report,
    Unclear,
    read_budget,
    read_mapping,
    rehearse,
    run,
    text_of,
)
from budget.imports.kept import account_of, answers_of, keep, read_with
from budget.imports.owner import currency_of, zone_of
from budget.imports.record import Lost, Record, begin, finish
from budget.imports.run import Progress, make_ready
from budget.models import Conflict, LedgerOverflow, TooManyAlerts
from budget.models.transaction import DESCRIPTION_LENGTH

T = TypeVar("T")
# Rows that a dry run shows as the mapping reads them.
SHOWN = 5


def chunk_size(text: str) -> int:
    """A whole number from 1 to 10,000."""
    if not text.isdecimal() or not 1 <= int(text) <= MAX_ROWS:
        raise argparse.ArgumentTypeError(f"from 1 to {MAX_ROWS}")
    return int(text)


class Command(BaseCommand):
    help = (
        "Store the transactions of a file of a bank or another program and open the alerts that "
        "follow: OFX, QFX, QIF, camt, MT940, and CSV (docs/imports.md). "
        "A row that is there already is left as it is, or updated where it was pending and is "
        "posted now; one that was deleted here stays deleted. So a file may be imported again, a "
        "longer one after a shorter, and an import that was cut off goes on where it stopped. "
        "Where there are bad lines, nothing is stored and the first hundred are named."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE", help="the export")
        parser.add_argument("--user", required=True, metavar="USERNAME", help="whose it is")
        parser.add_argument(
            "--mapping",
            type=Path,
            metavar="FILE",
            help="TOML that says what the columns of the export mean (docs/imports.md)",
        )
        parser.add_argument(
            "--show-mapping",
            action="store_true",
            help="store nothing; print the mapping by which the table was read, to keep and change",
        )
        for key, (shape, decides) in QUESTIONS.items():
            parser.add_argument(f"--{key}", metavar=shape, help=decides)
        parser.add_argument(
            "--account",
            default="",
            metavar="NAME",
            help="what you call the account: answers are kept for its next file (default: known by "
            "the file's name and header)",
        )
        parser.add_argument(
            "--create-user", action="store_true", help="make the user, without a password, if new"
        )
        parser.add_argument(
            "--budget",
            type=Path,
            metavar="FILE",
            help="CSV with Category and Budget; each line becomes that category's monthly "
            "threshold, or sets its amount",
        )
        parser.add_argument(
            "--restore-deleted",
            action="store_true",
            help="bring rows back that were deleted here; else they stay deleted",
        )
        parser.add_argument(
            "--dry-run",
            action="store_true",
            help="store nothing; say what would be stored and which alerts would open "
            "(other writes of the user wait meanwhile)",
        )
        parser.add_argument(
            "--chunk-size",
            type=chunk_size,
            default=CHUNK,
            metavar="ROWS",
            help=f"rows a commit, at most {MAX_ROWS} (default: %(default)s)",
        )

    def handle(self, **options: Any) -> str:
        user = find_user(options["user"], options["create_user"])
        said = {key: options.get(key.replace("-", "_")) for key in QUESTIONS}
        answers = {key: value for key, value in said.items() if value is not None}
        source = Source(options["file"], options["mapping"], answers, user, options["account"])
        found, budget = read_files(source, options["budget"])
        export = found.export
        if options["show_mapping"]:
            return mapping_of(options["file"].name, export)
        restoring = options["restore_deleted"]
        job = Job(user, export.rows, budget, options["chunk_size"], restoring, export.currency)
        is_new = job.makes_user
        before = "" if is_new else user.profile.currency
        keeping = None if options["dry_run"] else Keeping(job, found, source)
        report = perform(job, keeping, options["file"].name)
        lines = [f"{options['file'].name}: {export.title}{dates(export)}"]
        if is_new:
            lines.append(f"User:        {user.username} is new and has no password")
        if export.currency not in ("", before):
            lines.append(f"Currency:    {export.currency} is the currency of {user.username} now")
        if found.used:
            kept = " ".join(f"--{key} {shlex.quote(value)}" for key, value in found.used.items())
            lines.append(f"Answers:     {kept}, as for an earlier file of the account")
        lines += readings(export, SHOWN if options["dry_run"] else 0)
        lines += summary(export, report)
        if keeping is None:
            lines.append("This was a dry run: nothing of it is stored.")
        else:
            undo = f"manage.py imports --user {user.username} --undo {keeping.number}"
            lines.append(f"Import:      {keeping.number}; to take it back: {undo}")
        return "\n".join(lines)


def find_user(username: str, create: bool) -> User:
    """The user of that name, or one not saved yet. Raises CommandError."""
    user = User.objects.filter(username=username).first()
    if user is not None:
        return user
    if not create:
        raise CommandError(f"There is no user {username!r}; --create-user would make one.")
    user = User(username=username)
    user.set_unusable_password()
    try:
        user.clean_fields()
    except ValidationError as error:
        raise CommandError(f"{username!r} cannot be a username: {error.messages[0]}") from None
    return user


def mapping_of(name: str, export: Export) -> str:
    """The mapping by which a table was read. Raises CommandError if it is not a table."""
    if export.layout is None:
        raise CommandError(f"{name} is read as {export.title}, which needs no mapping.")
    return text_of(export.layout)


@dataclass(frozen=True)
class Found:
    """A file that was read. account: see account_of(). used: answers from earlier files of it."""

    export: Export
    account: str
    used: dict[str, str]


@dataclass(frozen=True)
class Source:
    """The file to import, and what is said beside it. account: what it is called, or ""."""

    file: Path
    mapping: Path | None
    answers: dict[str, str]
    user: User
    account: str = ""

    @property
    def options(self) -> dict[str, Any]:
        """What was said beside the file, as the API has it."""
        said = {key.replace("-", "_"): value for key, value in self.answers.items()}
        return said | ({"account": self.account} if self.account else {})

    def read(self, path: Path, mapping: Mapping | None) -> Found:
        hints = Hints(zone_of(self.user), self.answers, mapping)
        account = account_of(path, path.name, self.account)
        known = {} if self.user._state.adding else answers_of(self.user.pk, account)
        export, used = read_with(path, hints, currency_of(self.user), known)
        return Found(export, account, used)


@dataclass
class Problems:
    """What is wrong with the files, in words: the first hundred, and how many there are in all."""

    first: list[str] = field(default_factory=list)
    count: int = 0

    def add(self, *problems: str, more: int = 0) -> None:
        """Take down problems. more: how many there are besides that nobody has put into words."""
        self.first += problems[: MOST_BAD - len(self.first)]
        self.count += len(problems) + more

    def add_lines(self, name: str, error: BadFile) -> None:
        """Take down the bad lines of a file."""
        said = [f"{name}, line {bad.line}: {bad.reason}" for bad in error.bad]
        self.add(*said, more=error.more)

    def __str__(self) -> str:
        counted = "1 problem" if self.count == 1 else f"{self.count} problems"
        lines = [f"{counted}; nothing was stored.", *self.first]
        if left := self.count - len(self.first):
            lines.append(f"and {left} more")
        return "\n".join(lines)


def read_files(source: Source, budget: Path | None) -> tuple[Found, list[BudgetLine]]:
    """Read all files.

    Raises CommandError with the bad lines and the bad keys of the mapping, or with what is to be
    said first.
    """
    problems = Problems()
    mapping = reading(source.mapping, read_mapping, problems) if source.mapping else None
    found = None
    if mapping or not source.mapping:
        try:
            found = reading(source.file, lambda path: source.read(path, mapping), problems)
        except Unclear as error:
            raise CommandError(asking(source.file.name, error)) from None
    lines = reading(budget, read_budget, problems) if budget else []
    if found is None or lines is None:
        raise CommandError(str(problems))
    return found, lines


def asking(name: str, error: Unclear) -> str:
    """The questions, with the options that answer them."""
    count = len(error.questions)
    counted = "1 question" if count == 1 else f"{count} questions"
    lines = [f"{name}: {counted} first; nothing was stored.", *map(str, error.questions)]
    return "\n".join([*lines, "The same command with such an option goes on."])


def reading(path: Path, read: Callable[[Path], T], problems: Problems) -> T | None:
    """What the file holds, or None and each problem added."""
    if path.is_fifo():
        problems.add(f"{path}: a pipe cannot be read twice; save it in a file first")
        return None
    try:
        return read(path)
    except BadFile as error:
        problems.add_lines(path.name, error)
    except BadMapping as error:
        problems.add(*(f"{path.name}: {problem}" for problem in error.problems))
    except OSError as error:
        problems.add(f"{path}: {error.strerror}")
    return None


@dataclass
class Keeping:
    """An import for good, which is kept as a row. number: its id, once it has begun."""

    job: Job
    found: Found
    source: Source
    number: int | None = None

    def run(self, progress: Progress) -> Report:
        """Import. Raises as run() does, and Lost where somebody has undone what was stored."""
        job = self.job
        make_ready(job)
        options = self.source.options | ({"restore_deleted": True} if job.restoring else {})
        begun = begin(job.user.pk, self.source.file, options, len(job.rows))
        record = Record(job.user.pk, begun.pk)
        self.number = begun.pk

        def settle(rows: int) -> None:
            record.settle(rows)
            progress(rows)

        try:
            report = run(replace(job, import_id=begun.pk, note=record.note), settle)
        except BaseException as error:
            record.fail(str(error) or "It was interrupted.")
            raise
        finish(record, self.found.export, report.outcome, self.found.used)
        keep(job.user.pk, self.found.account, self.source.answers)
        return report


def perform(job: Job, keeping: Keeping | None, name: str) -> Report:
    """Import, or without `keeping` rehearse, behind a progress bar, which shows on a terminal only.

    name: the file's, for what is wrong with its lines.
    """
    dry_run = keeping is None
    goes_on = " What is stored is complete; the same command goes on from there."
    goes_on = " Nothing was stored." if dry_run else goes_on
    # disable=None: tqdm looks itself whether standard error is a terminal.
    with tqdm(total=len(job.rows), unit=" rows", disable=None, leave=False) as bar:
        settled: list[int] = []

        def settle(rows: int) -> None:
            settled.append(rows)
            bar.update(rows)

        try:
            return rehearse(job, settle) if keeping is None else keeping.run(settle)
        except BadFile as error:
            problems = Problems()
            problems.add_lines(name, error)
            raise CommandError(str(problems)) from error
        except Refused as error:
            raise CommandError(f"{error} Nothing was stored.") from error
        except Lost:
            raise CommandError(
                "The import was undone while it ran; nothing of it is left."
            ) from None
        except (Conflict, LedgerOverflow, TooManyAlerts) as error:
            # The same command would meet the same rows again.
            done = 0 if dry_run else sum(settled)
            kept = f"{done} of {len(job.rows)} rows are stored, complete with their alerts."
            raise CommandError(f"{error} {kept}") from error
        except OperationalError as error:
            raise CommandError(f"The database gave up: {str(error).strip()}{goes_on}") from error
        except KeyboardInterrupt:
            raise CommandError(f"Interrupted.{goes_on}") from None


def readings(export: Export, at_most: int) -> Iterator[str]:
    """How the file was read: sums to compare with, and some rows in its order."""
    sums = [f"{count} {slug} {amount}" for slug, count, amount in export.rows.sums()]
    yield f"Read as:     {', '.join(sums) or 'nothing'}"
    for row in export.rows.first(at_most):
        said = (str(row.date), f"{row.amount} {row.type}", row.category, row.description)
        yield f"  line {row.line}: {', '.join(filter(None, said))}"


def summary(export: Export, report: Report) -> Iterator[str]:
    """The outcome, line by line."""
    yield from (f"Note:        {note}" for note in first_of(export.notes))
    outcome = report.outcome
    read = len(export.rows) + len(export.left_out)
    yield f"Rows:        {read} read, {outcome.stored} stored, {outcome.present} there already"
    if outcome.updated:
        yield f"Updated:     {len(outcome.updated)} rows that were pending"
        yield from (f"  {said}" for said in first_of(outcome.updated))
    if outcome.deleted:
        count = len(outcome.deleted)
        yield f"Deleted:     {count} deleted before stay so (--restore-deleted); on line"
        yield from wrapped(first_of(outcome.deleted))
    yield from left_out(export.left_out)
    if cut := export.rows.cut:
        yield f"Cut:         {len(cut)} descriptions to {DESCRIPTION_LENGTH} characters; on line"
        yield from wrapped(first_of(cut))
    yield f"Categories:  {len(outcome.categories)} made"
    yield from wrapped(outcome.categories)
    for name, now in sorted(outcome.followed.items()):
        yield f"  {name} is {now} now"
    made, updated = outcome.thresholds_made, outcome.thresholds_updated
    yield f"Thresholds:  {len(made)} made, {len(updated)} updated"
    yield from wrapped([*made, *updated])
    for name, alerts in (("Opened:", report.opened), ("Resolved:", report.resolved)):
        yield f"{name:12} {alerts.count} alerts"
        yield from (f"  {line}" for line in alerts.lines)


def left_out(lines: Sequence[LeftOut]) -> Iterator[str]:
    """The lines that are no transactions, by reason."""
    numbers: dict[str, list[int]] = {}
    for line in lines:
        numbers.setdefault(line.reason, []).append(line.line)
    for reason, found in numbers.items():
        yield f"Left out:    {len(found)}, {reason}; on line"
        yield from wrapped(first_of(found))


def first_of(items: Sequence[object]) -> list[str]:
    """The first hundred, such as numbers of lines, and how many more there are."""
    more = len(items) - MOST_BAD
    return [*map(str, items[:MOST_BAD]), *([f"and {more} more"] if more > 0 else [])]


def wrapped(items: Sequence[str]) -> list[str]:
    """Items in a row, indented, broken where a terminal ends."""
    return textwrap.wrap(", ".join(items), 96, initial_indent="  ", subsequent_indent="  ")


def dates(export: Export) -> str:
    """The first and the last day of the rows; "" without rows."""
    days = export.rows.days()
    return f", {days[0]} to {days[1]}" if days else ""
