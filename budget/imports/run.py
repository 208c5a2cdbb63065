"""An import from what was read to the alerts, for real or as a rehearsal that leaves nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from django.contrib.auth.models import User
from django.db import transaction

from budget.imports.report import Report, report_on
from budget.imports.rows import BudgetLine
from budget.imports.store import (
    Outcome,
    Rows,
    budget_thresholds,
    missing,
    store_budget,
    store_chunk,
)
from budget.models import Category, Conflict, Threshold
from budget.models.category import UNCATEGORISED
from budget.models.ledger import lock_ledger
from budget.models.text import fold

# A chunk of this size holds the ledger for well below the two seconds that other writers wait.
CHUNK = 5000
SHOWN = 10

Progress = Callable[[int], object]


@dataclass(frozen=True)
class Job:
    """What to import for whom: rows sorted by date, then line.

    user: unsaved for one to be made. chunk: rows a commit, 1 to 10,000.
    """

    user: User
    rows: Rows
    budget: Sequence[BudgetLine] = ()
    chunk: int = CHUNK

    @property
    def makes_user(self) -> bool:
        return self.user._state.adding


def run(job: Job, progress: Progress) -> Report:
    """Import for good, chunk by chunk: what an end in the middle leaves is complete in itself.

    progress is called with the number of rows that each commit has settled. Raises Conflict,
    before anything is written, where the user would have too many categories or thresholds.
    """
    check_room(job)
    outcome = perform(job, progress)
    return report_on(job.user.pk, outcome, SHOWN)


def rehearse(job: Job, progress: Progress) -> Report:
    """Do the same in one transaction and take it back; describes every alert.

    The user's other writes wait for the end of it, as the outcome would be wrong otherwise.
    """
    check_room(job)
    with transaction.atomic():
        if not job.makes_user:
            lock_ledger(job.user.pk)
        outcome = perform(job, progress)
        report = report_on(job.user.pk, outcome, None)
        transaction.set_rollback(True)
    return report


def perform(job: Job, progress: Progress) -> Outcome:
    """Make the user where it is new, then the thresholds, then the rows."""
    if job.makes_user:
        with transaction.atomic():
            job.user.save()
    outcome = store_budget(job.user.pk, job.budget) if job.budget else Outcome()
    for at in range(0, len(job.rows), job.chunk):
        chunk = job.rows[at : at + job.chunk]
        outcome.absorb(store_chunk(job.user.pk, chunk))
        progress(len(chunk))
    return outcome


def check_room(job: Job) -> None:
    """Raises Conflict where the import would need more categories or thresholds than may be."""
    categories, thresholds = categories_needed(job, job.rows), thresholds_needed(job)
    if categories > Category.MAX_A_USER and not job.makes_user:
        # Rows that are there already bring no category back, whatever it is called by now.
        categories = categories_needed(job, missing(job.user.pk, job.rows))
    for needed, model in ((categories, Category), (thresholds, Threshold)):
        if needed > model.MAX_A_USER:
            name = model._meta.verbose_name_plural
            raise Conflict(
                f"{needed} {name} would be needed; a user has at most {model.MAX_A_USER}."
            )


def categories_needed(job: Job, rows: Rows) -> int:
    """How many categories the user has once these rows and the budget are stored."""
    keys = {fold(UNCATEGORISED)}
    if not job.makes_user:
        keys |= set(Category.objects.filter(user=job.user).values_list("key", flat=True))
    names = {row.category for _, row in rows} | {line.category for line in job.budget}
    return len(keys | {fold(name) for name in names})


def thresholds_needed(job: Job) -> int:
    """How many thresholds the user has once the budget is stored."""
    if job.makes_user:
        return len(job.budget)
    known = budget_thresholds(job.user.pk)
    new = sum(fold(line.category) not in known for line in job.budget)
    return Threshold.objects.kept().filter(user=job.user).count() + new
