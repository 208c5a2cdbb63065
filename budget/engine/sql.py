"""Every statement written by hand, and what fills it in.

One text for SQLite and PostgreSQL, with period bounds from Python. By hand, because the same as ORM
queries costs some 20 ms of Python a request. Reads top down: running statements, the rollups, the
one read of a write, the flips, and what the tick and the summaries ask of many users or periods.
The tick's first look stands in quiet.py.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any, TypeVar

from django.db import DataError, IntegrityError, OperationalError, connection, models

from budget.judge.judgement import FORECAST_LEVEL, Facts, Flip, Identity, Rules, SumKey
from budget.judge.kinds import SIGNS, Measure, PeriodType
from budget.judge.periods import ROLLING_END, ROLLING_START, add_months, month_of, span_of
from budget.models import AlertKind, EventKind, Grain, LedgerOverflow, LedgerState, Rollup
from budget.models.ledger import STATE, as_date
from budget.models.money import from_minor
from budget.models.rollup import MAX_MINOR
from lib.postgresql import Message, Prepared

Step = tuple[str, list[Any]]
# Rows a statement: SQLite allows 32,766 parameters, and some have 18 a row.
BATCH = 500


def run(steps: Sequence[Step]) -> list[tuple[Any, ...]]:
    """Run statements in turn and give the rows of the last.

    PostgreSQL takes them as one message, which saves a round trip each while the lock is held.
    Raises LedgerOverflow for a sum that leaves its range.
    """
    with exact_sums(), connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            text = Message(*(statement for statement, _ in steps))
            cursor.execute(text, [value for _, params in steps for value in params])
        else:
            for statement, params in steps:
                cursor.execute(statement, params)
        return cursor.fetchall() if cursor.description else []


@contextmanager
def exact_sums() -> Iterator[None]:
    """Turn a sum that leaves its range, on either database, into LedgerOverflow."""
    try:
        yield
    except IntegrityError as error:
        if "budget_rollup_amount_range" not in str(error):
            raise
        raise LedgerOverflow(
            "The amounts of one category and type in one day or month may come to "
            f"{from_minor(MAX_MINOR)} at most."
        ) from error
    except (DataError, OperationalError) as error:
        if "overflow" not in str(error) and "out of range" not in str(error):
            raise
        raise LedgerOverflow("A total would leave the range of exact sums.") from error


def marks(count: int) -> str:
    """Placeholders for that many parameters."""
    return ", ".join(["%s"] * count)


def rows_of_marks(types: Sequence[str], count: int) -> str:
    """Rows of placeholders; PostgreSQL does not see for itself of which types they are."""
    return ", ".join([f"({', '.join(marks_of(*types))})"] * count)


def marks_of(*types: str) -> list[str]:
    """A placeholder for a value of each type."""
    postgresql = connection.vendor == "postgresql"
    return [f"CAST(%s AS {type})" if postgresql else "%s" for type in types]


# The rollups


ADD_TO_ROLLUPS = """
INSERT INTO budget_rollup (user_id, grain, bucket, category_id, type_id, amount, count)
VALUES {rows}
ON CONFLICT (user_id, grain, bucket, category_id, type_id) DO UPDATE
SET amount = budget_rollup.amount + excluded.amount, count = budget_rollup.count + excluded.count
"""
ROLLUP_ROW = "(%s, %s, %s, %s, %s, %s, %s)"

# An UPDATE, because the upsert above checks its proposed row (count -1) before it sees a conflict.
TAKE_FROM_ROLLUPS = Prepared("""
UPDATE budget_rollup SET amount = amount - %s, count = count - %s
WHERE user_id = %s AND category_id = %s AND type_id = %s
AND ((grain = 'D' AND bucket = %s) OR (grain = 'M' AND bucket = %s))
""")

# The same for many transactions: a row for each day, and for each month, with category and type.
TAKE_MANY_FROM_ROLLUPS = """
WITH gone (grain, bucket, category_id, type_id, amount, count) AS (VALUES {rows})
UPDATE budget_rollup SET amount = budget_rollup.amount - gone.amount,
count = budget_rollup.count - gone.count
FROM gone WHERE budget_rollup.user_id = %s AND budget_rollup.grain = gone.grain
AND budget_rollup.bucket = gone.bucket AND budget_rollup.category_id = gone.category_id
AND budget_rollup.type_id = gone.type_id
"""
TAKE_ROW = ("varchar(1)", "date", "bigint", "bigint", "bigint", "bigint")

MERGE_ROLLUPS = """
INSERT INTO budget_rollup (user_id, grain, bucket, category_id, type_id, amount, count)
SELECT user_id, grain, bucket, %s, type_id, amount, count
FROM budget_rollup WHERE user_id = %s AND category_id = %s
ON CONFLICT (user_id, grain, bucket, category_id, type_id) DO UPDATE
SET amount = budget_rollup.amount + excluded.amount, count = budget_rollup.count + excluded.count
"""

# What all of a user's amounts may come to together, minor units: any sum of them is exact on both
# databases, and so is a forecast, which is at most 18 times the sum it starts from.
MAX_TOTAL = 4 * 10**17
# The total is read where it could come near that: before the additions of a commit come to this
# much, and in two versions of so many before any addition (two, because some commits count two).
# Else each write would cost more with every year.
LARGE = 10**12
VERSIONS = 1024
# Grain, first day, category and type of a rollup row, and its amount and count.
Key = tuple[str, date, int, int]
Sums = dict[Key, tuple[int, int]]


def check_total(ledger: LedgerState, added: int) -> None:
    """Refuse an addition of minor units with which a user's amounts come to more than MAX_TOTAL.

    Runs before the addition. Commits of less than LARGE each may pass it by 0.3 % until they are
    noticed. Raises LedgerOverflow.
    """
    if added <= 0:
        return
    ledger.unchecked += added
    if ledger.unchecked < LARGE and ledger.version % VERSIONS > 1:
        return
    ledger.unchecked = 0
    months = Rollup.objects.filter(user_id=ledger.user_id, grain=Grain.MONTH)
    with exact_sums():
        total = months.aggregate(total=models.Sum("amount"))["total"] or 0
    if total + added > MAX_TOTAL:
        raise LedgerOverflow(
            f"All amounts of a user together may come to {from_minor(MAX_TOTAL)} at most."
        )


def rollup_steps(ledger: LedgerState, before: Facts | None, after: Facts | None) -> list[Step]:
    """What replaces a transaction's old part in the rollups by its new one.

    Raises LedgerOverflow where all of the user's amounts together would come to too much.
    """
    old, new = before.minor if before else 0, after.minor if after else 0
    check_total(ledger, new - old)
    left = buckets_of(ledger, before) if before else None
    entered = buckets_of(ledger, after) if after else None
    if left and left == entered:
        return [take_step(ledger, left, old - new, 0)]
    steps = []
    if left:
        steps.append(take_step(ledger, left, old, 1))
    if entered:
        steps.append(add_step(ledger, [(bucket, (new, 1)) for bucket in entered]))
    return steps


def buckets_of(ledger: LedgerState, facts: Facts) -> tuple[Key, Key]:
    """The day and the month that a transaction counts in."""
    month = span_of(PeriodType.MONTHLY, facts.date, ledger.calendar).start
    return (
        (Grain.DAY, facts.date, facts.category_id, facts.type_id),
        (Grain.MONTH, month, facts.category_id, facts.type_id),
    )


def add_step(ledger: LedgerState, sums: Sequence[tuple[Key, tuple[int, int]]]) -> Step:
    params = [value for key, sum in sums for value in (ledger.user_id, *key, *sum)]
    return add_to_rollups(len(sums)), params


def take_step(ledger: LedgerState, buckets: tuple[Key, Key], minor: int, count: int) -> Step:
    """Take minor units and a number of transactions out of a day and its month."""
    (_, day, category_id, type_id), (_, month, _, _) = buckets
    params = [minor, count, ledger.user_id, category_id, type_id, day, month]
    return TAKE_FROM_ROLLUPS, params


def take_many_step(ledger: LedgerState, sums: Sequence[tuple[Key, tuple[int, int]]]) -> Step:
    """Take amounts and numbers of transactions out of days and months."""
    text = TAKE_MANY_FROM_ROLLUPS.format(rows=rows_of_marks(TAKE_ROW, len(sums)))
    return text, [*(value for key, sum in sums for value in (*key, *sum)), ledger.user_id]


@lru_cache(maxsize=64)
def add_to_rollups(rows: int) -> str:
    """Prepared for two rows, the day and the month of one transaction."""
    text = ADD_TO_ROLLUPS.format(rows=", ".join([ROLLUP_ROW] * rows))
    return Prepared(text) if rows == 2 else text


# The one read of a write: totals of its periods, and the alerts that are open there


# The sums of any keys, each by its number. One subquery for all of them, because planning one each
# costs PostgreSQL more than running them; for the same reason types are distinguished in the
# sum and not in the WHERE.
SUMS = """
WITH win (number, grain, category, {what}lo, hi) AS (VALUES {keys}){tree}
SELECT {head}win.number, {pad}COALESCE((
  SELECT SUM({sum})
  FROM budget_rollup r
  WHERE r.user_id = %s AND r.grain = win.grain AND r.bucket >= win.lo AND r.bucket < win.hi
  AND (win.category = 0 OR r.category_id = win.category{under})
), 0) FROM win"""
TREE = ", tree (root, member) AS (VALUES {rows})"
UNDER = " OR (win.category, r.category_id) IN (SELECT root, member FROM tree)"
# Reads the partial index budget_alert_open.
OPEN_ALERTS = """
SELECT 1, threshold_id, revision, subject, level, period_start, id FROM budget_alert
WHERE user_id = %s AND status = 'open' AND kind <> 'custom'
AND period_start IN ({starts}) AND subject IN (0, %s)"""

# The measures that have a sum, by the number that a statement of any measure knows them by.
WHAT: dict[str, int] = {Measure.SPENDING: 0, Measure.INCOME: 1, Measure.COUNT: 2}
# Up to this many days are read day by day; more are read by months where whole ones lie within.
SHORT = timedelta(days=62)


def signed(measure: str, has: Callable[[str], str]) -> str:
    """What a rollup row adds to a measure, in SQL; has: the test of a row for an effect."""
    value = "r.count * 100" if measure == Measure.COUNT else "r.amount"
    whens = (
        f"WHEN {has(effect)} THEN {'-' if sign < 0 else ''}{value}"
        for effect, sign in SIGNS[measure].items()
    )
    return f"CASE {' '.join(whens)} END"


def any_measure(has: Callable[[str], str], measures: Mapping[str, int] = WHAT) -> str:
    """The same where the row of the statement says which measure."""
    whens = (f"WHEN {what} THEN {signed(measure, has)}" for measure, what in measures.items())
    return f"CASE win.what {' '.join(whens)} END"


def type_of(effect: str) -> str:
    """By the user's types of an effect, which are few; read_step() fills them in."""
    return f"r.type_id IN ({{{effect}}})"


def effect_is(effect: str) -> str:
    """By the table of types, y."""
    return f"y.effect = '{effect}'"


SPENDING, ANY_MEASURE = signed(Measure.SPENDING, type_of), any_measure(type_of)


def apply_and_read(
    ledger: LedgerState,
    rules: Rules,
    steps: Sequence[Step],
    keys: Collection[SumKey],
    starts: Collection[date],
    subject: int,
) -> tuple[dict[SumKey, int], dict[Identity, int]]:
    """Run the steps; then read sums, and the ids of the alerts open in some periods, by identity.

    All of it in one round trip. keys: of no single transaction. starts: the first days of the
    periods. subject: the transaction whose own periods are looked at, besides those of all.
    """
    totals = dict.fromkeys(keys, 0)
    opened: dict[Identity, int] = {}
    if not starts:
        run(steps)
        return totals, opened
    summed = [key for key in keys if key.start < key.end]
    read = read_step(ledger, rules, summed, starts, subject)
    for is_alert, number, revision, subject, level, start, value in run([*steps, read]):
        if is_alert:
            opened[number, revision, as_date(start), subject, level] = int(value)
        else:
            totals[summed[number]] += int(value)
    return totals, opened


def read_step(
    ledger: LedgerState,
    rules: Rules,
    keys: Sequence[SumKey],
    starts: Collection[date],
    subject: int,
) -> Step:
    """The one read of a write: sums by their number, and open alerts."""
    text, params = select_open(len(starts)), [ledger.user_id, *starts, subject]
    if not keys:
        return text, params
    sums, before = sums_step(ledger, rules, keys, typed=True)
    return type(sums)(f"{sums} UNION ALL {text}"), [*before, *params]


def sums_step(
    ledger: LedgerState, rules: Rules, keys: Sequence[SumKey], *, typed: bool = False
) -> Step:
    """The statement that sums keys, by their place in the sequence; an empty one has no row.

    typed: in the shape of OPEN_ALERTS.
    """
    rows: list[tuple[int, Grain]] = []
    params: list[Any] = []
    mixed = any(key.measure != Measure.SPENDING for key in keys)
    roots: dict[int, frozenset[int]] = {}
    month_start = ledger.calendar.month_start
    for number, key in enumerate(keys):
        category = key.category_id or 0
        if category in rules.subtrees:
            roots[category] = rules.subtrees[category]
        for grain, start, end in parts_of(key.start, key.end, month_start):
            rows.append((number, grain))
            params += [category, WHAT[key.measure], start, end] if mixed else [category, start, end]
    ids = [
        rules.types.get(effect, ())
        for measure in (WHAT if mixed else (Measure.SPENDING,))
        for effect in SIGNS[measure]
    ]
    counts = tuple((effect, len(types)) for effect, types in rules.types.items())
    text = sums(tuple(rows), counts, tree_of(roots), mixed=mixed, typed=typed)
    return text, [*params, *(pk for types in ids for pk in types), ledger.user_id]


@lru_cache(maxsize=16384)
def parts_of(start: date, end: date, month_start: int) -> tuple[tuple[Grain, date, date], ...]:
    """A span as whole months of the user's, with the days before and after them."""
    first = month_of(start, month_start)
    first = first if first == start else add_months(first, 1)
    last = month_of(end, month_start)
    if first >= last or (end - start <= SHORT and (first, last) != (start, end)):
        return ((Grain.DAY, start, end),)
    parts = (
        (Grain.DAY, start, first),
        (Grain.MONTH, first, last),
        (Grain.DAY, last, end),
    )
    return tuple(part for part in parts if part[1] < part[2])


def tree_of(roots: Mapping[int, frozenset[int]]) -> str:
    """Subtrees as pairs of root and member, for a statement."""
    return ", ".join(f"({root}, {pk})" for root in roots for pk in sorted(roots[root]))


@lru_cache(maxsize=1024)
def sums(
    rows: tuple[tuple[int, Grain], ...],
    types: tuple[tuple[str, int], ...],
    tree: str = "",
    *,
    mixed: bool = False,
    typed: bool = False,
) -> str:
    """The sums of keys, by number and grain; a key of many grains has a row for each.

    Category (0: all), first day and day after of each are left to the parameters, as is the measure
    before them if they are mixed; each of those costs as much Python as ten lines of it. types: how
    many the user has of each effect. tree: pairs of ids as text.
    """
    category, what, day = marks_of("bigint", "integer", "date")
    row = f"{category}, {what}, {day}, {day}" if mixed else f"{category}, {day}, {day}"
    # NULL: an IN list may not be empty, and nothing is equal to NULL.
    none = {effect: "NULL" for signs in SIGNS.values() for effect in signs}
    ids = none | {str(effect): marks(count) for effect, count in types}
    text = SUMS.format(
        what="what, " if mixed else "",
        keys=", ".join(f"({number}, '{grain}', {row})" for number, grain in rows),
        tree=TREE.format(rows=tree) if tree else "",
        head="0, " if typed else "",
        pad="0, 0, 0, CAST(NULL AS date), " if typed else "",
        sum=(ANY_MEASURE if mixed else SPENDING).format(**ids),
        under=UNDER if tree else "",
    )
    # A tree is one user's: too many to prepare.
    return text if tree else Prepared(text)


@lru_cache(maxsize=512)
def select_open(starts: int) -> str:
    return OPEN_ALERTS.format(starts=marks(starts))


# The flips


# One statement opens an alert for the first time and again: an identity is one row for ever.
OPEN = """
INSERT INTO budget_alert (user_id, threshold_id, revision, period_start, subject, level, kind,
period_end, measure, message, search, status, opened_at, episodes, late, active_until, then_at,
then_total, then_limit, transaction_id)
VALUES {rows}
ON CONFLICT (user_id, threshold_id, revision, period_start, subject, level) DO UPDATE
SET status = 'open', opened_at = excluded.opened_at, resolved_at = NULL, acknowledged_at = NULL,
episodes = budget_alert.episodes + 1, late = excluded.late, active_until = excluded.active_until,
then_at = excluded.then_at, then_total = excluded.then_total, then_limit = excluded.then_limit,
transaction_id = excluded.transaction_id
RETURNING threshold_id, revision, period_start, subject, level, id, episodes
"""
OPEN_ROW = f"({marks(9)}, '', '', 'open', %s, 1, {marks(6)})"

# A delete of a threshold may resolve very many alerts; an UPDATE by the ORM, which compares each id
# once for each column, takes many times as long.
RESOLVE = """
WITH new (id, total, lim, at) AS (VALUES {rows})
UPDATE budget_alert SET status = 'resolved', resolved_at = new.at, then_at = new.at,
then_total = new.total, then_limit = new.lim
FROM new WHERE budget_alert.id = new.id
"""
RESOLVE_ROW = ("bigint", "bigint", "bigint", "timestamptz")

EVENTS = """
INSERT INTO budget_alertevent
(user_id, seq, alert_id, kind, cause, at, total, "limit", transaction_id) VALUES {rows}
"""

# Wakes who delivers. Only for users with an endpoint: PostgreSQL lets commits that notify wait for
# each other.
CHANNEL = "budget_event"
NOTIFY = (
    "SELECT pg_notify('budget_event', CAST(user_id AS text)) FROM budget_endpoint"
    " WHERE {users} AND state = 'on'"
)
NOTIFY_ONE = Prepared(NOTIFY.format(users="user_id = %s"))

SAVE_LEDGERS = """
WITH new (user_id, as_of, event_seq) AS (VALUES {rows})
UPDATE budget_ledger SET as_of = new.as_of, event_seq = new.event_seq
FROM new WHERE budget_ledger.user_id = new.user_id
"""
SAVE_ROW = ("bigint", "date", "bigint")


def store_flips(flips: Sequence[tuple[LedgerState, Flip]], ledgers: Sequence[LedgerState]) -> None:
    """Write flips in this order: the alerts, then an event each, and the state of the ledgers.

    Sets the id of each alert, and whether it is new. Events are numbered on from the ledger's.
    """
    opening = [(ledger, flip) for ledger, flip in flips if flip.opens]
    for part in batches(opening):
        # A threshold is one user's, so its identities need no user here. Days as text: SQLite has
        # nothing else.
        by_key = {tuple(map(str, flip.key)): flip for _, flip in part}
        for *key, pk, episodes in run([open_step(part)]):
            flip = by_key[tuple(map(str, key))]
            flip.alert_id, flip.new = pk, episodes == 1
    resolving = [(ledger, flip) for ledger, flip in flips if not flip.opens]
    steps = [resolve_step(part) for part in batches(resolving)]
    steps += [event_step(part) for part in batches(flips)]
    if flips:
        steps += notify_steps({ledger.user_id for ledger, _ in flips})
    save_ledgers(ledgers, steps)


T = TypeVar("T")


def batches(rows: Sequence[T]) -> list[Sequence[T]]:
    return [rows[at : at + BATCH] for at in range(0, len(rows), BATCH)]


def save_ledgers(ledgers: Sequence[LedgerState], steps: Sequence[Step] = ()) -> None:
    """Store the day and the event number of ledgers that are locked; steps: run before it."""
    steps = [*steps, *map(save_step, batches(ledgers))]
    if steps:
        run(steps)
    for ledger in ledgers:
        ledger.stored = ledger.as_of


def open_step(flips: Sequence[tuple[LedgerState, Flip]]) -> Step:
    params = []
    for ledger, flip in flips:
        now = instant(ledger)
        params += [
            ledger.user_id,
            *flip.key,
            AlertKind.FORECAST if flip.level == FORECAST_LEVEL else AlertKind.THRESHOLD,
            ROLLING_END if flip.key[2] == ROLLING_START else flip.span.end,
            flip.rule.terms[0].measure,
            now,
            flip.late,
            flip.until,
            now,
            flip.total if flip.then is None else flip.then,
            flip.limit,
            flip.tip,
        ]
    return opens(len(flips)), params


def resolve_step(flips: Sequence[tuple[LedgerState, Flip]]) -> Step:
    params: list[Any] = []
    for ledger, flip in flips:
        params += [flip.alert_id, flip.total, flip.limit, instant(ledger)]
    return resolves(len(flips)), params


def event_step(flips: Sequence[tuple[LedgerState, Flip]]) -> Step:
    params = []
    for ledger, flip in flips:
        ledger.event_seq += 1
        params += [
            ledger.user_id,
            ledger.event_seq,
            flip.alert_id,
            EventKind.OPENED if flip.opens else EventKind.RESOLVED,
            flip.cause,
            instant(ledger),
            flip.total if flip.then is None else flip.then,
            flip.limit,
            flip.tip,
        ]
    return events(len(flips)), params


def notify_steps(users: Collection[int]) -> list[Step]:
    """Wake the deliverers of users with new events, once this commits; SQLite cannot."""
    if connection.vendor != "postgresql":
        return []
    if len(users) == 1:
        return [(NOTIFY_ONE, [*users])]
    return [(NOTIFY.format(users=f"user_id IN ({ids_of(users)})"), [])]


def save_step(ledgers: Sequence[LedgerState]) -> Step:
    params: list[Any] = []
    for ledger in ledgers:
        params += [ledger.user_id, ledger.as_of, ledger.event_seq]
    return saves(len(ledgers)), params


def instant(ledger: LedgerState) -> Any:
    """The instant of everything that a commit stores, as the database takes it."""
    return connection.ops.adapt_datetimefield_value(ledger.now)


@lru_cache(maxsize=64)
def opens(count: int) -> str:
    return OPEN.format(rows=", ".join([OPEN_ROW] * count))


@lru_cache(maxsize=64)
def resolves(count: int) -> str:
    return RESOLVE.format(rows=rows_of_marks(RESOLVE_ROW, count))


@lru_cache(maxsize=64)
def events(count: int) -> str:
    text = EVENTS.format(rows=", ".join([f"({marks(9)})"] * count))
    # Most writes with a flip have one, and one ledger.
    return Prepared(text) if count == 1 else text


@lru_cache(maxsize=64)
def saves(count: int) -> str:
    text = SAVE_LEDGERS.format(rows=rows_of_marks(SAVE_ROW, count))
    return Prepared(text) if count == 1 else text


# Many users at once, and many periods


# The sums of many users' keys, each by its number; users are few enough to name here.
SUMS_OF_MANY = """
WITH win (number, user_id, grain, category, what, lo, hi) AS (VALUES {keys}){tree}
SELECT win.number, COALESCE((
  SELECT SUM({sum})
  FROM budget_rollup r JOIN budget_transactiontype y ON y.id = r.type_id
  WHERE r.user_id = win.user_id AND r.grain = win.grain
  AND r.bucket >= win.lo AND r.bucket < win.hi
  AND (win.category = 0 OR r.category_id = win.category{under})
), 0) FROM win"""

# What each day of some users has come to, in a range of days of each.
DAYS_OF_MANY = """
WITH win (user_id, lo, hi) AS (VALUES {rows})
SELECT r.user_id, r.bucket, r.category_id, r.type_id, r.amount, r.count
FROM win JOIN budget_rollup r ON r.user_id = win.user_id AND r.grain = 'D'
AND r.bucket >= win.lo AND r.bucket < win.hi
"""
WINDOW_ROW = ("integer", "date", "date")
# The transactions of some days of some users.
ROWS_OF_DAYS = """
WITH day (user_id, date) AS (VALUES {rows})
SELECT t.user_id, t.date, t.id, t.category_id, t.type_id, t.amount
FROM day JOIN budget_transaction t ON t.user_id = day.user_id AND t.date = day.date ORDER BY t.id
"""
DAY_ROW = ("integer", "date")
NAME_TIPS = """
WITH found (pk, tip) AS (VALUES {rows})
UPDATE budget_alert SET transaction_id = found.tip FROM found WHERE budget_alert.id = found.pk
"""
TIP_ROW = ("bigint", "bigint")

# The thresholds in force of some users, as engine/rules.py reads them.
THRESHOLDS = """
SELECT t.id, t.user_id, t.revision, t.type, t.days, t.category_id, t.measure, t.match, t.operator,
t.amount, t.levels, t.starts_on, t.rollover, t.rollover_cap, t.rollover_from, t.forecast, t.balances
FROM budget_threshold t{day}
WHERE t.user_id IN ({users}) AND t.enabled AND t.deleted_at IS NULL{among} ORDER BY t.id
"""
# Those that a day may matter to: of the rolling ones, whose window a row leaves or comes into.
OF_DAY = """ AND (
  t.forecast OR t.starts_on IS NOT NULL OR t.type = 'rolling' AND (
    EXISTS (
      SELECT 1 FROM budget_rollup r WHERE r.user_id = t.user_id AND r.grain = 'D'
      AND r.bucket > {left} AND r.bucket <= {leaves}
    ) OR EXISTS (
      SELECT 1 FROM budget_rollup r WHERE r.user_id = t.user_id AND r.grain = 'D'
      AND r.bucket > l.as_of AND r.bucket <= {today}
    )
  )
)"""

# Reads the partial index budget_alert_open.
OPEN_OF_MANY = """
SELECT user_id, id, threshold_id, revision, period_start, subject, level FROM budget_alert
WHERE user_id IN ({users}) AND status = 'open' AND kind <> 'custom' AND period_start IN ({starts})
"""

# The first ledgers of a zone that are behind, with their versions.
BEHIND = """
SELECT user_id, version FROM budget_ledger
WHERE time_zone = %s AND as_of < %s AND user_id > %s ORDER BY user_id LIMIT %s
"""
# Those of some users that are behind and that nobody else is writing to, as they will be.
LOCK_BEHIND = """
SELECT {columns} FROM budget_ledger
WHERE user_id IN ({users}) AND time_zone = %s AND as_of < %s ORDER BY user_id{skip}
"""
MOVE = "UPDATE budget_ledger SET version = version + 1, as_of = %s WHERE user_id IN ({users})"
# Leaves out those that are being written to, and those that were since they were looked at.
MOVE_UNCHANGED = """
WITH seen (pk, seen_version) AS (VALUES {seen}), free AS MATERIALIZED (
  SELECT user_id FROM budget_ledger WHERE user_id IN ({users}) ORDER BY user_id{skip}
)
UPDATE budget_ledger SET version = version + 1, as_of = %s FROM seen
WHERE user_id = pk AND version = seen_version AND user_id IN (SELECT user_id FROM free)
RETURNING user_id
"""

# Spending and income of any spans, each made of rows of one grain, by category or type.
SUMMARY = """
WITH win (number, grain, lo, hi) AS (VALUES {windows})
SELECT win.number, {name}, COALESCE(SUM({spending}), 0), COALESCE(SUM({income}), 0), SUM(r.count)
FROM win JOIN budget_rollup r ON r.grain = win.grain AND r.bucket >= win.lo AND r.bucket < win.hi
JOIN budget_transactiontype y ON y.id = r.type_id{join}
WHERE r.user_id = %s GROUP BY win.number, {name}
"""
# What names a group, and what that takes.
GROUPS = {
    "category": ("c.name", " JOIN budget_category c ON c.id = r.category_id"),
    "type": ("y.slug", ""),
}


# The number, user, grain, category (0: all), measure by WHAT, first day and day after of a sum.
Summed = tuple[int, int, str, int, int, date, date]


def sums_of_many(rows: Sequence[Summed], tree: str = "") -> str:
    """tree: pairs of ids as text. The rows are written out: so many parameters take long."""
    kind = "DATE " if connection.vendor == "postgresql" else ""
    keys = (
        f"({number}, {user_id}, '{grain}', {category}, {what}, {kind}'{first}', {kind}'{end}')"
        for number, user_id, grain, category, what, first, end in rows
    )
    return SUMS_OF_MANY.format(
        keys=", ".join(keys),
        tree=TREE.format(rows=tree) if tree else "",
        sum=any_measure(effect_is),
        under=UNDER if tree else "",
    )


def days_of_many(windows: Sequence[tuple[int, date, date]]) -> Iterator[tuple[Any, ...]]:
    """Day, category, type, amount and count of rollups; windows: user, first day and day after."""
    return each_batch(DAYS_OF_MANY, WINDOW_ROW, windows)


def rows_of_days(days: Sequence[tuple[int, date]]) -> Iterator[tuple[Any, ...]]:
    """User, day, id, category, type and amount of the transactions of days, by id in each."""
    return each_batch(ROWS_OF_DAYS, DAY_ROW, days)


def name_tips(tips: Sequence[tuple[int, int | None]]) -> None:
    """Name in each alert the transaction that tips it, or none."""
    list(each_batch(NAME_TIPS, TIP_ROW, tips))


def each_batch(
    statement: str, types: Sequence[str], rows: Sequence[tuple[Any, ...]]
) -> Iterator[tuple[Any, ...]]:
    """Run a statement for some rows at a time."""
    for part in batches(rows):
        text = statement.format(rows=rows_of_marks(types, len(part)))
        yield from run([(text, [value for row in part for value in row])])


def behind(zone: str, today: date, after: int, count: int) -> dict[int, int]:
    """The versions of the first ledgers of a zone that are behind, ascending by user, from a user
    on."""
    return dict(run([(BEHIND, [zone, today, after, count])]))


def lock_behind(users: Iterable[int], zone: str, today: date) -> list[LedgerState]:
    """Lock the ledgers of some users, ascending, that are in a zone and behind.

    Without waiting: a writer that holds a ledger brings its day up to date itself. As they are, but
    for the version, which move_ledgers() counts.
    """
    columns = ("version + 1" if name == "version" else name for name in STATE)
    statement = LOCK_BEHIND.format(
        columns=", ".join(columns), users=ids_of(users), skip=skip_locked()
    )
    return [LedgerState.from_row(row) for row in run([(statement, [zone, today])])]


def move_unchanged(seen: Mapping[int, int], today: date) -> set[int]:
    """Bring the ledgers that still have the version they were seen at to a day; whose."""
    if not seen:
        return set()
    statement = MOVE_UNCHANGED.format(
        seen=rows_of_text(seen.items()), users=ids_of(seen), skip=skip_locked()
    )
    return {user_id for (user_id,) in run([(statement, [today])])}


def move_ledgers(ledgers: Sequence[LedgerState], today: date) -> None:
    """Bring locked ledgers to a day, and count their version."""
    run([(MOVE.format(users=ids_of(ledger.user_id for ledger in ledgers)), [today])])
    for ledger in ledgers:
        ledger.as_of = ledger.stored = today


def open_of_many(users: Iterable[int], starts: Collection[date]) -> list[tuple[int, int, Identity]]:
    """User, id and identity of the open alerts of some users in periods with these first days."""
    statement = OPEN_OF_MANY.format(users=ids_of(users), starts=marks(len(starts)))
    return [
        (user_id, pk, (threshold_id, revision, as_date(start), subject, level))
        for user_id, pk, threshold_id, revision, start, subject, level in run(
            [(statement, list(starts))]
        )
    ]


def thresholds_of(users: Collection[int]) -> str:
    return THRESHOLDS.format(users=ids_of(users) or "NULL", day="", among="")


def thresholds_of_day(users: Collection[int], today: date) -> str:
    """The ledgers are still at the day before."""
    day = f"DATE '{today}'" if connection.vendor == "postgresql" else f"'{today}'"
    among = OF_DAY.format(
        today=day, left=days_before("l.as_of", "t.days"), leaves=days_before(day, "t.days")
    )
    join = " JOIN budget_ledger l ON l.user_id = t.user_id"
    return THRESHOLDS.format(users=ids_of(users) or "NULL", day=join, among=among)


def skip_locked() -> str:
    """Lock rows, but none that is locked already."""
    return " FOR NO KEY UPDATE SKIP LOCKED" if connection.vendor == "postgresql" else ""


@lru_cache(maxsize=512)
def summary(windows: int, group: str) -> str:
    """group: category or type."""
    name, join = GROUPS[group]
    return SUMMARY.format(
        windows=rows_of_marks(("integer", "text", "date", "date"), windows),
        name=name,
        join=join,
        spending=signed(Measure.SPENDING, effect_is),
        income=signed(Measure.INCOME, effect_is),
    )


# The self-audit: each statement gives the users, among some, with rows that do not follow from
# others. What must be there counts 1 and what is there -1, so that what agrees comes to nothing.


WRONG_DAYS = """
SELECT DISTINCT user_id FROM (
  SELECT user_id, date AS bucket, category_id, type_id, amount, 1 AS count
  FROM budget_transaction WHERE user_id IN ({users})
  UNION ALL
  SELECT user_id, bucket, category_id, type_id, -amount, -CAST(count AS integer)
  FROM budget_rollup WHERE user_id IN ({users}) AND grain = 'D'
) AS both_sides
GROUP BY user_id, bucket, category_id, type_id HAVING SUM(amount) <> 0 OR SUM(count) <> 0
"""
WRONG_MONTHS = """
SELECT DISTINCT user_id FROM (
  SELECT r.user_id, {month} AS bucket, r.category_id, r.type_id, r.amount,
  CAST(r.count AS integer) AS count
  FROM budget_rollup r JOIN budget_ledger l ON l.user_id = r.user_id
  WHERE r.user_id IN ({users}) AND r.grain = 'D'
  UNION ALL
  SELECT user_id, bucket, category_id, type_id, -amount, -CAST(count AS integer)
  FROM budget_rollup WHERE user_id IN ({users}) AND grain = 'M'
) AS both_sides
GROUP BY user_id, bucket, category_id, type_id HAVING SUM(amount) <> 0 OR SUM(count) <> 0
"""
# The last flip event of each alert is its status, and its episodes are its openings.
WRONG_EVENTS = """
SELECT a.user_id FROM budget_alert a LEFT JOIN (
  SELECT user_id, alert_id, MAX(CASE kind WHEN 'opened' THEN seq ELSE 0 END) AS opened,
  MAX(CASE kind WHEN 'resolved' THEN seq ELSE 0 END) AS resolved,
  SUM(CASE kind WHEN 'opened' THEN 1 ELSE 0 END) AS openings
  FROM budget_alertevent WHERE user_id IN ({users}) AND kind IN ('opened', 'resolved')
  GROUP BY user_id, alert_id
) AS e ON e.alert_id = a.id AND e.user_id = a.user_id
WHERE a.user_id IN ({users}) AND (
  e.alert_id IS NULL OR (e.opened > e.resolved) <> (a.status = 'open')
  OR a.episodes <> CASE e.openings WHEN 0 THEN 1 ELSE e.openings END
)
UNION
SELECT l.user_id FROM budget_ledger l WHERE l.user_id IN ({users}) AND l.event_seq < (
  SELECT MAX(e.seq) FROM budget_alertevent e WHERE e.user_id = l.user_id
)
"""
# Each open alert that names a transaction names one that counts in its period for any term.
WRONG_TIPS = """
WITH term (threshold_id, days, category, what) AS MATERIALIZED (VALUES {terms})
SELECT DISTINCT a.user_id
FROM budget_alert a JOIN budget_ledger l ON l.user_id = a.user_id
LEFT JOIN budget_transaction t ON t.id = a.transaction_id AND t.user_id = a.user_id
AND t.user_id IN ({users})
LEFT JOIN budget_transactiontype y ON y.id = t.type_id
WHERE a.user_id IN ({users}) AND a.status = 'open' AND a.kind <> 'custom'
AND a.transaction_id IS NOT NULL AND NOT EXISTS (
  SELECT 1 FROM term WHERE term.threshold_id = a.threshold_id
  AND term.category IN (0, t.category_id) AND a.subject IN (0, t.id)
  AND CASE term.days WHEN 0 THEN t.date >= a.period_start AND t.date < a.period_end
  ELSE t.date <= l.as_of AND t.date > {first} END AND ({counts})
)
"""
# What each period with rows has come to, for each of some windows; a window of a category that
# others lie under has a row for each of them, and one of all has category 0. least: a total below
# it is left out. Rows are summed up once for all windows, and once more by category.
PERIODS = """
WITH kind (type_id, spending, income, number, net) AS MATERIALIZED (VALUES {kinds}),
win (number, user_id, months, week_start, category, what, least) AS MATERIALIZED (
  VALUES {windows}
), day AS MATERIALIZED ({days}), month AS MATERIALIZED ({months}), whole AS (
  {whole}
), own AS (
  {own_days} UNION ALL {own_months}
), sums AS (
  SELECT win.number, r.start, {measured} AS total
  FROM win JOIN whole r
  ON r.user_id = win.user_id AND r.months = win.months AND r.week_start = win.week_start
  WHERE win.category = 0 AND {measured} >= win.least
  UNION ALL
  SELECT number, start, CAST(SUM(amount) AS bigint) FROM (
    SELECT win.number, win.least, {measured} AS amount,
    CASE WHEN win.months > 1 THEN {long} WHEN win.week_start > 0 THEN {week} ELSE r.bucket END
    AS start
    FROM win JOIN own r ON r.user_id = win.user_id AND r.category_id = win.category
    AND r.grain = CASE win.months WHEN 0 THEN 'D' ELSE 'M' END
    WHERE win.category > 0
  ) AS amounts GROUP BY number, start HAVING SUM(amount) >= MAX(least)
)
"""
# A part of whole: as a day or month is, or several of them together.
ONE = "SELECT user_id, {months} AS months, 0 AS week_start, bucket AS start, {columns} FROM {table}"
SEVERAL = """SELECT r.user_id, {months}, {week_start}, {start}, {sums} FROM {table} r
  WHERE r.user_id IN ({users}) GROUP BY 1, 4"""
# What each day or month of some users has come to; of some categories, each for itself.
TOTALS = """SELECT r.user_id, r.bucket, {totals}
  FROM budget_rollup r JOIN kind ON kind.type_id = r.type_id
  WHERE r.user_id IN ({users}) AND r.grain = '{grain}' AND r.count > 0 GROUP BY 1, 2"""
OWN_TOTALS = """SELECT r.user_id, r.category_id, r.grain, r.bucket, {totals}
  FROM budget_rollup r JOIN kind ON kind.type_id = r.type_id
  WHERE r.user_id IN ({users}) AND r.grain = '{grain}' AND r.count > 0
  AND r.category_id IN ({categories}) GROUP BY 1, 2, 3, 4"""
PERIOD_SUMS = "{periods} SELECT number, start, total FROM sums"
# The open alerts are the levels that are reached, in their periods; threshold by threshold.
WRONG_ALERTS = """{periods},
level (threshold_id, user_id, revision, percent, lo, hi, week_start, months) AS MATERIALIZED (
  VALUES {levels}
), single (threshold_id, user_id, revision, percent, lo, hi, category, type_id) AS MATERIALIZED (
  VALUES {singles}
)
SELECT DISTINCT user_id FROM (
  SELECT level.user_id, level.threshold_id, level.revision, level.percent, 0 AS subject,
  sums.start, {end} AS until, 1 AS number
  FROM sums JOIN level ON level.threshold_id = sums.number
  AND sums.total >= level.lo AND sums.total <= level.hi
  UNION ALL
  SELECT single.user_id, single.threshold_id, single.revision, single.percent, t.id, t.date,
  {tomorrow}, 1
  FROM single JOIN budget_transaction t
  ON t.user_id = single.user_id AND t.amount >= single.lo AND t.amount <= single.hi
  AND t.type_id = single.type_id AND t.user_id IN ({users}) AND t.amount >= {least}
  WHERE single.category IN (0, t.category_id)
  UNION ALL
  SELECT user_id, threshold_id, revision, level, subject, period_start,
  CASE WHEN period_end = active_until THEN period_end END, -1
  FROM budget_alert WHERE user_id IN ({users}) AND status = 'open' AND kind <> 'custom'
  AND threshold_id NOT IN ({apart})
) AS both_sides
GROUP BY user_id, threshold_id, revision, percent, subject, start, until HAVING SUM(number) <> 0
"""

# Leaves out the ledgers that are being written to, so that no write waits long for it.
NOTE_CHECKED = """
WITH seen (pk, version) AS (VALUES {seen}), free AS MATERIALIZED (
  SELECT user_id FROM budget_ledger WHERE user_id IN ({users}) ORDER BY user_id{skip}
)
UPDATE budget_ledger SET checked_at = %s, checked_version = seen.version FROM seen
WHERE user_id = seen.pk AND user_id IN (SELECT user_id FROM free) RETURNING user_id
"""

# The sum of each measure over rows of some days or months and kinds.
TOTAL = [
    f"CAST(SUM({column}) AS bigint)"
    for column in (
        "r.amount * kind.spending",
        "r.amount * kind.income",
        "r.count * kind.number",
        "r.amount * kind.net",
    )
]
# Which sum a window is of; net has one here.
SIGNED_WHAT: dict[str, int] = {**WHAT, Measure.NET: len(WHAT)}


def note_checked(versions: Mapping[int, int], now: datetime) -> set[int]:
    """Note at which version each ledger was found in order; gives whose, without those in use."""
    statement = NOTE_CHECKED.format(
        seen=rows_of_text(versions.items()), users=ids_of(versions), skip=skip_locked()
    )
    at = connection.ops.adapt_datetimefield_value(now)
    return {user_id for (user_id,) in run([(statement, [at])])}


# What comes before and after a statement that joins what comes of VALUES to what is summed up here:
# taken for one row, the planner would go through all of it for each of the other.
HASH_ONLY, HASH_AND_LOOP = "SET LOCAL enable_nestloop = off", "SET LOCAL enable_nestloop = on"
# Of a transaction whose statements go through the rows of many users. What comes of VALUES is taken
# for more than it is, so that compiling and second processes would cost more than they save.
SETTINGS = (
    "work_mem = '64MB'",
    "jit = off",
    "max_parallel_workers_per_gather = 0",
)


def for_sets() -> list[Step]:
    """What comes first in a transaction that compares whole sets, so that it does so in memory."""
    settings = SETTINGS if connection.vendor == "postgresql" else ()
    return [(f"SET LOCAL {setting}", []) for setting in settings]


def run_hashed(statement: str) -> list[tuple[Any, ...]]:
    """Run a statement of such a transaction that joins only by hashes."""
    if connection.vendor != "postgresql":
        return run([(statement, [])])
    rows = run([(HASH_ONLY, []), (statement, [])])
    run([(HASH_AND_LOOP, [])])
    return rows


def wrong_days(users: Collection[int]) -> str:
    return WRONG_DAYS.format(users=ids_of(users))


def wrong_months(users: Collection[int]) -> str:
    shifted = days_before("r.bucket", "l.month_start - 1")
    return WRONG_MONTHS.format(users=ids_of(users), month=month_starting(shifted, "l.month_start"))


def wrong_events(users: Collection[int]) -> str:
    return WRONG_EVENTS.format(users=ids_of(users))


def wrong_tips(users: Collection[int], terms: Iterable[tuple[int, int, int, int]]) -> str:
    """terms: of every threshold in force, its id, the days of a rolling one, category and what."""
    whats = SIGNED_WHAT.items()
    counted = {what: ", ".join(f"'{effect}'" for effect in SIGNS[name]) for name, what in whats}
    return WRONG_TIPS.format(
        users=ids_of(users),
        terms=rows_of_text([(0, 0, 0, 0), *terms]),
        first=days_before("l.as_of", "term.days"),
        counts=" OR ".join(
            f"term.what = {what} AND y.effect IN ({effects})" for what, effects in counted.items()
        ),
    )


# The number, user, months, week start, category, what and least total of a window.
Window = tuple[int, int, int, int, int, int, int]


Rows = Iterable[tuple[int | str | None, ...]]


def period_sums(kinds: Rows, windows: Sequence[Window]) -> str:
    """The number of each window, and the first day and total of each of its periods with rows."""
    return PERIOD_SUMS.format(periods=periods(kinds, windows))


def wrong_alerts(
    users: Collection[int],
    kinds: Rows,
    windows: Sequence[Window],
    levels: Rows,
    singles: Sequence[tuple[int, ...]],
    apart: Iterable[int],
) -> str:
    """Windows are numbered by threshold. kinds: what each type adds to each measure.

    apart: the thresholds whose alerts are not looked at.
    """
    return WRONG_ALERTS.format(
        periods=periods(kinds, windows),
        users=ids_of(users),
        levels=rows_of_text([(0,) * 8, *levels]),
        singles=rows_of_text([(0,) * 8, *singles]),
        apart=ids_of([0, *apart]),
        # By an index, of which the planner would not think for each of them.
        least=min((one[4] for one in singles), default=0),
        end=f"CASE WHEN level.months > 0 THEN {months_later('sums.start', 'level.months')} "
        f"WHEN level.week_start > 0 THEN {days_later('sums.start', '7')} "
        f"ELSE {days_later('sums.start', '1')} END",
        tomorrow=days_later("t.date", "1"),
    )


def periods(kinds: Rows, windows: Sequence[Window]) -> str:
    """The start of a statement that knows what the periods of some windows have come to."""
    summed = sorted({what for *_, what, _ in windows} | {0})
    columns = [f"total_{what}" for what in summed]
    totals = ", ".join(f"{TOTAL[what]} AS total_{what}" for what in summed)
    measured = " ".join(f"WHEN {what} THEN r.total_{what}" for what in summed)
    return PERIODS.format(
        windows=rows_of_text([(0,) * 7, *windows]),
        kinds=rows_of_text([(0,) * 5, *kinds]),
        days=totals_of(Grain.DAY, totals, windows),
        months=totals_of(Grain.MONTH, totals, windows),
        own_days=totals_of(Grain.DAY, totals, windows, by_category=True),
        own_months=totals_of(Grain.MONTH, totals, windows, by_category=True),
        whole=" UNION ALL ".join(whole(columns, windows)),
        measured=f"CASE win.what {measured} END",
        week=week_with("r.bucket", "win.week_start"),
        long=months_with("r.bucket", "win.months"),
    )


def whole(columns: Sequence[str], windows: Sequence[Window]) -> Iterator[str]:
    """The periods of windows that count all categories, as selections from day and month."""
    for months, table in ((0, "day"), (1, "month")):
        yield ONE.format(months=months, columns=", ".join(columns), table=table)
    several: dict[tuple[int, int], set[int]] = defaultdict(set)
    for _, user_id, months, week_start, category, *_ in windows:
        if not category and (months > 1 or week_start):
            several[months, week_start].add(user_id)
    sums = ", ".join(f"CAST(SUM({column}) AS bigint)" for column in columns)
    for (months, week_start), users in several.items():
        start = months_with("r.bucket", str(months)) if months else ""
        yield SEVERAL.format(
            months=months,
            week_start=week_start,
            start=start or week_with("r.bucket", str(week_start)),
            sums=sums,
            table="month" if months else "day",
            users=ids_of(users),
        )


def week_with(day: str, week_start: str) -> str:
    """The first day of the week that holds a day."""
    return days_before(day, rest_of(f"({days_since(day, FIRST_MONDAY)} + 8 - {week_start})", "7"))


def months_with(month: str, months: str) -> str:
    """The first day of so many months together that hold a month, of which the first is given."""
    return months_later(month, f"-({rest_of(f'({month_number(month)} - 1)', months)})")


def totals_of(
    grain: Grain, totals: str, windows: Sequence[Window], *, by_category: bool = False
) -> str:
    """The totals of the users, and categories, that a window of a grain asks for."""
    asked = [
        (user_id, category)
        for _, user_id, months, _, category, *_ in windows
        if (category > 0) == by_category and (months > 0) == (grain == Grain.MONTH)
    ]
    statement = OWN_TOTALS if by_category else TOTALS
    return statement.format(
        totals=totals,
        users=ids_of({user_id for user_id, _ in asked}) or "NULL",
        categories=ids_of({category for _, category in asked}) or "NULL",
        grain=grain.value,
    )


def ids_of(users: Iterable[int]) -> str:
    return ", ".join(map(str, users))


def rows_of_text(rows: Rows) -> str:
    """Rows of numbers and of words of this code, for VALUES."""
    return ", ".join(map(repr, rows)).replace("None", "NULL")


# Days and months in SQL, as judge/periods.py has them in Python.
FIRST_MONDAY = "1900-01-01"


def rest_of(number: str, by: str) -> str:
    """The rest of a division; the sign for it would be taken for a placeholder."""
    return f"{number} - {number} / {by} * {by}"


def day_text(day: date) -> str:
    return f"DATE '{day}'" if connection.vendor == "postgresql" else f"'{day}'"


def each_of(column: str) -> str:
    """The values of a JSON array, as e.value."""
    if connection.vendor == "postgresql":
        return f"jsonb_array_elements_text({column}) AS e (value)"
    return f"json_each({column}) AS e"


def days_later(day: str, days: str) -> str:
    if connection.vendor == "postgresql":
        return f"({day} + ({days}))"
    return f"date({day}, ({days}) || ' days')"


def days_before(day: str, days: str) -> str:
    return days_later(day, f"-({days})")


def months_later(day: str, months: str) -> str:
    if connection.vendor == "postgresql":
        return f"CAST({day} + make_interval(months => {months}) AS date)"
    return f"date({day}, ({months}) || ' months')"


def month_number(day: str) -> str:
    if connection.vendor == "postgresql":
        return f"CAST(date_part('month', {day}) AS integer)"
    return f"CAST(substr({day}, 6, 2) AS integer)"


def days_since(day: str, first: str) -> str:
    if connection.vendor == "postgresql":
        return f"({day} - DATE '{first}')"
    return f"CAST(julianday({day}) - julianday('{first}') AS integer)"


def month_starting(day: str, first: str) -> str:
    """The day `first` of the calendar month of a day."""
    if connection.vendor == "postgresql":
        return f"({day} - CAST(date_part('day', {day}) AS integer) + {first})"
    return f"date({day}, 'start of month', ({first} - 1) || ' days')"
