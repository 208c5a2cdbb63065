"""Every operation played twice, on the real models and on the oracle, and then compared."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any
from unittest.mock import patch

from django.contrib.auth.models import User
from django.db import connection, transaction

from budget import engine
from budget.models import (
    Alert,
    Category,
    Condition,
    Conflict,
    Profile,
    Threshold,
    Transaction,
    TransactionType,
)
from budget.tests.compare import Comparison, Disagreement, agree, cents, money
from budget.tests.oracle import Oracle
from budget.tests.oracle_rules import Key, Limit, Row, Settings, Term

DEEPEST = 5


def condition_of(term: Term) -> Condition:
    """A condition as the model takes it."""
    return Condition(
        category_id=term.category,
        measure=term.measure,
        operator=term.operator,
        amount=money(term.amount),
    )


class Play:
    """Two users and everything that can be done to what they own.

    `owned` holds, by user, the ids of the categories that are there; the first is the built-in one.
    """

    def __init__(self, now: datetime) -> None:
        self.oracle = Oracle(now)
        self.owned: dict[int, list[int]] = {}
        self.builtin: dict[int, set[int]] = {}
        self.loaded: list[Transaction] = []
        self.types: dict[int, TransactionType] = {}
        self.names = 0
        self.comparisons: list[Comparison] = []
        self.users = [self._new_user(name) for name in ("alice", "charlie")]

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
        book = self.oracle.add_user(user.pk, types)
        self.builtin[user.pk] = set(types)
        self.owned[user.pk] = list(Category.objects.filter(user=user).values_list("id", flat=True))
        self.comparisons.append(Comparison(user.pk, book, self.owned[user.pk]))
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
            engine.move_to_today(user)
        self.oracle.look(user)

    def tick(self) -> None:
        """Let the day come for everybody; it counts those for whom it did."""
        with self.writing():
            moved = engine.tick()
        agree("users whose day the tick moved", moved, self.oracle.tick())

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
        """Load a transaction, change it and save it, whole or only the changed columns."""
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
        self.oracle.delete_row(pk)

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
        """Whether a row or a threshold, deleted ones included, names the category.

        What a threshold was in a revision that has alerts counts as well.
        """
        book = self.oracle.books[user]
        named = {row.category for row in book.rows.values()}
        earlier = [book.definitions[key.threshold, key.revision] for key in book.alerts]
        return pk in named | {
            term.category for limit in [*book.limits.values(), *earlier] for term in limit.terms
        }

    def children(self, user: int, pk: int) -> list[int]:
        """The categories right under one."""
        parents = self.oracle.books[user].parents
        return [child for child, parent in parents.items() if parent == pk]

    def depth(self, user: int, pk: int) -> int:
        """How deep a category lies, 1 at the top."""
        parent = self.oracle.books[user].parents.get(pk)
        return 1 if parent is None else 1 + self.depth(user, parent)

    def height(self, user: int, pk: int) -> int:
        """How many levels a category and those under it make up."""
        return 1 + max((self.height(user, child) for child in self.children(user, pk)), default=0)

    def fits_under(self, user: int, pk: int, parent: int) -> bool:
        """Whether a category may hang there: no cycle, not too deep, not the built-in one."""
        if self.owned[user][0] in (pk, parent):
            return False
        below = self.oracle.books[user].within(parent, pk)
        return not below and self.depth(user, parent) + self.height(user, pk) <= DEEPEST

    def reparent(self, user: int, pk: int, parent: int | None) -> None:
        """Hang a category under another, which is refused where the tree would not be one."""
        if pk == self.owned[user][0] and parent is None:
            return
        category = Category.objects.get(pk=pk)
        category.parent_id = parent
        if parent is not None and not self.fits_under(user, pk, parent):
            with self.refused():
                category.save()
            return
        with self.writing():
            category.save()
        self.oracle.reparent(user, pk, parent, "category_edit")

    def rename(self, user: int, pk: int) -> None:
        """Rename a category, which is refused for the built-in one."""
        category = Category.objects.get(pk=pk)
        category.name = self._new_name()
        with self.refused() if pk == self.owned[user][0] else self.writing():
            category.save()

    def delete_category(self, user: int, pk: int) -> None:
        """Delete a category; refused for the built-in one, one in use, one with others under it."""
        category = Category.objects.get(pk=pk)
        kept = self.category_in_use(user, pk) or self.children(user, pk)
        if pk == self.owned[user][0] or kept:
            with self.refused():
                category.delete()
            return
        with self.writing():
            category.delete()
        self.owned[user].remove(pk)
        self.oracle.books[user].parents.pop(pk, None)

    def may_merge(self, user: int, source: int, target: int) -> bool:
        """Whether one category may be merged into another, with what hangs under it."""
        if source == self.owned[user][0] or self.oracle.books[user].within(target, source):
            return False
        return all(
            target != self.owned[user][0]
            and self.depth(user, target) + self.height(user, child) <= DEEPEST
            for child in self.children(user, source)
        )

    def merge(self, user: int, source: int, target: int) -> None:
        """Merge one category into another, which is refused where it breaks the tree."""
        old, new = Category.objects.get(pk=source), Category.objects.get(pk=target)
        if not self.may_merge(user, source, target):
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
        for name in ("type", "days", "operator", "measure", "starts_on", "enabled"):
            setattr(threshold, name, getattr(limit, name))
        for name in ("rollover", "rollover_from", "forecast"):
            setattr(threshold, name, getattr(limit, name))
        cap = limit.rollover_cap
        threshold.amount = money(limit.amount or 0)
        threshold.rollover_cap = None if cap is None else money(cap)
        threshold.category_id = limit.category
        threshold.levels = list(limit.levels)
        threshold.match = limit.match if limit.conditions else ""
        threshold.new_conditions = [condition_of(term) for term in limit.conditions]
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
        self.oracle.acknowledge(user, key, "user")

    def snooze(self, user: int, key: Key, until: datetime | None) -> None:
        """Snooze an alert, or take that back."""
        with self.writing():
            engine.snooze(user, self._alert(user, key).pk, until)
        self.oracle.snooze(user, key, until, "user")

    def _alert(self, user: int, key: Key) -> Alert:
        return Alert.objects.get(
            user_id=user,
            threshold_id=key.threshold,
            revision=key.revision,
            period_start=key.start,
            subject=key.subject,
            level=key.level,
        )

    def preview(self, user: int, pk: int, day: date) -> None:
        """Ask what a threshold would have raised since a day, and compare at once."""
        with self.clock():
            self.comparisons[self.users.index(user)].check_preview(pk, day)

    def check(self) -> None:
        """Compare everything shown with everything expected. Raises Disagreement."""
        connection.check_constraints()
        with self.clock():
            for comparison in self.comparisons:
                comparison.check()
