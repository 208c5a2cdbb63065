"""An import from what was read to the alerts, for real or as a rehearsal that leaves nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction

from budget.engine import open_book
from budget.imports.pairing import Plan, pair, version_of
from budget.imports.report import Report, report_on
from budget.imports.rows import MOST_BAD, BadFile, BudgetLine
from budget.imports.spool import BEGINNING, Place, Spool
from budget.imports.store import (
    Batch,
    Chunk,
    Names,
    Outcome,
    Stale,
    budget_thresholds,
    store_budget,
    store_chunk,
)
from budget.models import Category, Conflict, Threshold, TransactionType
from budget.models.category import UNCATEGORISED
from budget.models.transaction_type import BUILTIN_TYPES
from lib.text import fold

# Rows a commit at most; how many there are follows from how long the lock is held.
CHUNK = 10_000
# The first commit has so many, and no later one less than LEAST, unless fewer are asked for.
FIRST, LEAST = 2_000, 200
# Seconds: a commit that takes twice as long as was to be expected is still below half a second.
LOCKED = 0.2
SHOWN = 10
MOST_DESCRIBED = 100

Progress = Callable[[int], object]


class Refused(Conflict):
    """An import that the user's rows do not allow; nothing was stored."""


@dataclass(frozen=True)
class Job:
    """What to import for whom: rows sorted by date, then line.

    user: unsaved for one to be made. chunk: rows a commit at most, 1 to 10,000. restoring: whether
    rows that the user has deleted come back. currency: that of the amounts, "" where the file does
    not say; it becomes the user's, who must have no amounts in another. import_id, note: see
    Batch.
    """

    user: User
    rows: Spool
    budget: Sequence[BudgetLine] = ()
    chunk: int = CHUNK
    restoring: bool = False
    currency: str = ""
    import_id: int | None = None
    note: Callable[[Outcome], object] | None = None

    @property
    def makes_user(self) -> bool:
        return self.user._state.adding


def run(job: Job, progress: Progress) -> Report:
    """Import for good, chunk by chunk: what an end in the middle leaves is complete in itself.

    progress is called with the number of rows that each commit has settled. Before anything is
    written, raises BadFile where rows contradict what is stored, and Refused where the user
    would have too many categories or thresholds. Another import of the user may run at the same
    time: the plan is made again where it has stored something that this one counted on.
    """
    outcome = perform(job, planned(job), progress)
    return report_on(job.user.pk, outcome, SHOWN)


def rehearse(job: Job, progress: Progress) -> Report:
    """Do the same in one transaction and take it back; describes every alert.

    The user's other writes wait for the end of it, as the outcome would be wrong otherwise.
    """
    with transaction.atomic():
        if not job.makes_user:
            with open_book(job.user.pk):
                pass  # the lock lasts until the transaction ends
        outcome = perform(job, planned(job), progress)
        report = report_on(job.user.pk, outcome, MOST_DESCRIBED)
        transaction.set_rollback(True)
    return report


def planned(job: Job) -> Plan:
    """What becomes of each row. Raises BadFile and Refused."""
    plan = pair(None if job.makes_user else job.user.pk, job.rows)
    if plan.conflicts:
        raise BadFile(plan.conflicts[:MOST_BAD], max(0, len(plan.conflicts) - MOST_BAD))
    check_room(job, plan)
    return plan


def perform(job: Job, plan: Plan, progress: Progress) -> Outcome:
    """Make the user where it is new, then the thresholds, then the rows."""
    if job.makes_user:
        make_user(job.user, plan)
    set_currency(job, plan)
    outcome = store_budget(plan, job.user.pk, job.budget) if job.budget else Outcome()
    batch = Batch(job.user.pk, plan, job.restoring, job.import_id, job.note)
    pace, place = Pace(job.chunk), BEGINNING
    with ThreadPoolExecutor(1) as beside:

        def behind(place: Place) -> Future[Chunk]:
            return beside.submit(Chunk.behind, place, pace.rows, job.rows, batch.coming)

        coming = behind(place)
        while (chunk := coming.result()).steps:
            # The next chunk is made ready while the database works on this one.
            last = chunk.steps[-1].place
            coming = behind(last)
            try:
                done = store_chunk(batch, chunk)
            except Stale:
                # Nobody else may use the spool while the plan is made.
                coming.result()
                batch.plan = planned_again(job)
                coming = behind(place)
                continue
            place = last
            outcome.absorb(done)
            pace.keep(len(chunk.steps), done.locked)
            progress(len(chunk.steps))
    return outcome


class Pace:
    """How many rows a commit has, so that other writers of the user wait for no longer than LOCKED.

    most: 1 to 10,000.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.rows = min(most, FIRST)

    def keep(self, rows: int, locked: float) -> None:
        """Go by what the last commit took, in seconds; one that stored nothing says nothing."""
        if locked:
            fitting = int(rows * min(2.0, LOCKED / locked))
            self.rows = min(self.most, max(LEAST, fitting))


def make_ready(job: Job) -> None:
    """Make the user where it is new, if the rows can be stored. Raises BadFile and Refused."""
    if job.makes_user:
        make_user(job.user, planned(job))


def make_user(user: User, plan: Plan) -> None:
    """Store a new user. Raises Refused where somebody was quicker."""
    try:
        with transaction.atomic():
            user.save()
            plan.version = version_of(user.pk)
    except IntegrityError as error:
        said = f"The user {user.username!r} was made by somebody else just now; try again."
        raise Refused(said) from error


def set_currency(job: Job, plan: Plan) -> None:
    """Let the user's amounts be in the currency of the file."""
    if not job.currency:
        return
    with open_book(job.user.pk) as book:
        held = plan.holds(book.ledger)
        profile = job.user.profile
        # Under the lock: save() writes every column, also those that others have changed meanwhile.
        profile.refresh_from_db()
        if profile.currency != job.currency:
            profile.currency = job.currency
            profile.save()
    plan.goes_on(book.ledger, held=held)


def planned_again(job: Job) -> Plan:
    """What becomes of each row, in the middle of an import. Raises Conflict."""
    try:
        return planned(job)
    except BadFile as error:
        first = error.bad[0]
        raise Conflict(f"Line {first.line}: {first.reason}.") from error
    except Refused as error:
        # Not Refused: rows are stored by now.
        raise Conflict(str(error)) from error


def check_room(job: Job, plan: Plan) -> None:
    """Raises Refused where there would be too many categories or thresholds, or two of one."""
    check_types(job)
    # Rows that are there already bring no category back, whatever it is called by now.
    wanted = job.rows.categories(Batch(0, plan, job.restoring).coming)
    wanted |= {line.category for line in job.budget}
    if job.makes_user:
        needed = {fold(name) for name in (UNCATEGORISED, *wanted)}
        categories, thresholds = len(needed), len(job.budget)
    else:
        names = Names(job.user.pk)
        check_budget(job, names)
        new = {fold(name) for name in wanted if names.find(name) is None}
        categories, thresholds = len(names.present) + len(new), thresholds_needed(job, names)
    for count, model in ((categories, Category), (thresholds, Threshold)):
        if count > model.MAX_A_USER:
            name = model._meta.verbose_name_plural
            raise Refused(f"{count} {name} would be needed; a user has at most {model.MAX_A_USER}.")


def check_types(job: Job) -> None:
    """Raises Refused where rows have a type of the user's own that is not there."""
    known = {slug for slug, _, _ in BUILTIN_TYPES}
    if not job.makes_user:
        known |= set(TransactionType.objects.filter(user=job.user).values_list("slug", flat=True))
    if missing := sorted(job.rows.types() - known):
        raise Refused(f"There is no transaction type {', '.join(missing)}; make it first.")


def check_budget(job: Job, names: Names) -> None:
    """Raises Refused where two lines of the budget mean one category by now."""
    first: dict[int, BudgetLine] = {}
    for line in job.budget:
        category = names.find(line.category)
        if category and (before := first.setdefault(category.pk, line)) is not line:
            raise Refused(
                f"Lines {before.line} and {line.line} of the budget, {before.category} and "
                f"{line.category}, are one category now, {category.name}; keep one of them."
            )


def thresholds_needed(job: Job, names: Names) -> int:
    """How many thresholds the user has once the budget is stored."""
    known = budget_thresholds(job.user.pk, names)
    found = [names.find(line.category) for line in job.budget]
    new = sum(category is None or category.pk not in known for category in found)
    return Threshold.objects.kept().filter(user=job.user).count() + new
