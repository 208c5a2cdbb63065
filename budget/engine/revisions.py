"""What alerts rest on: their threshold as it is, or as it was in the revision they are of."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from budget.engine.rules import Rule, conditions_of, rule_of
from budget.models import Alert, AlertKind, Condition, Threshold, ThresholdRevision

# Threshold, revision.
Key = tuple[int, int]


@dataclass(frozen=True)
class Definition:
    """What a threshold looks at, or looked at in an earlier revision: parts are its conditions.

    edited: whether it looks at something else by now. rule: None where that is all that is known,
    because the revision ended before any were kept; threshold is then as it is now.
    """

    threshold: Threshold
    parts: Sequence[Condition]
    rule: Rule | None
    edited: bool = False


def keep_revision(old: Threshold, parts: Sequence[Condition]) -> None:
    """Keep what a threshold has looked at until this commit, where there are alerts of it.

    Without any there is nothing to be explained, and a category that was named by mistake stays
    free to be deleted.
    """
    alerts = Alert.objects.filter(user_id=old.user_id, threshold_id=old.pk, revision=old.revision)
    if alerts.of_thresholds().exists():
        ThresholdRevision.objects.bulk_create(ThresholdRevision.sums_of(old, parts))


def definitions_of(user_id: int, alerts: Iterable[Alert]) -> dict[int, Definition]:
    """What each alert of a user's rests on, by the alert's id; a custom one rests on nothing.

    One query more where there are alerts of earlier revisions among them.
    """
    keys = {
        alert.pk: (alert.threshold_id, alert.revision)
        for alert in alerts
        if alert.threshold_id is not None and alert.kind != AlertKind.CUSTOM
    }
    mine = Threshold.objects.filter(user_id=user_id)
    thresholds = mine.in_bulk(list({threshold_id for threshold_id, _ in keys.values()}))
    parts = conditions_of(thresholds.values())
    found: dict[Key, Definition] = {}
    for pk, threshold in thresholds.items():
        own = parts.get(pk, [])
        found[pk, threshold.revision] = Definition(threshold, own, rule_of(threshold, own))
    earlier = {key for key in keys.values() if key not in found and key[0] in thresholds}
    if earlier:
        found |= earlier_definitions(user_id, earlier, thresholds)
    return {pk: found[key] for pk, key in keys.items() if key in found}


def earlier_definitions(
    user_id: int, keys: Collection[Key], thresholds: Mapping[int, Threshold]
) -> dict[Key, Definition]:
    """Revisions that an edit has ended, as they were kept; thresholds: as they are now, by id."""
    rows = ThresholdRevision.objects.filter(
        user_id=user_id,
        threshold_id__in={threshold_id for threshold_id, _ in keys},
        revision__in={revision for _, revision in keys},
    )
    sums: dict[Key, list[ThresholdRevision]] = defaultdict(list)
    for row in rows.order_by("position"):
        sums[row.threshold_id, row.revision].append(row)
    found: dict[Key, Definition] = {}
    for key in keys:
        now = thresholds[key[0]]
        if key in sums:
            old, parts = ThresholdRevision.put_together(sums[key], now)
            found[key] = Definition(old, parts, rule_of(old, parts), edited=True)
        else:
            found[key] = Definition(now, [], None, edited=True)
    return found
