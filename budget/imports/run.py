"""An import from what was read to the alerts, for real or as a rehearsal that leaves nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction

from budget.engine import open_book
from budget.imports.pairing import Fate, Plan, Rows, pair
from budget.imports.report import Report, report_on
from budget.imports.rows import MOST_BAD, BadFile, BudgetLine
from budget.imports.store import (
    Batch,
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

# A chunk of this size holds the ledger for well below the two seconds that other writers wait.
CHUNK = 5000
SHOWN = 10
MOST_DESCRIBED = 100

Progress = Callable[[int], object]


class Refused(Conflict):
    """An import that the user's rows do not allow; nothing was stored."""


@dataclass(frozen=True)
class Job:
    """What to import for whom: rows sorted by date, then line.

    user: unsaved for one to be made. chunk: rows a commit, 1 to 10,000. restoring: whether rows
    that the user has deleted come back. currency: that of the amounts, "" where the file does not
    say; it becomes the user's, who must have no amounts in another. import_id, note: see Batch.
    """

    user: User
    rows: Rows
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
        make_user(job.user)
    set_currency(job)
    outcome = store_budget(job.user.pk, job.budget) if job.budget else Outcome()
    batch = Batch(job.user.pk, job.restoring, job.import_id, job.note)
    at = 0
    while at < len(job.rows):
        chunk = plan.steps[at : at + job.chunk]
        try:
            outcome.absorb(store_chunk(batch, chunk))
        except Stale:
            plan = planned_again(job)
            continue
        progress(len(chunk))
        at += len(chunk)
    return outcome


def make_ready(job: Job) -> None:
    """Make the user where it is new, if the rows can be stored. Raises BadFile and Refused."""
    if job.makes_user:
        planned(job)
        make_user(job.user)


def make_user(user: User) -> None:
    """Store a new user. Raises Refused where somebody was quicker."""
    try:
        with transaction.atomic():
            user.save()
    except IntegrityError as error:
        said = f"The user {user.username!r} was made by somebody else just now; try again."
        raise Refused(said) from error


def set_currency(job: Job) -> None:
    """Let the user's amounts be in the currency of the file."""
    if not job.currency:
        return
    with open_book(job.user.pk):
        profile = job.user.profile
        # Under the lock: save() writes every column, also those that others have changed meanwhile.
        profile.refresh_from_db()
        if profile.currency != job.currency:
            profile.currency = job.currency
            profile.save()


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
    check_types(job, plan)
    # Rows that are there already bring no category back, whatever it is called by now.
    coming = (Fate.NEW, Fate.DELETED) if job.restoring else (Fate.NEW,)
    wanted = {step.row.category for step in plan.steps if step.fate in coming}
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


def check_types(job: Job, plan: Plan) -> None:
    """Raises Refused where rows have a type of the user's own that is not there."""
    known = {slug for slug, _, _ in BUILTIN_TYPES}
    if not job.makes_user:
        known |= set(TransactionType.objects.filter(user=job.user).values_list("slug", flat=True))
    if missing := sorted({step.row.type for step in plan.steps} - known):
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
