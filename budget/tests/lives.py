"""Random lives of two users: what they may do, in any order, compared after every step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, TypeVar

from django.db import transaction
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from budget.tests.compare import money
from budget.tests.oracle import Book
from budget.tests.oracle_rules import ONE_DAY, Limit, Settings, Span, Term
from budget.tests.play import Play

T = TypeVar("T")

# A late evening, so that time zones disagree on the date; the next day is a leap day.
START = datetime(2024, 2, 28, 22, 30, tzinfo=UTC)
STARTS = [
    START,
    # Samoa has no 30 December 2011, and Kwajalein no 21 August 1993 by the present tables.
    datetime(2011, 12, 30, 8, 30, tzinfo=UTC),
    datetime(1993, 8, 21, 10, 30, tzinfo=UTC),
    # An hour before the clocks of Berlin are put on.
    datetime(2024, 3, 31, 0, 30, tzinfo=UTC),
]
ZONES = [
    "UTC",
    "Pacific/Kiritimati",
    "Pacific/Pago_Pago",
    "America/New_York",
    "Europe/Berlin",
    "Pacific/Apia",
    "Pacific/Kwajalein",
]
KINDS = ["monthly", "daily", "weekly", "quarterly", "yearly", "transaction", "rolling"]
LONG_KINDS = ("weekly", "monthly", "quarterly", "yearly")
EFFECTS = ["spending", "refund", "income", "none"]
AT_ONCE = {"gte": "gte", "gt": "gt", "lte": "gte", "lt": "gt", "eq": "gte"}
# No more days than this may lie between `starts_on` and today when a daily threshold is saved.
MOST_DAYS = 390
FIRST_OF_ALL, LAST_OF_ALL = date(1900, 1, 1), date(2199, 12, 31)


def days_around(start: date) -> list[date]:
    """Few days, so that rows meet in one period, each beside a boundary of some kind of period."""
    month, year = start.replace(day=1), start.replace(month=1, day=1)
    after = (month + timedelta(days=32)).replace(day=1)
    far = (after + timedelta(days=32)).replace(day=1)
    near = [start + timedelta(days=by) for by in (1, 0, 2, -1, -2, -3, -14, -13, -28)]
    edges = [month, after, far, year, year.replace(year=start.year + 1)]
    before = [edge - ONE_DAY for edge in edges]
    # So far back that a chain of weeks from there has several blocks, one of them without rows.
    back = [start - timedelta(weeks=weeks) for weeks in (25, 80)]
    return [*near, *edges, *before, *back, FIRST_OF_ALL, LAST_OF_ALL]


numbers = st.integers(0, 1_000)
amounts = st.one_of(
    st.sampled_from([1, 99, 100, 101, 799, 800, 801, 999, 1000, 1001, 2666, 2667, 3333, 8000]),
    st.integers(1, 20_000),
)
limit_amounts = st.sampled_from([0, 1, 100, 1000, 3333, 10_000])
levels = st.sampled_from([(80, 100), (100,), (1,), (50, 80, 100, 150), (33, 66, 99), (1000,)])
# What is asked most of is what most is spent by.
measures = st.sampled_from(["spending", "spending", "income", "net", "count"])
operators = st.sampled_from(["gte", "gt", "lte", "lt", "eq"])
terms = st.builds(Term, st.none() | numbers, measures, operators, limit_amounts)
fields = {
    "amount": limit_amounts,
    "type": st.sampled_from(KINDS),
    "category": st.none() | numbers,
    "operator": operators,
    "measure": measures,
    "levels": levels,
    "days": st.sampled_from([1, 2, 7, 30, 366]),
    "starts_on": st.none() | numbers,
    "conditions": st.just(()) | st.lists(terms, min_size=1, max_size=3).map(tuple),
    "match": st.sampled_from(["all", "any"]),
    "rollover": st.booleans(),
    "rollover_cap": st.sampled_from([None, 0, 500, 10_000]),
    "rollover_from": st.none() | numbers,
    "forecast": st.booleans(),
}
SIMPLE: dict[str, Any] = {"conditions": (), "category": None, "measure": "spending"}
CARRIES = {**SIMPLE, "operator": "gte", "amount": 10_000}
# Drawn field by field, the rarer kinds would hardly ever come together.
RECIPES: list[dict[str, Any]] = [
    {},
    {"conditions": ()},
    {**SIMPLE, "type": "rolling", "days": 2, "operator": "gte", "amount": 1000},
    {"type": "rolling", "days": 7},
    {"conditions": (), "operator": "lte", "starts_on": None},
    {**SIMPLE, "operator": "lt", "type": "daily", "amount": 1000},
    {"starts_on": 1, "type": "weekly"},
    {**CARRIES, "type": "monthly", "rollover": True, "forecast": False},
    {**CARRIES, "type": "weekly", "rollover": True, "forecast": True},
    {**CARRIES, "type": "monthly", "rollover": False, "forecast": True},
    # All that it has is what is carried to it.
    {**CARRIES, "type": "weekly", "rollover": True, "rollover_cap": None, "amount": 0},
]
thresholds = st.builds(
    lambda drawn, recipe: {**drawn, **recipe},
    st.fixed_dictionaries(fields),
    st.sampled_from(RECIPES),
)


def one_of(items: Sequence[T], number: int) -> T:
    """An item chosen by any number, so that a shorter list never makes a run invalid."""
    return items[number % len(items)]


def sane(limit: Limit) -> Limit:
    """The nearest threshold that the rules allow."""
    ends = limit.type not in ("rolling", "transaction")
    if limit.type == "transaction":
        measure = limit.measure if limit.measure in ("spending", "income") else "spending"
        limit = replace(limit, conditions=(), measure=measure)
    if not ends:
        conditions = [term._replace(operator=AT_ONCE[term.operator]) for term in limit.conditions]
        operator = AT_ONCE[limit.operator]
        limit = replace(limit, operator=operator, conditions=tuple(conditions))
    if limit.conditions:
        whole = tuple(term._replace(amount=whole_count(*term[1::2])) for term in limit.conditions)
        limit = replace(limit, conditions=whole, category=None, amount=None)
        limit = replace(limit, operator="gte", measure="spending")
    else:
        amount = whole_count(limit.measure, limit.amount or 0)
        limit = replace(limit, match="all", amount=amount)
    plain = not limit.conditions and not limit.closing and limit.measure == "spending"
    if not plain or limit.type not in LONG_KINDS:
        limit = replace(limit, rollover=False, forecast=False)
    if not limit.rollover:
        limit = replace(limit, rollover_cap=None, rollover_from=None)
    if limit.conditions or limit.closing:
        limit = replace(limit, levels=(100,))
    return replace(
        limit,
        days=(limit.days or 3) if limit.type == "rolling" else None,
        starts_on=limit.starts_on if limit.closing else None,
    )


def whole_count(measure: str, amount: int) -> int:
    """A count is a whole number."""
    return amount // 100 * 100 if measure == "count" else amount


class Life(RuleBasedStateMachine):
    """Everything two users do, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.savepoint = transaction.atomic()
        self.savepoint.__enter__()

    @initialize(
        start=st.sampled_from(STARTS),
        some=st.lists(thresholds, min_size=3, max_size=5),
        depth=st.integers(0, 3),
    )
    def begin(self, start: datetime, some: list[dict[str, Any]], depth: int) -> None:
        """Something to lose: open alerts, a refund that keeps one closed, any thresholds.

        depth: of the tree of categories that alice has.
        """
        self.play = Play(start)
        self.days = days_around(start.date())
        self.alice, self.charlie = self.play.users
        for user in self.play.users:
            food, home = self.play.new_category(user), self.play.owned[user][0]
            expense, refund = self.play.type_of(user, "spending"), self.play.type_of(user, "refund")
            self.play.new_limit(user, Limit(0, 1000, "monthly", home))
            self.play.new_limit(user, Limit(0, 1000, "transaction", home))
            self.play.create(user, self.days[0], home, expense, 1100)
            self.play.create(user, self.days[1], home, expense, 900)
            self.play.create(user, self.days[0], food, refund, 500)
        top = parent = self.play.owned[self.alice][-1]
        for _ in range(depth):
            child = self.play.new_category(self.alice)
            self.play.reparent(self.alice, child, parent)
            expense = self.play.type_of(self.alice, "spending")
            self.play.create(self.alice, self.days[0], child, expense, 700)
            parent = child
        if depth:
            self.play.new_limit(self.alice, Limit(0, 1000, "monthly", top))
        for each in some:
            self.play.new_limit(self.alice, self.limit(self.alice, Limit(0, 0, "daily"), each))

    def teardown(self) -> None:
        transaction.set_rollback(True)
        self.savepoint.__exit__(None, None, None)

    @invariant()
    def agrees(self) -> None:
        self.play.check()

    # Choices

    def user(self, number: int) -> int:
        """Mostly alice; charlie often enough for a leak to show."""
        return self.charlie if number % 4 == 3 else self.alice

    def category(self, user: int, number: int) -> int:
        return one_of(self.play.owned[user], number)

    def category_or_all(self, user: int, number: int | None) -> int | None:
        return None if number is None else self.category(user, number)

    def type(self, user: int, number: int) -> int:
        """Every other time an expense; else any type, a user's own ones included."""
        types = list(self.play.oracle.books[user].types)
        return self.play.type_of(user, "spending") if number % 2 else one_of(types, number // 2)

    def day(self, number: int) -> date:
        return one_of(self.days, number)

    def limit(self, user: int, old: Limit, changes: dict[str, Any]) -> Limit:
        """A threshold with some fields drawn again; numbers become what they stand for."""
        new = dict(changes)
        if "category" in new:
            new["category"] = self.category_or_all(user, new["category"])
        if "conditions" in new:
            new["conditions"] = tuple(
                term._replace(category=self.category_or_all(user, term.category))
                for term in new["conditions"]
            )
        for name in ("starts_on", "rollover_from"):
            if new.get(name) is not None:
                new[name] = self.day(new[name])
        limit = sane(replace(old, **new))
        anew = (old.type, old.starts_on) != (limit.type, limit.starts_on)
        return self.begun_lately(user, limit) if anew else limit

    def begun_lately(self, user: int, limit: Limit) -> Limit:
        """A threshold that does not begin so long ago that it may not be saved."""
        book = self.play.oracle.books[user]
        today = max(book.as_of, book.settings.today(self.play.oracle.now))
        if limit.starts_on and limit.starts_on < today - timedelta(days=MOST_DAYS):
            return replace(limit, starts_on=None)
        return limit

    def rows(self) -> list[tuple[int, int]]:
        books = self.play.oracle.books.items()
        return [(user, pk) for user, book in books for pk in book.rows]

    def limits(self) -> list[tuple[int, int]]:
        books = self.play.oracle.books.items()
        return [
            (user, pk)
            for user, book in books
            for pk, limit in book.limits.items()
            if not limit.deleted
        ]

    def limits_with(self, field: str) -> list[tuple[int, int]]:
        """Those of which a field is set."""
        books = self.play.oracle.books
        return [(user, pk) for user, pk in self.limits() if getattr(books[user].limits[pk], field)]

    def tipped(self) -> list[tuple[int, Any]]:
        """Open alerts that a row has tipped."""
        return [
            (user, key)
            for user, book in self.play.oracle.books.items()
            for key in sorted(book.open_alerts())
            if book.alerts[key].tip is not None
        ]

    def adds(self, book: Book, pk: int) -> bool:
        """Whether a row is spent, and no more than that."""
        return book.types[book.rows[pk].type] == "spending"

    def has_rows(self) -> bool:
        return bool(self.rows())

    def has_limits(self) -> bool:
        return bool(self.limits())

    def has_alerts(self) -> bool:
        return any(book.alerts for book in self.play.oracle.books.values())

    # Transactions

    @rule(who=numbers, day=numbers, category=numbers, type=numbers, amount=amounts)
    def spend(self, who: int, day: int, category: int, type: int, amount: int) -> None:
        user = self.user(who)
        into, of = self.category(user, category), self.type(user, type)
        self.play.create(user, self.day(day), into, of, amount)

    @precondition(has_limits)
    @rule(
        which=numbers,
        part=numbers,
        level=numbers,
        day=numbers,
        category=numbers,
        off=st.integers(-1, 1),
    )
    def hit(self, which: int, part: int, level: int, day: int, category: int, off: int) -> None:
        """Bring a total exactly to a level, or one cent beside it, by one row."""
        user, pk = one_of(self.limits(), which)
        book = self.play.oracle.books[user]
        limit = book.limits[pk]
        number = part % len(limit.terms)
        span = self.window(book, limit, day)
        gap = self.gap(book, limit, span, level, number)
        self.bring(user, limit.terms[number], span.first, gap + off, category)

    def gap(self, book: Book, limit: Limit, span: Span, level: int, number: int = 0) -> int:
        """How far the total of a term is from a level, by its number."""
        at = max(book.limit_at(limit, span.start) or 0, 0)
        now = replace(limit, amount=at)
        goal = now.trigger(one_of(now.levels_in_force(at), level))
        if limit.conditions:
            goal = limit.terms[number].amount
        if limit.type == "transaction":
            return goal
        return goal - book.totals(limit, book.present(limit, span))[number]

    def window(self, book: Book, limit: Limit, number: int) -> Span:
        """A window that is judged, or may be: of a day that many rows lie on, or just over."""
        if limit.type == "rolling":
            return book.rolling(limit.days or 0)
        over = book.span(limit, book.span(limit, book.as_of).start - ONE_DAY)
        return over if limit.closing and number % 2 else book.span(limit, self.day(number))

    def bring(self, user: int, term: Term, day: date, gap: int, category: int) -> None:
        """Save one row that brings a term's total that much further, where there is one.

        category: a number; of those that the term counts.
        """
        effects = {
            "spending": ("spending", "refund"),
            "income": ("income", None),
            "net": ("income", "spending"),
            "count": ("spending", None),
        }
        up, down = effects[term.measure]
        effect = up if gap > 0 else down
        if gap and effect:
            amount = 1 if term.measure == "count" else abs(gap)
            of = self.play.type_of(user, effect)
            book = self.play.oracle.books[user]
            within = [pk for pk in self.play.owned[user] if book.within(pk, term.category)]
            into = one_of(within, category)
            self.play.create(user, max(day, FIRST_OF_ALL), into, of, amount)

    @precondition(has_limits)
    @rule(
        which=numbers,
        later=st.integers(0, 3),
        amount=amounts,
        level=numbers,
        off=st.integers(-1, 1),
    )
    def carry_and_back(self, which: int, later: int, amount: int, level: int, off: int) -> None:
        """What is carried to a period goes up, its total to a level, and the one goes down again.

        later: how far along the chain. off: what is carried before and after, nothing or a cent
        beside.
        """
        books = self.play.oracle.books
        carrying = self.limits_with("rollover")
        if not carrying:
            return
        user, pk = one_of(carrying, which)
        book, limit = books[user], books[user].limits[pk]
        (term,) = limit.terms
        before = book.span(limit, limit.rollover_from or book.as_of)
        for _ in range(later):
            before = book.span(limit, before.end)
        span = book.span(limit, before.end)
        if before.start < FIRST_OF_ALL or span.start > LAST_OF_ALL:
            return
        carried = (book.limit_at(limit, span.start) or 0) - (limit.amount or 0)
        self.bring(user, term, before.start, carried + off, which)
        self.bring(user, term, before.start, -amount, which)
        back = max(book.rows)
        self.bring(user, term, span.first, self.gap(book, limit, span, level), which)
        self.play.delete(back)

    @precondition(has_limits)
    @rule(which=numbers, share=st.sampled_from([95, 100]), off=st.integers(-1, 1))
    def hit_forecast(self, which: int, share: int, off: int) -> None:
        """Bring what is projected to one of its two bounds, or one cent beside, by a row ahead."""
        ahead = self.limits_with("forecast")
        if not ahead:
            return
        user, pk = one_of(ahead, which)
        book = self.play.oracle.books[user]
        limit = book.limits[pk]
        span = book.span(limit, book.as_of)
        goal = -(-(book.limit_at(limit, span.start) or 0) * share // 100)
        gap = goal + off - book.projected(limit, span)
        if span.after > book.as_of + ONE_DAY:
            self.bring(user, limit.terms[0], span.after - ONE_DAY, gap, which)

    @precondition(has_rows)
    @rule(
        which=numbers,
        what=st.sets(st.sampled_from(["amount", "date", "category", "type"]), min_size=1),
        day=numbers,
        category=numbers,
        type=numbers,
        amount=amounts,
        partial=st.booleans(),
    )
    def edit(self, which: int, what: set[str], partial: bool, **numbers: int) -> None:
        user, pk = one_of(self.rows(), which)
        possible: dict[str, tuple[str, Any]] = {
            "amount": ("amount", money(numbers["amount"])),
            "date": ("date", self.day(numbers["day"])),
            "category": ("category_id", self.category(user, numbers["category"])),
            "type": ("type_id", self.type(user, numbers["type"])),
        }
        changes = dict(possible[name] for name in sorted(what))
        self.play.edit(user, pk, partial=partial, **changes)

    @precondition(has_rows)
    @rule(which=numbers, category=numbers, type=numbers)
    def give_away(self, which: int, category: int, type: int) -> None:
        user, pk = one_of(self.rows(), which)
        other = self.charlie if user == self.alice else self.alice
        self.play.edit(
            user,
            pk,
            user_id=other,
            category_id=self.category(other, category),
            type_id=self.type(other, type),
        )

    @rule(which=numbers)
    def save_stale(self, which: int) -> None:
        usable = self.play.usable_stale()
        if usable:
            self.play.save_stale(one_of(usable, which))

    @precondition(has_rows)
    @rule(which=numbers)
    def delete(self, which: int) -> None:
        self.play.delete(one_of(self.rows(), which)[1])

    @precondition(has_rows)
    @rule(which=st.sets(numbers, min_size=1, max_size=4), back=st.booleans())
    def delete_many(self, which: set[int], back: bool) -> None:
        """back: of what is taken off a total, so that alerts open by what goes."""
        books = self.play.oracle.books
        rows = self.rows()
        if back:
            kept = [(user, pk) for user, pk in rows if not self.adds(books[user], pk)]
            rows = kept or rows
        self.play.delete_many(sorted({one_of(rows, number)[1] for number in which}))

    @rule(
        who=numbers,
        entries=st.lists(st.tuples(numbers, numbers, numbers, amounts), min_size=1, max_size=6),
    )
    def bulk(self, who: int, entries: list[tuple[int, int, int, int]]) -> None:
        user = self.user(who)
        self.play.bulk(
            user,
            [
                (self.day(day), self.category(user, category), self.type(user, type), amount)
                for day, category, type, amount in entries
            ],
        )

    # Types and categories

    @rule(
        who=numbers,
        what=st.sampled_from(["new", "change", "delete"]),
        which=numbers,
        effect=st.sampled_from(EFFECTS),
    )
    def types(self, who: int, what: str, which: int, effect: str) -> None:
        user = self.user(who)
        newest_first = list(reversed(self.play.oracle.books[user].types))
        if what == "new":
            self.play.new_type(user, effect)
        elif what == "change":
            self.play.change_effect(user, one_of(newest_first, which), effect)
        else:
            self.play.delete_type(user, one_of(newest_first, which))

    @rule(who=numbers, what=st.sampled_from(["new", "rename", "delete"]), which=numbers)
    def categories(self, who: int, what: str, which: int) -> None:
        user = self.user(who)
        if what == "new":
            self.play.new_category(user)
        elif what == "rename":
            self.play.rename(user, self.category(user, which))
        else:
            self.play.delete_category(user, self.category(user, which))

    @rule(who=numbers, which=numbers, under=st.none() | numbers)
    def reparent(self, who: int, which: int, under: int | None) -> None:
        user = self.user(who)
        hung = [pk for pk, parent in self.play.oracle.books[user].parents.items() if parent]
        pk = one_of(hung, which) if hung and which % 2 else self.category(user, which)
        self.play.reparent(user, pk, self.category_or_all(user, under))

    @precondition(has_limits)
    @rule(which=numbers, child=numbers)
    def move_what_counts(self, which: int, child: int) -> None:
        """A category moves under that of a threshold, or out of it."""
        books = self.play.oracle.books
        looked_at = [
            (user, term.category)
            for user, pk in self.limits()
            for term in books[user].limits[pk].terms
            if term.category not in (None, self.play.owned[user][0])
        ]
        if not looked_at:
            return
        user, root = one_of(looked_at, which)
        pk = one_of(self.play.owned[user][1:], child)
        if pk != root:
            self.play.reparent(user, pk, None if books[user].within(pk, root) else root)

    @rule(who=numbers, source=numbers, into=numbers)
    def merge(self, who: int, source: int, into: int) -> None:
        user = self.user(who)
        self.play.merge(user, self.category(user, source), self.category(user, into))

    # Thresholds and settings

    @rule(who=numbers, drawn=thresholds)
    def new_limit(self, who: int, drawn: dict[str, Any]) -> None:
        user = self.user(who)
        self.play.new_limit(user, self.limit(user, Limit(0, 0, "daily"), drawn))

    @precondition(has_limits)
    @rule(
        which=numbers, what=st.sets(st.sampled_from(sorted(fields)), min_size=1), drawn=thresholds
    )
    def edit_limit(self, which: int, what: set[str], drawn: dict[str, Any]) -> None:
        user, pk = one_of(self.limits(), which)
        old = self.play.oracle.books[user].limits[pk]
        new = self.limit(user, old, {name: drawn[name] for name in what})
        self.play.edit_limit(user, pk, **vars(new))

    @rule(which=numbers, part=numbers, term=terms)
    def edit_condition(self, which: int, part: int, term: Term) -> None:
        """One condition of a combination becomes another."""
        books = self.play.oracle.books
        joined = self.limits_with("conditions")
        if not joined:
            return
        user, pk = one_of(joined, which)
        old = books[user].limits[pk]
        parts = list(old.conditions)
        parts[part % len(parts)] = term
        new = self.limit(user, old, {"conditions": tuple(parts)})
        self.play.edit_limit(user, pk, **vars(new))

    @precondition(has_limits)
    @rule(which=numbers, what=st.sampled_from(["toggle", "toggle", "delete"]))
    def switch_limit(self, which: int, what: str) -> None:
        user, pk = one_of(self.limits(), which)
        if what == "delete":
            self.play.delete_limit(user, pk)
        else:
            enabled = self.play.oracle.books[user].limits[pk].enabled
            self.play.edit_limit(user, pk, enabled=not enabled)

    @precondition(has_limits)
    @rule(which=numbers, back=st.sampled_from([0, 9, 40, 400]))
    def preview(self, which: int, back: int) -> None:
        user, pk = one_of(self.limits(), which)
        as_of = self.play.oracle.books[user].as_of
        self.play.preview(user, pk, as_of - timedelta(days=back))

    @rule(
        who=numbers,
        time_zone=st.sampled_from(ZONES),
        week_start=st.sampled_from([1, 7, 4]),
        month_start=st.sampled_from([1, 28, 15]),
    )
    def save_settings(self, who: int, **fields: Any) -> None:
        self.play.save_settings(self.user(who), Settings(**fields))

    # Alerts and time

    @precondition(has_alerts)
    @rule(which=numbers, what=st.sampled_from(["acknowledge", "snooze", "unsnooze"]))
    def say(self, which: int, what: str) -> None:
        books = self.play.oracle.books.items()
        alerts = [(user, key) for user, book in books for key in sorted(book.alerts)]
        user, key = one_of(alerts, which)
        if what == "acknowledge":
            self.play.acknowledge(user, key)
        else:
            until = self.play.oracle.now + timedelta(days=9) if what == "snooze" else None
            self.play.snooze(user, key, until)

    @precondition(has_alerts)
    @rule(which=numbers, snooze=st.booleans(), refund=st.booleans())
    def there_and_back(self, which: int, snooze: bool, refund: bool) -> None:
        """An alert resolves and opens again, as a rule, by the row that tipped it.

        refund: by another, which gives back what the row has spent, and goes again.
        """
        tipped = self.tipped()
        if not tipped:
            return
        user, key = one_of(tipped, which)
        book = self.play.oracle.books[user]
        row = book.rows[book.alerts[key].tip or 0]
        if snooze:
            self.play.snooze(user, key, self.play.oracle.now + timedelta(days=9))
        if refund:
            back = self.play.type_of(user, "refund")
            pk = self.play.create(user, row.date, row.category, back, row.amount)
            self.play.delete_many([pk])
        else:
            for amount in (1, row.amount):
                self.play.edit(user, row.id, amount=money(amount))

    @precondition(has_alerts)
    @rule(
        which=numbers,
        amount=amounts,
        day=numbers,
        what=st.sampled_from(["delete", "delete", "date", "category"]),
    )
    def tipping_row_goes(self, which: int, amount: int, day: int, what: str) -> None:
        """As much comes as the tipping row of an alert has, and the row goes: it stays open."""
        tipped = self.tipped()
        if not tipped:
            return
        user, key = one_of(tipped, which)
        book = self.play.oracle.books[user]
        row = book.rows[book.alerts[key].tip or 0]
        self.play.create(user, row.date, row.category, row.type, row.amount + amount % 2)
        if what == "delete":
            self.play.delete(row.id)
        elif what == "date":
            self.play.edit(user, row.id, date=self.day(day))
        else:
            self.play.edit(user, row.id, category_id=self.category(user, day))

    @rule(hours=st.sampled_from([1, 2, 12, 24, 3 * 24]))
    def time_passes(self, hours: int) -> None:
        """Nobody looks: the next write finds another day."""
        self.play.advance(timedelta(hours=hours))

    @rule(days=st.sampled_from([1, 2, 3, 8, 33]), who=numbers, tick=st.booleans())
    def days_begin(self, days: int, who: int, tick: bool) -> None:
        self.play.advance(timedelta(days=days))
        if tick:
            self.play.tick()
        else:
            self.play.look(self.user(who))


def live(examples: int, steps: int, phases: Sequence[Phase]) -> None:
    """Play that many random lives of that many steps."""
    run_state_machine_as_test(
        Life,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            print_blob=True,
            # Of two failures a group of errors would be raised, which is neither of them.
            report_multiple_bugs=False,
            phases=phases,
            suppress_health_check=list(HealthCheck),
        ),
    )
