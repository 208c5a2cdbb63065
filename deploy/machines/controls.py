"""Changes behind the service's back, each undone at once: what the checks must be able to see."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from deploy.machines.journal import Journal, faults, read_stored

# In words, what is done, and what the checks must say of it.
CONTROLS = (
    (
        "an acknowledged row is deleted",
        "DELETE FROM budget_transaction WHERE id = %(row)s",
        "was acknowledged and is lost",
    ),
    (
        "an acknowledged edit is lost",
        "UPDATE budget_transaction SET amount = amount + 1 WHERE id = %(row)s",
        "was acknowledged as",
    ),
    (
        "a row is applied twice",
        "INSERT INTO budget_transaction (user_id, date, category_id, description, search, amount,"
        " type_id) SELECT user_id, date, category_id, description, search, amount, type_id"
        " FROM budget_transaction WHERE id = %(row)s",
        "applied twice?",
    ),
    (
        "an acknowledged edit of a threshold is lost",
        "UPDATE budget_threshold SET enabled = NOT enabled WHERE id = %(limit)s",
        "was acknowledged as",
    ),
    (
        "settings are lost",
        "UPDATE accounts_profile SET week_start = 3 WHERE user_id = %(user)s",
        "settings",
    ),
    (
        "an alert of the user's own comes twice",
        "INSERT INTO budget_alert (user_id, kind, revision, subject, measure, status, message,"
        " search, opened_at, episodes, late) SELECT user_id, kind, revision, subject, measure,"
        " status, message, search, opened_at, episodes, late FROM budget_alert"
        " WHERE id = (SELECT max(id) FROM budget_alert WHERE kind = 'custom')",
        "stored 2",
    ),
    (
        "a flip is told twice",
        'INSERT INTO budget_alertevent (user_id, seq, alert_id, kind, cause, at, total, "limit")'
        ' SELECT user_id, -1, alert_id, kind, cause, at, total, "limit" FROM budget_alertevent'
        " WHERE id = (SELECT max(id) FROM budget_alertevent WHERE kind = 'opened');"
        " UPDATE budget_ledger SET event_seq = event_seq + 1 FROM budget_alertevent e"
        " WHERE e.user_id = budget_ledger.user_id AND e.seq = -1;"
        " UPDATE budget_alertevent e SET seq = l.event_seq FROM budget_ledger l"
        " WHERE l.user_id = e.user_id AND e.seq = -1",
        "opened or resolved twice in a row",
    ),
    (
        "an event is missing",
        "DELETE FROM budget_alertevent WHERE user_id = %(user)s AND seq = 1",
        "without a gap",
    ),
    (
        "an alert is resolved without an event",
        "UPDATE budget_alert SET status = 'resolved', resolved_at = now()"
        " WHERE id = (SELECT max(id) FROM budget_alert WHERE status = 'open' AND kind <> 'custom')",
        "which its events do not say",
    ),
)


def blind(cursor: Any, journals: Sequence[Journal]) -> list[str]:
    """Give the changes that the checks do not see; the caller rolls everything back."""
    names = {
        "row": next(pk for journal in journals for pk in journal.kept),
        "limit": next(pk for journal in journals for pk, limit in journal.limits.items() if limit),
        "user": next(journal.user for journal in journals if journal.settings),
    }
    missed = []
    for name, change, must in CONTROLS:
        cursor.execute("SAVEPOINT control")
        cursor.execute(change, names)
        if not any(must in text for text in faults(journals, read_stored(cursor))):
            missed.append(name)
        cursor.execute("ROLLBACK TO SAVEPOINT control")
    return missed
