"""What one transaction's write does: the core act of the engine."""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter

from budget.engine import sql
from budget.engine.balances import NOTHING_LATER, changed_since, renew
from budget.engine.rules import rules_of
from budget.engine.tips import renew_rolling_tips, replace_tips
from budget.judge.judgement import Flip, flips_of_write, single_total, touched
from budget.models import Cause, DeletedId, LedgerState
from budget.models.ledger import Book, Row, Write
from budget.models.transaction import keeps_id


def transaction_written(write: Write) -> None:
    """Evaluate one transaction's insert, edit or delete, for each user it touches."""
    before, after = write.before, write.after
    if before is not None and not keeps_id(before, after):
        DeletedId.objects.keep(before["user_id"], [before])
    for user_id, book in write.books.items():
        old = before if before and before["user_id"] == user_id else None
        new = after if after and after["user_id"] == user_id else None
        if old or new:
            commit(book, old, new, write.cause or Cause.TRANSACTION)


def commit(book: Book, before: Row | None, after: Row | None, cause: str) -> None:
    """Bring rollups and alerts up to one transaction, whose row is written already.

    before: the stored row, None for an insert. after: None for a delete. cause: what the flips of
    this write are put down to; those of a day that has begun say so themselves.
    """
    ledger = book.ledger
    # 1. Begin the user's day, if it has changed. What counts of the row follows from the rules.
    begin_day(ledger)
    rules = rules_of(ledger)
    old = rules.facts(before) if before else None
    new = rules.facts(after) if after else None
    rows = [facts for facts in (old, new) if facts]
    # 2. Roll up: what two sums gain and two lose. A transaction far back in the chain of a rollover
    #    changes the limits of later periods; then the sums are written and the chain is read first.
    steps, later = sql.rollup_steps(ledger, old, new), NOTHING_LATER
    if rules.rollovers and (since := changed_since(ledger, rows)):
        sql.run(steps)
        steps, later = [], renew(book, since)
        rules = rules_of(ledger)
    # 3. Find what is touched: thresholds, each in a period, with the sums that this takes.
    causes, keys, singles, starts = touched(rules, ledger, rows, cause, later.pairs, later.known)
    # 4. Write the rollups and read totals and open alerts, in one round trip.
    totals, opened = sql.apply_and_read(ledger, rules, steps, keys, starts, rows[0].id)
    totals |= later.known | {key: single_total(rules, key, new) for key in singles}
    # 5. Judge: which alerts must be open, against those that are.
    flips = flips_of_write(rules, ledger, causes, totals, opened, (old, new, cause))
    # 6. Write the flips: alerts, an event each, and the ledger that they are true for.
    write_flips([(book, flips)])
    # 7. Find another tipping transaction for alerts that the old row had tipped.
    if old:
        replace_tips(book, {old.id: new})
    end_day(book)


def write_flips(written: Sequence[tuple[Book, Sequence[Flip]]]) -> None:
    """Write the flips of some users in a few statements, and note them in the books."""
    ordered = [(book, sorted(flips, key=BY_KEY)) for book, flips in written]
    ledgers = [(book.ledger, flips) for book, flips in ordered]
    changed = [one for one, flips in ledgers if flips or one.as_of != one.stored]
    sql.store_flips([(one, flip) for one, flips in ledgers for flip in flips], changed)
    for book, flips in ordered:
        book.flipped.flips += [(flip.alert_id, flip.opens) for flip in flips]
        book.flipped.new.update([flip.alert_id for flip in flips if flip.new])
        book.fresh = flips


BY_KEY = attrgetter("key")


def begin_day(ledger: LedgerState) -> None:
    """Bring the ledger's day up to the user's local date; it never goes back by itself."""
    ledger.as_of = max(ledger.as_of, ledger.today)


def end_day(book: Book) -> None:
    """Note that the day is judged, and find new tipping rows for windows that have left theirs."""
    ledger = book.ledger
    if ledger.as_of != ledger.was:
        renew_rolling_tips(book)
        ledger.was = ledger.as_of
