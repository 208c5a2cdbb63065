"""The rules of the engine broken, one at a time; the lives must catch each."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import date
from pkgutil import resolve_name
from typing import Any, NamedTuple
from unittest.mock import patch

from budget.judge.judgement import range_of
from budget.judge.periods import shifted
from budget.models import Alert, Cause, Threshold, Transaction, TransactionType
from budget.tests import chapters
from budget.tests.chapters import Chapter

Function = Callable[..., Any]
ENGINE = "budget.engine"
ANSWERS = "budget.answers"
JUDGEMENT = "budget.judge.judgement"
CHAIN = "budget.judge.chain"
COMMIT = f"{ENGINE}.commit"
EVALUATE = f"{ENGINE}.evaluate"
RULES = f"{ENGINE}.rules"
BALANCES, PAIRS, TICK, TIPS, TOTALS = (
    f"{ENGINE}.{name}" for name in ("balances", "pairs", "tick", "tips", "totals")
)
WRITES = f"{ENGINE}.writes"


class Mutant(NamedTuple):
    """One rule broken: what stands in for a name, and the chapter that tells of it.

    where: the name, in each module that it is called from.
    """

    chapter: Chapter
    breaks: Callable[[Any], Any]
    where: tuple[str, ...]

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """The rule broken, and nothing remembered from before or after."""
        forget()
        with ExitStack() as stack:
            for where in self.where:
                stack.enter_context(patch(where, self.breaks(resolve_name(where))))
            yield
        forget()


def forget() -> None:
    """Empty every cache of the engine: what a function remembers was made by rules of then."""
    for name, module in [*sys.modules.items()]:
        if name.startswith("budget."):
            for value in vars(module).values():
                if callable(clear := getattr(value, "cache_clear", None)):
                    clear()


def in_modules(name: str, *modules: str) -> tuple[str, ...]:
    return tuple(f"{module}.{name}" for module in modules)


def _never(real: Function) -> Function:
    return lambda *args, **kwargs: None


# Writes


def _no_write_on_delete(real: Function) -> Function:
    def commit(book: Any, before: Any, after: Any, cause: str) -> None:
        if after is not None:
            real(book, before, after, cause)

    return commit


def _no_old_period(real: Function) -> Function:
    def commit(book: Any, before: Any, after: Any, cause: str) -> None:
        real(book, before if after is None else None, after, cause)

    return commit


def _not_evaluated(real: Function) -> Function:
    def threshold_written(threshold: Any, write: Any) -> None:
        resolve_name(f"{WRITES}.store_conditions")(threshold)
        resolve_name(f"{WRITES}.rules_changed")(write.books[threshold.user_id])

    return threshold_written


def _only_hung(real: Function) -> Function:
    def category_written(category: Any, write: Any) -> None:
        resolve_name(f"{WRITES}.rules_changed")(write.books[category.user_id])

    return category_written


def _tips_always(real: Function) -> Function:
    return lambda *args, **kwargs: real(*args, **{**kwargs, "tips": True})


def _row_that_opened(real: Function) -> Function:
    def store_flips(flips: Any, ledgers: Any) -> None:
        for _, flip in flips:
            if not flip.opens:
                flip.tip = Alert.objects.get(pk=flip.alert_id).transaction_id
        real(flips, ledgers)

    return store_flips


def _stale_effect(real: Function) -> Function:
    return lambda self, type_id: TransactionType(pk=type_id).effect


def _subject_anywhere(real: Function) -> Function:
    def single_total(rules: Any, window: Any, row: Any) -> Any:
        return real(rules, window._replace(start=date.min, end=date.max), row)

    return single_total


# What counts


def _every_row(real: Function) -> Function:
    def sums(*args: Any, **kwargs: Any) -> str:
        counted = "THEN r.count * 100 END"
        text: str = real(*args, **kwargs)
        return text.replace(counted, "THEN r.count * 100 ELSE r.count * 100 END")

    return sums


def _net_is_spending(real: Function) -> Function:
    def total_of(term: Any, span: Any, totals: Any) -> Any:
        return -real(term, span, totals) if term.measure == "net" else real(term, span, totals)

    return total_of


def _refunds_add(real: Function) -> Function:
    def read_rules(user_ids: Any) -> Any:
        return {
            user: replace(
                rules,
                effects={
                    pk: "spending" if effect == "refund" else effect
                    for pk, effect in rules.effects.items()
                },
            )
            for user, rules in real(user_ids).items()
        }

    return read_rules


def _only_children(real: Any) -> Any:
    def subtrees(self: Any) -> dict[int, frozenset[int]]:
        found: dict[int, set[int]] = {}
        for child, parent in self.parents.items():
            found.setdefault(parent, {parent}).add(child)
        return {pk: frozenset(members) for pk, members in found.items()}

    return property(subtrees)


def _no_subtrees(real: Any) -> Any:
    return property(lambda self: {})


# Operators


def _taken_for(operator: str, other: str) -> Callable[[Function], Function]:
    def breaks(real: Function) -> Function:
        def taken(asked: str, trigger: int) -> Any:
            return range_of(other if asked == operator else asked, trigger)

        return taken

    return breaks


def _joined_by(match: str) -> Callable[[Function], Function]:
    def breaks(real: Function) -> Function:
        def holds(self: Any, level: Any, totals: Any) -> Any:
            return real(replace(self, match=match), level, totals)

        return holds

    return breaks


def _same_conditions(real: Function) -> Function:
    return lambda self: False


# Periods


def _a_day_early(real: Function) -> Function:
    def due(rule: Any, span: Any, as_of: date) -> Any:
        return real(rule, span, date.fromordinal(as_of.toordinal() + 1))

    return due


def _from_the_beginning(real: Function) -> Function:
    def due(rule: Any, span: Any, as_of: date) -> Any:
        return real(replace(rule, starts_on=rule.starts_on and date.min), span, as_of)

    return due


def _no_empty_periods(real: Function) -> Function:
    def pairs_of_day(rules: Any, ledger: Any) -> Any:
        rows = Transaction.objects.filter(user_id=ledger.user_id)
        return {
            (rule, span): cause
            for (rule, span), cause in real(rules, ledger).items()
            if not rule.closing or rows.filter(date__gte=span.start, date__lt=span.end).exists()
        }

    return pairs_of_day


def _no_rolling_days(real: Function) -> Function:
    def pairs_of_day(rules: Any, ledger: Any) -> Any:
        pairs = real(rules, ledger).items()
        return {pair: cause for pair, cause in pairs if pair[0].type != "rolling"}

    return pairs_of_day


def _no_days(real: Function) -> Function:
    return lambda rules, ledger: {}


def _day_is_period_end(real: Function) -> Function:
    def pairs_of_day(rules: Any, ledger: Any) -> Any:
        return dict.fromkeys(real(rules, ledger), Cause.PERIOD_END)

    return pairs_of_day


def _a_day_longer(real: Function) -> Function:
    return lambda as_of, days: real(as_of, days + 1)


def _as_of_ignored(real: Function) -> Function:
    def is_late(pair: Any, level: int, ledger: Any) -> Any:
        return real(pair, level, replace_days(ledger, date.min, date.min))

    return is_late


def _late_by_the_new_day(real: Function) -> Function:
    def is_late(pair: Any, level: int, ledger: Any) -> Any:
        return real(pair, level, replace_days(ledger, ledger.as_of, ledger.as_of))

    return is_late


def replace_days(ledger: Any, as_of: date, begun: date) -> Any:
    """The ledger with other days."""
    other = replace(ledger, as_of=as_of)
    other.begun = begun
    return other


def _always_active(real: Function) -> Function:
    return lambda status, start, until, day: status == "open"


def _until_its_end(real: Function) -> Function:
    return lambda pair, calendar: pair[1].end


# Rollover and forecast


def _not_forward(real: Function) -> Function:
    def spans_of_row(rule: Any, ledger: Any, row: Any) -> Any:
        return real(replace(rule, carries_from=None), ledger, row)

    return spans_of_row


def _no_cap(real: Function) -> Function:
    return lambda rule, left: left


def _a_period_too_early(real: Function) -> Function:
    return lambda rule, calendar: shifted(real(rule, calendar), -1, calendar)


def _balances_stay(real: Function) -> Function:
    return lambda ledger, rows: {}


def _nothing_carried_in(real: Function) -> Function:
    return lambda *args: (real(*args)[0], 0)


def _no_later_pairs(real: Function) -> Function:
    def renew(book: Any, since: Any) -> Any:
        later = real(book, since)
        later.pairs.clear()
        return later

    return renew


def _gaps_add_nothing(real: Function) -> Function:
    return lambda rule, carried, periods: carried


def _no_debts(real: Function) -> Function:
    return lambda *args: max(real(*args), 0)


def _levels_stay(real: Function) -> Function:
    def verdicts(pair: Any, totals: Any, ledger: Any) -> Any:
        rule, _ = pair
        for verdict in real(pair, totals, ledger):
            if verdict.ranges or verdict.level == 0 or verdict.limit != rule.limit:
                yield verdict

    return verdicts


def _closed_in_between(real: Function) -> Function:
    def forecast_verdict(*args: Any) -> Any:
        verdict = real(*args)
        return verdict._replace(wanted=bool(verdict.wanted))

    return forecast_verdict


def _from_the_first_day(real: Function) -> Function:
    return lambda span, as_of: span.start <= as_of < span.end


def _rounded_down(real: Function) -> Function:
    def forecast_of(rule: Any, span: Any, totals: Any, as_of: date) -> Any:
        found = real(rule, span, totals, as_of)
        projected = found.through * found.days // found.elapsed + found.later
        return found._replace(projected=projected)

    return forecast_of


# Verbs


def _woken(real: Function) -> Function:
    def write_flips(written: Any) -> None:
        real(written)
        flips = [flip for _, flips in written for flip in flips]
        again = [flip.alert_id for flip in flips if flip.opens and not flip.new]
        Alert.objects.filter(pk__in=again).update(snoozed_until=None)

    return write_flips


def _tick_forgets(real: Function) -> Function:
    def pairs_of_day(rules: Any, ledger: Any) -> Any:
        pairs = real(rules, ledger)
        return {} if any(rule.closing for rule in rules.thresholds) else pairs

    return pairs_of_day


def _all_quiet(real: Function) -> Function:
    return lambda users, zone, today: set(users)


# Answers


def _no_refunds(real: Function) -> Function:
    return lambda rules, term, *, single: real(rules, term, single=True)


def _twice(real: Function) -> Function:
    def read_counting(reading: Any, pair: Any, after: Any, limit: int) -> Any:
        return real(reading, pair, after and (after[0], after[1] - 1), limit)

    return read_counting


def _no_words(real: Function) -> Function:
    return lambda level, operator: ""


def _keeps_the_new(real: Function) -> Function:
    def keep_revision(old: Any, parts: Any) -> None:
        new = Threshold.objects.get(pk=old.pk)
        new.revision = old.revision
        real(new, parts)

    return keep_revision


def _not_to_the_end(real: Function) -> Function:
    return lambda ledger, draft, rows, begin, end, past: real(
        ledger, draft, rows, begin, begin, past
    )


DAYS = in_modules("pairs_of_day", JUDGEMENT, EVALUATE, TICK)
MUTANTS = {
    "a delete is not evaluated": Mutant(
        chapters.spending, _no_write_on_delete, (f"{COMMIT}.commit",)
    ),
    "a queryset's delete is not evaluated": Mutant(
        chapters.spending, _never, (f"{WRITES}.transactions_deleted",)
    ),
    "the old period is not evaluated on a move": Mutant(
        chapters.spending, _no_old_period, (f"{COMMIT}.commit",)
    ),
    "as_of never moves": Mutant(
        chapters.spending, _never, in_modules("begin_day", COMMIT, EVALUATE)
    ),
    "late does not look at as_of": Mutant(
        chapters.spending, _as_of_ignored, in_modules("is_late", JUDGEMENT)
    ),
    "active does not look at as_of": Mutant(
        chapters.spending,
        _always_active,
        in_modules("is_active", "budget.models.alert", "budget.answers.alert"),
    ),
    "a threshold's edit is not evaluated": Mutant(
        chapters.spending, _not_evaluated, (f"{WRITES}.threshold_written",)
    ),
    "old rules stay in memory": Mutant(chapters.spending, _never, (f"{WRITES}.rules_changed",)),
    "a refund adds": Mutant(chapters.spending, _refunds_add, (f"{RULES}.read_rules",)),
    "gt is taken for gte": Mutant(
        chapters.spending, _taken_for("gt", "gte"), in_modules("range_of", JUDGEMENT, RULES)
    ),
    "a bulk entry is not evaluated": Mutant(
        chapters.spending, _never, (f"{ENGINE}.bulk.evaluate_rows",)
    ),
    "new settings are not applied": Mutant(
        chapters.spending, _never, (f"{WRITES}.profile_written",)
    ),
    "month rollups keep the old month start": Mutant(
        chapters.spending, _never, (f"{ENGINE}.rollups.rebuild_months",)
    ),
    "a merge leaves the rollups": Mutant(chapters.spending, _never, (f"{ENGINE}.rollups.merge",)),
    "a tipping row that went is kept": Mutant(
        chapters.spending, _never, in_modules("replace_tips", COMMIT, EVALUATE)
    ),
    "rows deleted together name a tipping row": Mutant(
        chapters.spending, _tips_always, (f"{EVALUATE}.Judgement",)
    ),
    "what resolves names the row that opened": Mutant(
        chapters.spending, _row_that_opened, (f"{ENGINE}.sql.store_flips",)
    ),
    "a type has no effect on its own row": Mutant(
        chapters.spending, _stale_effect, (f"{JUDGEMENT}.Rules.effect_of",)
    ),
    "a single transaction counts where it no longer is": Mutant(
        chapters.spending,
        _subject_anywhere,
        in_modules("single_total", TOTALS, EVALUATE, COMMIT),
    ),
    "a bulk entry names no tipping row": Mutant(
        chapters.spending, _never, (f"{EVALUATE}.find_tips",)
    ),
    "a rolling window is a day too long": Mutant(
        chapters.rolling,
        _a_day_longer,
        in_modules("rolling_span", JUDGEMENT, EVALUATE, PAIRS, TIPS),
    ),
    "a rolling window stands still": Mutant(chapters.rolling, _no_rolling_days, DAYS),
    "a rolling alert keeps a tip that the window has left": Mutant(
        chapters.rolling, _never, (f"{COMMIT}.renew_rolling_tips",)
    ),
    "the day's flips are put down to a period's end": Mutant(
        chapters.rolling, _day_is_period_end, DAYS
    ),
    "a period is judged on its last day": Mutant(
        chapters.closing, _a_day_early, in_modules("due", JUDGEMENT)
    ),
    "empty periods are forgotten": Mutant(chapters.closing, _no_empty_periods, DAYS),
    "starts_on is ignored": Mutant(
        chapters.closing, _from_the_beginning, in_modules("due", JUDGEMENT)
    ),
    "a period that ends is not judged": Mutant(chapters.closing, _no_days, DAYS),
    "late at a period's end goes by the new day": Mutant(
        chapters.closing, _late_by_the_new_day, in_modules("is_late", JUDGEMENT)
    ),
    "what is judged at the end is news in its own period only": Mutant(
        chapters.closing, _until_its_end, in_modules("active_until", JUDGEMENT)
    ),
    "lt is taken for lte": Mutant(
        chapters.closing, _taken_for("lt", "lte"), in_modules("range_of", JUDGEMENT, RULES)
    ),
    "eq is taken for lte": Mutant(
        chapters.closing, _taken_for("eq", "lte"), in_modules("range_of", JUDGEMENT, RULES)
    ),
    "net is spending minus income": Mutant(
        chapters.closing, _net_is_spending, in_modules("total_of", JUDGEMENT, EVALUATE)
    ),
    "a count counts refunds": Mutant(chapters.closing, _every_row, (f"{ENGINE}.sql.sums",)),
    "all is taken for any": Mutant(
        chapters.combinations, _joined_by("any"), (f"{JUDGEMENT}.Rule.holds",)
    ),
    "any is taken for all": Mutant(
        chapters.combinations, _joined_by("all"), (f"{JUDGEMENT}.Rule.holds",)
    ),
    "other conditions start no revision": Mutant(
        chapters.combinations,
        _same_conditions,
        ("budget.models.threshold.Threshold.conditions_move",),
    ),
    "a parent counts its own rows only": Mutant(
        chapters.tree, _no_subtrees, (f"{JUDGEMENT}.Rules.subtrees",)
    ),
    "a parent counts its children but not theirs": Mutant(
        chapters.tree, _only_children, (f"{JUDGEMENT}.Rules.subtrees",)
    ),
    "a category that moves is not evaluated": Mutant(
        chapters.tree, _only_hung, (f"{WRITES}.category_written",)
    ),
    "a rollover is not followed forward": Mutant(
        chapters.rollover, _not_forward, (f"{JUDGEMENT}.spans_of_row",)
    ),
    "a rollover's cap is ignored": Mutant(
        chapters.rollover, _no_cap, in_modules("carry", CHAIN, JUDGEMENT)
    ),
    "a row in the past leaves the balances since": Mutant(
        chapters.long_chain, _balances_stay, in_modules("changed_since", COMMIT, EVALUATE)
    ),
    "what is older than a block is forgotten": Mutant(
        chapters.long_chain, _nothing_carried_in, in_modules("balance_before", CHAIN, BALANCES)
    ),
    "a row in the past is followed to the end of its block": Mutant(
        chapters.long_chain, _no_later_pairs, in_modules("renew", COMMIT, EVALUATE)
    ),
    "periods without rows leave nothing over": Mutant(
        chapters.long_chain, _gaps_add_nothing, in_modules("carry_empty", CHAIN)
    ),
    "a debt is forgiven": Mutant(
        chapters.rollover, _no_debts, in_modules("limit_of", JUDGEMENT, EVALUATE)
    ),
    "a rollover begins a period too early": Mutant(
        chapters.rollover, _a_period_too_early, in_modules("first_of", CHAIN, JUDGEMENT, RULES)
    ),
    "levels stay that a limit carried back to nothing is without": Mutant(
        chapters.rollover, _levels_stay, in_modules("verdicts", JUDGEMENT)
    ),
    "a forecast resolves right below its limit": Mutant(
        chapters.forecast, _closed_in_between, (f"{JUDGEMENT}.forecast_verdict",)
    ),
    "a forecast is given from the first day": Mutant(
        chapters.forecast, _from_the_first_day, in_modules("forecast_given", JUDGEMENT)
    ),
    "a forecast is rounded down": Mutant(
        chapters.forecast, _rounded_down, in_modules("forecast_of", JUDGEMENT, EVALUATE)
    ),
    "a snooze ends with the episode": Mutant(
        chapters.verbs_and_days, _woken, in_modules("write_flips", COMMIT, EVALUATE)
    ),
    "the tick forgets users with periods that end": Mutant(
        chapters.verbs_and_days, _tick_forgets, (f"{ENGINE}.tick.pairs_of_day",)
    ),
    "the tick takes everybody's day for a quiet one": Mutant(
        chapters.verbs_and_days, _all_quiet, (f"{ENGINE}.tick.quiet",)
    ),
    "an explanation leaves out refunds": Mutant(
        chapters.spending, _no_refunds, (f"{ANSWERS}.explain.counting",)
    ),
    "a page of an explanation repeats a row": Mutant(
        chapters.spending, _twice, (f"{ANSWERS}.explain.read_counting",)
    ),
    "all levels reached at once have one message": Mutant(
        chapters.spending, _no_words, (f"{ANSWERS}.words.level_words",)
    ),
    "nothing is kept of what an edit ends": Mutant(
        chapters.combinations, _never, (f"{WRITES}.keep_revision",)
    ),
    "an edit keeps what the threshold has become": Mutant(
        chapters.spending, _keeps_the_new, (f"{WRITES}.keep_revision",)
    ),
    "a preview ends with its last row": Mutant(
        chapters.closing, _not_to_the_end, (f"{ENGINE}.replay.replay",)
    ),
    "a preview does not follow the days": Mutant(
        chapters.closing, _no_days, (f"{ENGINE}.replay.pairs_of_day",)
    ),
}
