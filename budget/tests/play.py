"""Every operation played twice, on the real models and on the oracle, and then compared.

What the database shows is read here row by row; what it should show comes from the oracle. The one
place that decides whether the two agree is `Play.check`, so a mutant is caught by the same lines.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from unittest.mock import patch

from django.contrib.auth.models import User
from django.db import connection, transaction

from accounts.models import Profile
from budget import engine
from budget.models import (
    Alert,
    AlertEvent,
    Calendar,
    Category,
    Conflict,
    Ledger,
    LedgerState,
    Rollup,
    Threshold,
    ThresholdLevel,
    Transaction,
    TransactionType,
)
from budget.tests.oracle import Event, Key, Limit, Oracle, Row, Settings


def money(cents: int) -> Decimal:
    """Whole cents as the models take them."""
    return Decimal(cents).scaleb(-2)


def cents(amount: Decimal) -> int:
    """What the models give, as whole cents."""
    return int(amount.scaleb(2))


class Disagreement(AssertionError):
    """The database shows something else than the oracle says."""


def agree(what: str, shown: Any, expected: Any) -> None:
    """Raise Disagreement, naming only what differs, unless both are equal."""
    if shown == expected:
        return
    if isinstance(shown, dict) and isinstance(expected, dict):
        keys = [
            key for key in shown.keys() | expected.keys() if shown.get(key) != expected.get(key)
        ]
        shown = {key: shown.get(key) for key in keys}
        expected = {key: expected.get(key) for key in keys}
    raise Disagreement(f"{what}\n   shown: {shown}\nexpected: {expected}")


class Play:
    """Two users and everything that can be done to what they own.

    `owned` holds, by user, the ids of the categories that are there; the first is the built-in one.
    """

    def __init__(self, now: datetime, names: Sequence[str] = ("alice", "charlie")) -> None:
        self.oracle = Oracle(now)
        self.owned: dict[int, list[int]] = {}
        self.builtin: dict[int, set[int]] = {}
        self.loaded: list[Transaction] = []
        self.types: dict[int, TransactionType] = {}
        self.names = 0
        self.seen: dict[int, int] = {}
        self.versions: dict[int, int] = {}
        self.users = [self._new_user(name) for name in names]

    @contextmanager
    def clock(self) -> Iterator[None]:
        """Let the project read the play's clock."""
        with patch("django.utils.timezone.now", lambda: self.oracle.now):
            yield

    @contextmanager
    def writing(self) -> Iterator[None]:
        """The play's clock, and a savepoint, so that a refused write leaves nothing behind."""
        with self.clock(), transaction.atomic():
            yield

    def _new_user(self, name: str) -> int:
        with self.writing():
            user = User.objects.create_user(name)
        types = dict(TransactionType.objects.filter(user=user).values_list("id", "effect"))
        self.oracle.add_user(user.pk, types)
        self.builtin[user.pk] = set(types)
        self.owned[user.pk] = list(Category.objects.filter(user=user).values_list("id", flat=True))
        self.seen[user.pk] = 0
        return user.pk

    def _new_name(self) -> str:
        self.names += 1
        return f"Name {self.names}"

    @contextmanager
    def refused(self) -> Iterator[None]:
        """A write that the rules forbid: Conflict, and nothing changes."""
        try:
            with self.writing():
                yield
        except Conflict:
            return
        raise Disagreement("a write was let through that the rules forbid")

    # Time

    def advance(self, by: timedelta) -> None:
        """Let time pass; nothing moves until somebody looks or writes."""
        self.oracle.now += by

    def look(self, user: int) -> None:
        """Read, which brings `as_of` up to date."""
        with self.writing():
            engine.read_ledger(user)
        self.oracle.write(user)

    # Transactions

    def type_of(self, user: int, effect: str) -> int:
        """A type of the user's with this effect."""
        types = self.oracle.books[user].types
        return next(pk for pk, has in types.items() if has == effect)

    def create(self, user: int, day: date, category: int, type: int, amount: int) -> int:
        """Save a new transaction; give its id.

        It takes the type as it was when it was first seen: what it holds of it may be old.
        """
        row = Transaction(user_id=user, date=day, category_id=category, amount=money(amount))
        row.type = self.types.setdefault(type, TransactionType.objects.get(pk=type))
        with self.writing():
            row.save()
        self.oracle.save_row(user, Row(row.pk, day, category, type, amount))
        self.loaded.append(row)
        return row.pk

    def edit(self, user: int, pk: int, *, partial: bool = False, **changes: Any) -> None:
        """Load a transaction, change it and save it, whole or the changed columns alone."""
        row = Transaction.objects.get(pk=pk)
        self._apply(row, changes)
        if partial:
            # What is not named must not be stored, nor counted.
            others = {"amount": money(99_999_999), "date": date(2024, 7, 4)}
            self._apply(row, {name: value for name, value in others.items() if name not in changes})
        names = [name.removesuffix("_id") for name in changes]
        with self.writing():
            row.save(update_fields=names if partial else None)
        self.loaded.append(Transaction.objects.get(pk=pk))
        old = self.oracle.books[user].rows[pk]
        self.oracle.save_row(
            changes.get("user_id", user),
            Row(
                pk,
                changes.get("date", old.date),
                changes.get("category_id", old.category),
                changes.get("type_id", old.type),
                cents(changes["amount"]) if "amount" in changes else old.amount,
            ),
        )

    def _apply(self, row: Transaction, changes: dict[str, Any]) -> None:
        for name, value in changes.items():
            setattr(row, name, value)

    def usable_stale(self) -> list[Transaction]:
        """Instances loaded at some time whose category and type are still there."""
        books = self.oracle.books
        return [
            row
            for row in self.loaded
            if row.category_id in self.owned[row.user_id]
            and row.type_id in books[row.user_id].types
        ]

    def save_stale(self, row: Transaction) -> None:
        """Save an instance loaded long ago: what it holds becomes true, even of a deleted row.

        Refused where the row has gone to another user since.
        """
        books = self.oracle.books
        if any(row.pk in books[user].rows for user in self.users if user != row.user_id):
            with self.refused():
                row.save()
            return
        with self.writing():
            row.save()
        self.oracle.save_row(
            row.user_id, Row(row.pk, row.date, row.category_id, row.type_id, cents(row.amount))
        )

    def delete(self, pk: int) -> None:
        """Delete one transaction through its instance."""
        row = Transaction.objects.get(pk=pk)
        with self.writing():
            row.delete()
        self.oracle.delete_rows([pk])

    def delete_many(self, ids: Sequence[int]) -> None:
        """Delete transactions of any users through a queryset."""
        with self.writing():
            Transaction.objects.filter(pk__in=ids).delete()
        self.oracle.delete_rows(list(ids))

    def bulk(self, user: int, entries: Sequence[tuple[date, int, int, int]]) -> None:
        """Store (date, category, type, amount) entries through the bulk entry."""
        rows = [
            Transaction(date=day, category_id=category, type_id=type, amount=money(amount))
            for day, category, type, amount in entries
        ]
        with self.writing():
            stored = engine.record_transactions(user, rows)
        written = zip(stored, entries, strict=True)
        self.oracle.bulk(user, [Row(row.pk, *entry) for row, entry in written], "bulk")

    # Types and categories

    def new_type(self, user: int, effect: str) -> int:
        """Add a type of the user's own."""
        type = TransactionType(user_id=user, name=self._new_name(), effect=effect)
        with self.writing():
            type.save()
        self.types[type.pk] = TransactionType.objects.get(pk=type.pk)
        self.oracle.books[user].types[type.pk] = effect
        return type.pk

    def type_in_use(self, user: int, pk: int) -> bool:
        """Whether a row has the type."""
        return any(row.type == pk for row in self.oracle.books[user].rows.values())

    def change_effect(self, user: int, pk: int, effect: str) -> None:
        """Give a type another effect, which is refused once a row uses it."""
        type = TransactionType.objects.get(pk=pk)
        old = self.oracle.books[user].types[pk]
        type.effect = effect
        if pk in self.builtin[user] or (effect != old and self.type_in_use(user, pk)):
            with self.refused():
                type.save()
            return
        with self.writing():
            type.save()
        self.oracle.books[user].types[pk] = effect

    def delete_type(self, user: int, pk: int) -> None:
        """Delete a type, which is refused for a built-in one and one in use."""
        type = TransactionType.objects.get(pk=pk)
        if pk in self.builtin[user] or self.type_in_use(user, pk):
            with self.refused():
                type.delete()
            return
        with self.writing():
            type.delete()
        del self.oracle.books[user].types[pk]

    def new_category(self, user: int) -> int:
        """Add a category."""
        category = Category(user_id=user, name=self._new_name())
        with self.writing():
            category.save()
        self.owned[user].append(category.pk)
        return category.pk

    def category_in_use(self, user: int, pk: int) -> bool:
        """Whether a row or a threshold, deleted ones included, names the category."""
        book = self.oracle.books[user]
        named = {row.category for row in book.rows.values()}
        return pk in named | {limit.category for limit in book.limits.values()}

    def rename(self, user: int, pk: int) -> None:
        """Rename a category, which is refused for the built-in one."""
        category = Category.objects.get(pk=pk)
        category.name = self._new_name()
        with self.refused() if pk == self.owned[user][0] else self.writing():
            category.save()

    def delete_category(self, user: int, pk: int) -> None:
        """Delete a category, which is refused for the built-in one and one in use."""
        category = Category.objects.get(pk=pk)
        if pk == self.owned[user][0] or self.category_in_use(user, pk):
            with self.refused():
                category.delete()
            return
        with self.writing():
            category.delete()
        self.owned[user].remove(pk)

    def merge(self, user: int, source: int, target: int) -> None:
        """Merge one category into another, which is refused for the built-in one."""
        old, new = Category.objects.get(pk=source), Category.objects.get(pk=target)
        if source == target or source == self.owned[user][0]:
            with self.refused():
                engine.merge_categories(old, new)
            return
        with self.writing():
            engine.merge_categories(old, new)
        self.owned[user].remove(source)
        self.oracle.merge(user, source, target, "category_merge")

    # Thresholds and settings

    def new_limit(self, user: int, limit: Limit) -> int:
        """Create a threshold; the id of `limit` is filled in."""
        threshold = Threshold(user_id=user, name=self._new_name())
        self._save_limit(threshold, limit)
        stored = replace(limit, id=threshold.pk)
        self.oracle.save_limit(user, stored, "threshold_edit")
        return threshold.pk

    def edit_limit(self, user: int, pk: int, **changes: Any) -> None:
        """Edit a threshold; a deleted one stays deleted."""
        limit = replace(self.oracle.books[user].limits[pk], **changes)
        self._save_limit(Threshold.objects.get(pk=pk), limit)
        self.oracle.save_limit(user, limit, "threshold_edit")

    def _save_limit(self, threshold: Threshold, limit: Limit) -> None:
        threshold.amount = money(limit.amount)
        threshold.type = limit.type
        threshold.category_id = limit.category
        threshold.operator = limit.operator
        threshold.levels = list(limit.levels)
        threshold.enabled = limit.enabled
        with self.writing():
            threshold.save()

    def delete_limit(self, user: int, pk: int) -> None:
        """Delete a threshold."""
        threshold = Threshold.objects.get(pk=pk)
        with self.writing():
            threshold.delete()
        self.oracle.delete_limit(user, pk, "threshold_deleted")

    def save_settings(self, user: int, settings: Settings) -> None:
        """Change how the user's time is cut."""
        profile = Profile.objects.get(user_id=user)
        profile.time_zone, profile.week_start, profile.month_start = settings
        with self.writing():
            profile.save()
        self.oracle.save_settings(user, settings, "settings")

    # Alerts

    def acknowledge(self, user: int, key: Key) -> None:
        """Acknowledge an alert, open or resolved."""
        with self.writing():
            engine.acknowledge(user, self._alert(user, key).pk)
        self.oracle.write(user).acknowledge(key, "user")

    def _alert(self, user: int, key: Key) -> Alert:
        return Alert.objects.get(
            user_id=user,
            threshold_id=key.threshold,
            revision=key.revision,
            period_start=key.start,
            subject=key.subject,
            level=key.level,
        )

    # The comparison

    def check(self) -> None:
        """Compare everything shown with everything expected. Raises Disagreement."""
        connection.check_constraints()
        for user in self.users:
            ledger = self._ledger(user)
            self._check_ledger(ledger)
            self._check_rows(user)
            self._check_rollups(user)
            self._check_thresholds(ledger)
            keys = self._check_alerts(ledger)
            self._check_events(ledger, keys)
            # Half of the time of a check, so not where nobody has written since the last one.
            if self.versions.get(user) != ledger.version:
                self.versions[user] = ledger.version
                with self.clock():
                    agree("what reconcile finds", engine.reconcile(user), [])

    def _ledger(self, user: int) -> LedgerState:
        """The ledger as it stands; asking the engine for it would move it."""
        row = Ledger.objects.get(pk=user)
        calendar = Calendar(row.time_zone, row.week_start, row.month_start)
        return LedgerState(user, row.as_of, row.version, row.event_seq, row.rules, calendar)

    def _check_ledger(self, ledger: LedgerState) -> None:
        book = self.oracle.books[ledger.user_id]
        agree("settings in force", ledger.calendar, Calendar(*book.settings))
        agree("as_of", ledger.as_of, book.as_of)

    def _check_rows(self, user: int) -> None:
        rows = Transaction.objects.filter(user_id=user).values_list(
            "id", "date", "category_id", "type_id", "amount"
        )
        shown = {
            pk: Row(pk, day, category, type, cents(amount))
            for pk, day, category, type, amount in rows
        }
        agree("transactions", shown, self.oracle.books[user].rows)

    def _check_rollups(self, user: int) -> None:
        rows = Rollup.objects.filter(user_id=user).values_list(
            "grain", "bucket", "category_id", "type_id", "amount", "count"
        )
        shown = {tuple(key): (amount, count) for *key, amount, count in rows}
        empty = dict.fromkeys(shown, (0, 0))
        agree("rollups", shown, empty | self.oracle.books[user].rollups())

    def _check_thresholds(self, ledger: LedgerState) -> None:
        user = ledger.user_id
        levels: dict[int, dict[int, int]] = {}
        for pk, percent, trigger in ThresholdLevel.objects.filter(
            threshold__user_id=user
        ).values_list("threshold_id", "percent", "trigger"):
            levels.setdefault(pk, {})[percent] = trigger
        thresholds = Threshold.objects.filter(user_id=user)
        limits = self.oracle.books[user].limits
        agree(
            "thresholds",
            {
                each.pk: (each.revision, each.category_id, levels.get(each.pk))
                for each in thresholds
            },
            {
                pk: (
                    limit.revision,
                    limit.category,
                    {level: limit.trigger(level) for level in limit.levels_in_force()},
                )
                for pk, limit in limits.items()
            },
        )
        self._check_current(ledger, [each for each in thresholds if each.deleted_at is None])

    def _check_current(self, ledger: LedgerState, thresholds: list[Threshold]) -> None:
        book = self.oracle.books[ledger.user_id]
        for shown in engine.describe_thresholds(ledger, thresholds):
            limit, current = book.limits[shown["id"]], shown["current"]
            if current is None:
                agree("no current period", limit.type, "transaction")
                continue
            start, end = book.period(book.as_of, limit.type)
            rows = book.windows(limit).get((start, 0), [])
            total = book.total(rows)
            reached = [level for level in limit.levels_in_force() if limit.reached(total, level)]
            agree(
                f"current period of threshold {limit.id}",
                (
                    current["period_start"],
                    current["period_end"],
                    current["total"],
                    current["remaining"],
                    current["level_reached"],
                ),
                (
                    str(start),
                    str(end),
                    str(money(total)),
                    str(money(limit.amount - total)),
                    max(reached, default=None),
                ),
            )

    def _check_alerts(self, ledger: LedgerState) -> dict[int, Key]:
        """Compare all alerts, resolved ones too, and give their keys by id."""
        book = self.oracle.books[ledger.user_id]
        alerts = list(Alert.objects.filter(user_id=ledger.user_id))
        keys = {alert.pk: key_of(alert) for alert in alerts}
        agree("one row an identity", len(set(keys.values())), len(keys))
        shown = {keys[alert.pk]: state_of(alert) for alert in alerts}
        opened = {key for key, state in shown.items() if state["status"] == "open"}
        agree("open alerts against the invariant", opened, set(book.holding()))
        expected = {key: vars(alert) for key, alert in book.alerts.items()}
        agree("alerts", shown, expected)
        self._check_descriptions(ledger, alerts, keys)
        return keys

    def _check_descriptions(
        self, ledger: LedgerState, alerts: list[Alert], keys: dict[int, Key]
    ) -> None:
        book = self.oracle.books[ledger.user_id]
        shown, expected = {}, {}
        for described in engine.describe_alerts(ledger, alerts):
            key = keys[described["id"]]
            alert, limit = book.alerts[key], book.limits[key.threshold]
            present = key.revision == limit.revision
            total = book.total_then(key) if present else alert.then_total
            at = limit.amount if present else alert.then_limit
            active = alert.status == "open" and key.start <= book.as_of < alert.end
            shown[key] = (
                described["total"],
                described["limit"],
                described["percent"],
                described["active"],
            )
            percent = total * 100 // at if at else None
            expected[key] = (str(money(total)), str(money(at)), percent, active)
        agree("alerts as described", shown, expected)

    def _check_events(self, ledger: LedgerState, keys: dict[int, Key]) -> None:
        """Compare the events since the last check; older ones are append-only."""
        user = ledger.user_id
        expected = self.oracle.books[user].events
        seen = self.seen[user]
        events = AlertEvent.objects.filter(user_id=user, seq__gt=seen).order_by("seq")
        shown = [
            Event(
                keys[event.alert_id],
                event.kind,
                event.cause,
                event.at,
                cents(event.total or Decimal(0)),
                cents(event.limit or Decimal(0)),
                event.transaction_id,
            )
            for event in events
        ]
        agree("events", shown, expected[seen:])
        numbers = list(AlertEvent.objects.filter(user_id=user).values_list("seq", flat=True))
        agree("numbers of the events", sorted(numbers), list(range(1, len(expected) + 1)))
        agree("the ledger's last number", ledger.event_seq, len(expected))
        self.seen[user] = len(expected)


def key_of(alert: Alert) -> Key:
    """The identity of an alert; none of it may be null."""
    assert alert.threshold_id is not None
    assert alert.period_start is not None
    assert alert.level is not None
    return Key(alert.threshold_id, alert.revision, alert.period_start, alert.subject, alert.level)


def state_of(alert: Alert) -> dict[str, Any]:
    """What the database remembers of an alert, under the oracle's names."""
    assert alert.then_total is not None
    assert alert.then_limit is not None
    return {
        "status": alert.status,
        "end": alert.period_end,
        "tip": alert.transaction_id,
        "then_total": cents(alert.then_total),
        "then_limit": cents(alert.then_limit),
        "then_at": alert.then_at,
        "opened_at": alert.opened_at,
        "late": alert.late,
        "episodes": alert.episodes,
        "resolved_at": alert.resolved_at,
        "acknowledged_at": alert.acknowledged_at,
    }
