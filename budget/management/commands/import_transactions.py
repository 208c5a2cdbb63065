"""manage.py import_transactions FILE --user USERNAME: store a bank export."""

from __future__ import annotations

import argparse
import textwrap
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
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
    BadFile,
    BadMapping,
    BudgetLine,
    Export,
    Job,
    LeftOut,
    Report,
    read_budget,
    read_export,
    read_mapping,
    rehearse,
    run,
)
from budget.models import Conflict, LedgerOverflow

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
        "Store the transactions of a bank export and open the alerts that follow: CSV of Mint, or "
        "any CSV that a mapping describes. "
        "A row that is there already is left as it is, so a file may be imported again, a longer "
        "one after a shorter, and an import that was cut off goes on where it stopped. Bad lines "
        "are all named, and then nothing is stored."
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
            "--create-user", action="store_true", help="make the user, without a password, if new"
        )
        parser.add_argument(
            "--budget",
            type=Path,
            metavar="FILE",
            help="CSV with Category and Budget; each line becomes that category's monthly "
            "threshold, or sets its amount anew",
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
        export, budget = read_files(options["file"], options["budget"], options["mapping"])
        job = Job(user, export.rows, budget, options["chunk_size"])
        is_new = job.makes_user
        report = perform(job, options["dry_run"])
        lines = [f"{options['file'].name}: {export.title}{dates(export)}"]
        if is_new:
            lines.append(f"User:        {user.username} is new and has no password")
        if options["mapping"]:
            lines += readings(export, SHOWN if options["dry_run"] else 0)
        lines += summary(export, report)
        if options["dry_run"]:
            lines.append("This was a dry run: nothing of it is stored.")
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


def read_files(
    file: Path, budget: Path | None, mapping: Path | None
) -> tuple[Export, list[BudgetLine]]:
    """Read all files. Raises CommandError with every bad line and every bad key of the mapping."""
    problems: list[str] = []
    found = reading(mapping, read_mapping, problems) if mapping else None
    export = None
    if found or not mapping:
        export = reading(file, lambda path: read_export(path, found), problems)
    lines = reading(budget, read_budget, problems) if budget else []
    if export is None or lines is None:
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        raise CommandError("\n".join([f"{count}; nothing was stored.", *problems]))
    return export, lines


def reading(path: Path, read: Callable[[Path], T], problems: list[str]) -> T | None:
    """What the file holds, or None and each problem added."""
    if path.is_fifo():
        problems.append(f"{path}: a pipe cannot be read twice; save it in a file first")
        return None
    try:
        return read(path)
    except BadFile as error:
        problems += [f"{path.name}, line {bad.line}: {bad.reason}" for bad in error.bad]
    except BadMapping as error:
        problems += [f"{path.name}: {problem}" for problem in error.problems]
    except OSError as error:
        problems.append(f"{path}: {error.strerror}")
    return None


def perform(job: Job, dry_run: bool) -> Report:
    """Import or rehearse behind a progress bar, which shows on a terminal only."""
    kept = "" if dry_run else " What is stored is complete; the same command goes on from there."
    # disable=None: tqdm looks itself whether standard error is a terminal.
    with tqdm(total=len(job.rows), unit=" rows", disable=None, leave=False) as bar:
        try:
            return (rehearse if dry_run else run)(job, bar.update)
        except (Conflict, LedgerOverflow) as error:
            raise CommandError(f"{error}{kept}") from error
        except OperationalError as error:
            raise CommandError(f"The database gave up: {str(error).strip()}{kept}") from error
        except KeyboardInterrupt:
            raise CommandError(f"Interrupted.{kept}") from None


def readings(export: Export, at_most: int) -> Iterator[str]:
    """How the mapping has read the file: sums to compare with, and some rows in its order."""
    rows = [row for _, row in export.rows]
    count = Counter(row.type for row in rows)
    sums = [
        f"{count[slug]} {slug} {sum((row.amount for row in rows if row.type == slug), Decimal())}"
        for slug in sorted(count)
    ]
    yield f"Read as:     {', '.join(sums) or 'nothing'}"
    for row in sorted(rows, key=lambda row: row.line)[:at_most]:
        said = (str(row.date), f"{row.amount} {row.type}", row.category, row.description)
        yield f"  line {row.line}: {', '.join(filter(None, said))}"


def summary(export: Export, report: Report) -> Iterator[str]:
    """The outcome, line by line."""
    outcome = report.outcome
    read = len(export.rows) + len(export.left_out)
    yield f"Rows:        {read} read, {outcome.stored} stored, {outcome.present} there already"
    yield from left_out(export.left_out)
    yield f"Categories:  {len(outcome.categories)} made"
    yield from wrapped(outcome.categories)
    made, updated = outcome.thresholds_made, outcome.thresholds_updated
    yield f"Thresholds:  {len(made)} made, {len(updated)} updated"
    yield from wrapped([*made, *updated])
    for name, alerts in (("Opened:", report.opened), ("Resolved:", report.resolved)):
        yield f"{name:12} {alerts.count} alerts"
        yield from (f"  {line}" for line in alerts.lines)


def left_out(lines: Sequence[LeftOut]) -> Iterator[str]:
    """The lines that are no transactions, by reason."""
    numbers: dict[str, list[str]] = {}
    for line in lines:
        numbers.setdefault(line.reason, []).append(str(line.line))
    for reason, found in numbers.items():
        yield f"Left out:    {len(found)}, {reason}; on line"
        yield from wrapped(found)


def wrapped(items: Sequence[str]) -> list[str]:
    """Items in a row, indented, broken where a terminal ends."""
    return textwrap.wrap(", ".join(items), 96, initial_indent="  ", subsequent_indent="  ")


def dates(export: Export) -> str:
    """The first and the last day of the rows; "" where there are none."""
    if not export.rows:
        return ""
    return f", {export.rows[0][1].date} to {export.rows[-1][1].date}"
