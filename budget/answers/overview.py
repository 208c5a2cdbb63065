"""What a page about all of a user's limits needs besides the limits themselves."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import date
from decimal import ROUND_DOWN, Decimal
from itertools import chain

from budget.answers.alert import bases_of, source_of
from budget.answers.alert_rows import AlertRow, EventRow, active, alerts_of, events_of, highest
from budget.answers.explain import adds, counting
from budget.answers.shapes import CurrentDict, PartDict
from budget.engine import Reading
from budget.engine.rules import rules_of
from budget.judge.judgement import Facts, Pair
from budget.models import AlertStatus, LedgerState
from budget.models.money import CENT
from budget.models.settings import PROFILES, ProfileRow
from budget.models.transaction import TRANSACTIONS, TransactionRow, describe_transaction
from lib.columns import made_as

LARGEST = 2


def read_profile(reading: Reading) -> ProfileRow:
    """The user's settings."""
    rows = PROFILES.where("r.user_id = %s", reading.ledger.user_id)
    return ProfileRow(*reading.rows(rows.text, rows.params)[0])


def read_active(reading: Reading, limit: int) -> list[AlertRow]:
    """The newest active alerts, of each threshold and period only the highest level."""
    ledger = reading.ledger
    rows = alerts_of(ledger.user_id).where("r.status = %s", AlertStatus.OPEN)
    rows = highest(active(rows, ledger.as_of, True))
    order = "opened_at DESC, id DESC"
    text = f"{rows.text} ORDER BY r.opened_at DESC, r.id DESC LIMIT {limit:d}"
    return [*map(made_as(AlertRow, reading.database), reading.rows(text, rows.params, order))]


def read_life(reading: Reading, alert_id: int, limit: int) -> list[EventRow]:
    """The newest events of an alert, newest first."""
    rows = events_of(reading.ledger.user_id).where("r.alert_id = %s", alert_id)
    text = f"{rows.text} ORDER BY r.seq DESC LIMIT {limit:d}"
    return [*map(made_as(EventRow, reading.database), reading.rows(text, rows.params, "seq DESC"))]


def left_per_day(current: CurrentDict) -> Decimal | None:
    """What may be spent on each day until the period ends, today included, rounded down.

    What is left, by the days that are left: 60.00 on 27 March, with 5 days to come, are 12.00. None
    where nothing is left, or no period ends soon: it is over after today.
    """
    left = None if current["remaining"] is None else Decimal(current["remaining"])
    ends, today = date.fromisoformat(current["period_end"]), date.fromisoformat(current["as_of"])
    days = (ends - today).days
    if left is None or left <= 0 or days < 2:
        return None
    return (left / days).quantize(CENT, ROUND_DOWN)


def largest_parts(reading: Reading, alerts: Sequence[AlertRow]) -> dict[int, list[PartDict]]:
    """The transactions that count most for each of some alerts, largest first, by the alert's id.

    One statement. A custom alert has no rows, nor has one whose revision was not kept.
    """
    sources = {source_of(alert): alert for alert in alerts}
    bases = bases_of(reading, sources)
    pairs = {
        alert.id: basis.pair
        for alert in alerts
        if (basis := bases.get(source_of(alert))) is not None and basis.pair is not None
    }
    if not pairs:
        return {}
    parts = [largest_of(reading.ledger, pk, pair) for pk, pair in pairs.items()]
    # In separate brackets, because SQLite takes no LIMIT before a UNION.
    selects = (f"SELECT * FROM ({part}) q{n}" for n, (part, _) in enumerate(parts))  # noqa: S608 (of constants)
    text = " UNION ALL ".join(selects)
    rules, shown = rules_of(reading.ledger), len(TransactionRow._fields)
    make = made_as(TransactionRow, reading.database)
    found: dict[int, list[PartDict]] = defaultdict(list)
    for values in reading.rows(text, [*chain.from_iterable(params for _, params in parts)]):
        row, (category_id, type_id, alert_id) = make(values[:shown]), values[shown:]
        effect = rules.effect_of(type_id)
        facts = Facts(row.id, row.date, category_id, type_id, effect, row.amount)
        added = adds(rules, pairs[alert_id][0], facts)
        found[alert_id].append({"transaction": describe_transaction(row), "adds": added})
    for rows in found.values():
        rows.sort(key=lambda part: Decimal(part["transaction"]["amount"]), reverse=True)
    return found


def largest_of(ledger: LedgerState, alert_id: int, pair: Pair) -> tuple[str, list[object]]:
    """The statement of the largest transactions of one alert, with its parameters."""
    rule, span = pair
    rules = rules_of(ledger)
    rows = TRANSACTIONS.where(
        "r.user_id = %s AND r.date >= %s AND r.date < %s", ledger.user_id, span.start, span.end
    )
    texts, values = zip(*(counting(rules, term, single=True) for term in rule.terms), strict=True)
    rows = rows.where(f"({' OR '.join(texts)})", *chain.from_iterable(values))
    if span.subject:
        rows = rows.where("r.id = %s", span.subject)
    text = rows.beside(f"r.category_id, r.type_id, {alert_id:d} AS alert_id").text
    order = "r.amount DESC, r.date DESC, r.id DESC"
    return f"{text} ORDER BY {order} LIMIT {LARGEST:d}", [*rows.params]
