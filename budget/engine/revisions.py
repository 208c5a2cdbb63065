"""What thresholds looked at before an edit, kept for the alerts of that time."""

from __future__ import annotations

from collections.abc import Sequence

from budget.models import Alert, Condition, Threshold, ThresholdRevision


def keep_revision(old: Threshold, parts: Sequence[Condition]) -> None:
    """Keep what a threshold has looked at until this commit, where there are alerts of it.

    Without any there is nothing to be explained, and a category that was named by mistake stays
    free to be deleted.
    """
    alerts = Alert.objects.filter(user_id=old.user_id, threshold_id=old.pk, revision=old.revision)
    if alerts.of_thresholds().exists():
        ThresholdRevision.objects.bulk_create(ThresholdRevision.sums_of(old, parts))
