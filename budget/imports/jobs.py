"""Imports that run in the background: any number of workers, on any machine.

A file waits in the database, in pieces, until a worker has stored its rows. A worker holds an
import for a minute at a time; one that dies leaves it to the next, which goes on: rows that are
there count as they are, and what earlier commits did stands in the import's own row.
"""

from __future__ import annotations

import logging
import os
import re
import secrets
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO, Any

from django.contrib.auth.models import User
from django.db import InterfaceError, OperationalError, connection, transaction
from django.db.models import F
from django.utils import timezone

from budget.engine import open_book
from budget.imports import kept
from budget.imports.mapping import BadMapping, mapping_in
from budget.imports.owner import currency_of, zone_of
from budget.imports.reading import QUESTIONS, Hints, Question, Unclear
from budget.imports.record import Lost, Record, became, close, finish, read_as
from budget.imports.rows import BadFile
from budget.imports.run import CHUNK, Job, Refused, rehearse, run
from budget.imports.understand import Export
from budget.imports.undo import check, undo
from budget.models import (
    Conflict,
    Import,
    ImportPart,
    ImportState,
    LedgerOverflow,
    TooManyAlerts,
)
from budget.models.imports import FORMAT_LENGTH, LEASE, NAME_LENGTH, OPEN, PART

logger = logging.getLogger(__name__)

# A file may have so many bytes.
MOST_BYTES = 50 * 1024 * 1024
# A dry run of a file of at most so many bytes is answered at once.
NEXT_TO_A_REQUEST = 1024 * 1024
BUSY = (ImportState.WAITING, ImportState.RUNNING)
# After so many deaths of workers over one import, nobody tries again.
MOST_ATTEMPTS = 3
# How long to wait where the database could not do it.
PAUSE = timedelta(seconds=5)
# How long what waits for somebody is kept.
KEPT_FOR = timedelta(days=7)
# What may be said beside a file, by the names of the parameters; QUESTIONS has hyphens.
ANSWERS = {key.replace("-", "_"): key for key in QUESTIONS}
OPTION = re.compile(r"--([a-z]+(?:-[a-z]+)*)")
FAULT = "This is our fault; it has been logged. What is stored is complete."


class Stopped(Exception):
    """The worker is to end; the import is let go of as it is."""


def new_worker() -> str:
    """A name that no other worker has."""
    return f"{socket.gethostname()[:32]}:{os.getpid()}:{secrets.token_hex(6)}"


# Taking in.


def take_in(
    user: User, name: str, file: IO[bytes], options: dict[str, Any], dry_run: bool
) -> Import:
    """Keep a file for a worker, in the caller's commit. Raises Conflict where too many wait.

    file: at its beginning; at most MOST_BYTES, which the caller has seen to.
    """
    # Without due_at: one of a command, which may have been killed and then never ends.
    busy = Import.objects.filter(user=user, state__in=BUSY, due_at__isnull=False)
    if busy.count() >= Import.MAX_OPEN:
        raise Conflict(f"{Import.MAX_OPEN} imports are waiting already; let one of them end first.")
    make_room(user.pk)
    now = timezone.now()
    found = Import.objects.create(
        user=user,
        name=name[:NAME_LENGTH],
        options=options,
        dry_run=dry_run,
        state=ImportState.WAITING,
        created_at=now,
        due_at=now,
    )
    size = 0
    for number, content in enumerate(iter(lambda: file.read(PART), b"")):
        size += len(content)
        ImportPart.objects.create(user=user, imported=found, number=number, content=content)
    found.size = size
    found.save(update_fields=["size"])
    return found


def hand_in(
    user: User, name: str, file: IO[bytes], options: dict[str, Any], dry_run: bool
) -> tuple[Import, bool]:
    """Keep a file for a worker, or try a small one at once; gives the import and whether it was.

    Raises Conflict where too many wait.
    """
    worker = new_worker()
    with transaction.atomic():
        found = take_in(user, name, file, options, dry_run)
        small = dry_run and found.size <= NEXT_TO_A_REQUEST
        if small:
            found.hold(worker)
    if small:
        work_on(Work(found, worker))
        found.refresh_from_db()
    return found, small and found.state not in BUSY


def make_room(user_id: int) -> None:
    """Let go of the files that have waited longest for somebody, but for the newest few."""
    waiting = Import.objects.filter(user_id=user_id, state__in=OPEN, parts__isnull=False)
    beyond = waiting.order_by("-pk").values_list("pk", flat=True).distinct()[Import.MAX_OPEN - 1 :]
    ImportPart.objects.filter(user_id=user_id, imported__in=list(beyond)).delete()


def has_file(found: Import) -> bool:
    return ImportPart.objects.filter(user_id=found.user_id, imported=found).exists()


def start_again(found: Import, options: dict[str, Any], dry_run: bool) -> None:
    """Let a worker take an import once more, with more said. Raises Conflict where it cannot be."""
    if found.state not in OPEN:
        raise Conflict(f"The import is {ImportState(found.state).label}; send the file again.")
    if not has_file(found):
        raise Conflict("The file is not kept any more; send it again.")
    found.options, found.dry_run = found.options | options, dry_run
    found.state, found.due_at, found.attempts = ImportState.WAITING, timezone.now(), 0
    found.questions, found.failure, found.ended_at, found.settled = [], None, None, 0
    found.save()


def undo_later(found: Import) -> None:
    """Let a worker take an import back. Raises Conflict where there is nothing to take back."""
    check(found)
    found.state, found.due_at, found.attempts = ImportState.UNDOING, timezone.now(), 0
    found.failure = None
    found.save()


@contextmanager
def file_of(found: Import) -> Iterator[Path]:
    """The file of an import on this machine's disk, for as long as it is read."""
    with NamedTemporaryFile(prefix="import-") as file:
        parts = ImportPart.objects.filter(user_id=found.user_id, imported=found)
        for number in range(parts.count()):
            file.write(parts.get(number=number).content)
        file.flush()
        yield Path(file.name)


# Claiming.


def claim(worker: str) -> Import | None:
    """Take the import that is due for longest; None where none is.

    Workers that ask at the same time get different ones: on PostgreSQL each skips the rows that
    another has locked, and on both databases the UPDATE has to find the row as it was read.
    """
    now = timezone.now()
    due = Import.objects.filter(due_at__lte=now).order_by("due_at")
    if not due.exists():
        # Most of the time; a transaction would take SQLite's one lock for writes.
        return None
    with transaction.atomic():
        if connection.features.has_select_for_update_skip_locked:
            due = due.select_for_update(skip_locked=True)
        found = due.first()
        if found is None:
            return None
        same = Import.objects.filter(pk=found.pk, due_at=found.due_at, worker=found.worker)
        undoes = found.state == ImportState.UNDOING
        state = found.state if undoes else ImportState.RUNNING
        values = {"state": state, "due_at": now + LEASE, "worker": worker}
        if not same.update(**values, attempts=F("attempts") + 1, settled=0):
            return None
        found.refresh_from_db()
    return found


def renew(found: Import, worker: str) -> bool:
    """Hold an import for another minute; False where it is somebody else's by now."""
    mine = Import.objects.filter(pk=found.pk, worker=worker, due_at__isnull=False)
    return bool(mine.update(due_at=timezone.now() + LEASE))


def let_go(found: Import, worker: str, wait: timedelta = timedelta(), attempts: int = 0) -> None:
    """Leave an import to the next worker, as if nobody had begun."""
    mine = Import.objects.filter(pk=found.pk, worker=worker, due_at__isnull=False)
    undoes = found.state == ImportState.UNDOING
    state = ImportState.UNDOING if undoes else ImportState.WAITING
    due_at = timezone.now() + wait
    mine.update(state=state, due_at=due_at, worker="", attempts=attempts)


def purge() -> int:
    """Forget what has waited for somebody for a week and stored nothing; gives how many files."""
    old = Import.objects.filter(state__in=OPEN, ended_at__lt=timezone.now() - KEPT_FOR)
    ids = list(old.filter(parts__isnull=False).values_list("pk", flat=True).distinct()[:100])
    for pk, user_id in Import.objects.filter(pk__in=ids).values_list("pk", "user_id"):
        ImportPart.objects.filter(user_id=user_id, imported_id=pk).delete()
    return len(ids)


# Running.


@dataclass(frozen=True)
class Work:
    """One import in the hands of a worker.

    stopping: asked between commits; whether to end. chunk: rows a commit, 1 to 10,000.
    """

    found: Import
    worker: str
    chunk: int = CHUNK
    stopping: Callable[[], bool] = lambda: False

    @property
    def record(self) -> Record:
        return Record(self.found.user_id, self.found.pk, self.worker)

    @property
    def nothing(self) -> str:
        """What a run that ends before its first commit has stored, in words."""
        return "nothing more" if self.found.stored else "nothing"

    def settle(self, rows: int) -> None:
        if not self.found.dry_run:
            self.record.settle(rows)
        if self.stopping():
            raise Stopped


def work_on(work: Work) -> None:
    """Run an import, or undo one, to its end or to where somebody has to answer.

    Whatever the file and the rows are, the import ends in words; nothing is raised but Stopped and
    Lost.
    """
    found = work.found
    logger.info("Import %s, %s bytes: attempt %s", found.pk, found.size, found.attempts)
    if found.attempts > MOST_ATTEMPTS:
        logger.error("Import %s has ended %s workers.", found.pk, MOST_ATTEMPTS)
        fail(work, "It could not be read within the time and memory there is; make it smaller.")
        return
    try:
        if found.state == ImportState.UNDOING:
            undo_one(work)
        else:
            run_one(work)
    except (Stopped, Lost):
        raise
    except (OperationalError, InterfaceError):
        logger.warning("Import %s is tried again.", found.pk, exc_info=True)
        # The server may have closed it, and what follows needs one.
        if not connection.in_atomic_block:
            connection.close_if_unusable_or_obsolete()
        if found.attempts >= MOST_ATTEMPTS:
            fail(work, "The database could not do this now; start it again later.")
        else:
            let_go(found, work.worker, PAUSE, found.attempts)
    except Exception:
        logger.exception("Import %s failed", found.pk)
        fail(work, FAULT)


def run_one(work: Work) -> None:
    found = work.found
    user = User.objects.get(pk=found.user_id)
    said = {key: found.options[name] for name, key in ANSWERS.items() if name in found.options}
    try:
        with file_of(found) as path:
            account = kept.account_of(path, found.name, found.options.get("account", ""))
            mapping = mapping_in(found.options["mapping"]) if "mapping" in found.options else None
            hints = Hints(zone_of(user), said, mapping)
            known = kept.answers_of(user.pk, account)
            export, used = kept.read_with(path, hints, currency_of(user), known)
    except Unclear as error:
        ask(work, error.questions)
        return
    except BadMapping as error:
        fail(work, "The mapping is not right.", [{"detail": each} for each in error.problems])
        return
    except BadFile as error:
        fail_lines(work, error)
        return
    try:
        store(work, user, export, used)
    except BadFile as error:
        fail_lines(work, error)
    except Refused as error:
        fail(work, f"{error} {work.nothing.capitalize()} was stored.")
    except (Conflict, LedgerOverflow, TooManyAlerts) as error:
        fail(work, str(error))
    else:
        kept.keep(user.pk, account, said)


def store(work: Work, user: User, export: Export, used: dict[str, str]) -> None:
    """Store the rows, or try it, and keep the report."""
    found, record = work.found, work.record
    record.mine().update(rows=len(export.rows), format=export.title[:FORMAT_LENGTH])
    job = Job(
        user,
        export.rows,
        chunk=work.chunk,
        restoring=bool(found.options.get("restore_deleted")),
        currency=export.currency,
        import_id=found.pk,
        # What is tried must not lock the row, which is to be held meanwhile.
        note=None if found.dry_run else record.note,
    )
    if found.dry_run:
        report = rehearse(job, work.settle)
        outcome = report.outcome
        told = became(
            {
                "updated": {"count": len(outcome.updated), "rows": outcome.updated[:100]},
                "categories": outcome.categories,
                "followed": outcome.followed,
            },
            outcome,
            report.opened,
            report.resolved,
        )
        counts = {
            "read": len(export.rows) + len(export.left_out),
            "stored": outcome.stored,
            "present": outcome.present,
        }
        with transaction.atomic():
            if (mine := record.taken()) is None:
                raise Lost
            mine.report = counts | read_as(export) | told | {"kept": used}
            mine.settled = mine.rows
            close(mine, ImportState.TRIED)
        return
    report = run(job, work.settle)
    with transaction.atomic():
        ended = finish(record, export, report.outcome, used)
        ImportPart.objects.filter(user_id=user.pk, imported=ended).delete()


def undo_one(work: Work) -> None:
    found = work.found
    try:
        with transaction.atomic(), open_book(found.user_id) as book:
            undo(book, to_undo(work))
    except (Conflict, LedgerOverflow, TooManyAlerts) as error:
        fail(work, str(error))


def to_undo(work: Work) -> Import:
    """The import, read again, if it is still this worker's to undo. Raises Lost."""
    mine = Import.objects.filter(pk=work.found.pk, worker=work.worker, state=ImportState.UNDOING)
    if (found := mine.first()) is None:
        raise Lost
    return found


def ask(work: Work, questions: Sequence[Question]) -> None:
    """Let an import wait for answers."""
    with transaction.atomic():
        if (mine := work.record.taken()) is None:
            raise Lost
        mine.questions = [
            {
                "key": question.key.replace("-", "_"),
                "asks": in_parameters(question.asks),
                "choices": [
                    {"value": choice.value, "reading": choice.reading}
                    for choice in question.choices
                ],
                "several": question.several,
            }
            for question in questions
        ]
        close(mine, ImportState.ASKING)


def fail_lines(work: Work, error: BadFile) -> None:
    count = len(error.bad) + error.more
    counted = "1 problem" if count == 1 else f"{count} problems"
    errors = [{"line": bad.line, "detail": in_parameters(bad.reason)} for bad in error.bad]
    fail(work, f"{counted}; {work.nothing} was stored.", errors, error.more)


def fail(work: Work, detail: str, errors: Sequence[dict[str, Any]] = (), more: int = 0) -> None:
    if work.found.state == ImportState.UNDOING:
        found = to_undo(work)
        found.failure = {"detail": detail, "errors": [], "more_errors": 0}
        close(found, ImportState.DONE)
        return
    work.record.fail(in_parameters(detail), errors, more)


def in_parameters(text: str) -> str:
    """Words that name the options of the command, with the names of the API's parameters."""
    return OPTION.sub(lambda found: found[1].replace("-", "_"), text)
