"""Where alerts are reported outside: endpoints, what was sent to them, and each try."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils import timezone

from budget.models.alert import EventKind
from lib.outside import URL_LENGTH
from lib.webhook import new_secret

# How long a secret that was replaced goes on signing, beside the new one.
OVERLAP = timedelta(hours=24)
MAX_QUIET = 3600
MAX_A_DAY = 1000
TEXT_LENGTH = 1024


class EndpointState(models.TextChoices):
    """on: it gets messages. paused: they wait for it. off: it misses what happens meanwhile."""

    ON = "on"
    PAUSED = "paused"
    OFF = "off"


class Channel(models.TextChoices):
    """How messages get there."""

    WEBHOOK = "webhook"
    EMAIL = "email"
    PUSH = "push"


# Those that a user has once, with settings that all devices of it share.
PERSONAL = (Channel.EMAIL, Channel.PUSH)


class Digest(models.TextChoices):
    """none: each message at once. day, week: one message with what has happened."""

    NONE = "none"
    DAY = "day"
    WEEK = "week"


class Brief(models.TextChoices):
    """What is reported of an alert that opened and resolved before anything of it was reported."""

    NOTHING = "nothing"
    ONCE = "once"


def default_kinds() -> list[str]:
    return [EventKind.OPENED.value, EventKind.RESOLVED.value]


class Preferences(models.Model):
    """Which of a user's events are sent, and when.

    kinds: of the events. thresholds, levels: ids and percent; empty: all, also alerts without one.
    late: whether alerts of periods that were over already are sent. quiet: seconds that an event
    waits, so that what has passed by then is not sent. brief: see Brief. highest: whether only the
    highest open level of a threshold is sent. quiet_hours: HH:MM-HH:MM, from when to when nothing
    is sent; empty: never. digest: see Digest; at digest_at (HH:MM), of a week on digest_on (1 is
    Monday). per_day: how many messages leave on a day; 0: any number. Times are the user's own.
    """

    kinds = models.JSONField(default=default_kinds)
    thresholds = models.JSONField(default=list, blank=True)
    levels = models.JSONField(default=list, blank=True)
    late = models.BooleanField(default=False)
    quiet = models.SmallIntegerField(default=0)
    brief = models.CharField(max_length=7, choices=Brief, default=Brief.NOTHING)
    highest = models.BooleanField(default=False)
    quiet_hours = models.CharField(max_length=11, blank=True, default="")
    digest = models.CharField(max_length=4, choices=Digest, default=Digest.NONE)
    digest_at = models.CharField(max_length=5, default="08:00")
    digest_on = models.SmallIntegerField(default=1)
    per_day = models.SmallIntegerField(default=0)

    class Meta:
        abstract = True

    def wants(self, kind: str, threshold_id: int | None, level: int | None, late: bool) -> bool:
        """Whether an event of an alert passes the filters. level: None of one that has none."""
        return (
            kind in self.kinds
            and (not self.thresholds or threshold_id in self.thresholds)
            and (not self.levels or level in self.levels)
            and (self.late or not late)
        )


PREFERENCES = tuple(field.attname for field in Preferences._meta.local_fields)


class Endpoint(Preferences):
    """A place that a user's events go to, as messages.

    channel: how. url: of a webhook, or of a device. The channels that are PERSONAL have one row
    each without a URL, made when its settings are first changed: of e-mail the endpoint itself,
    which sends to the user's own address; of push the settings that a new device begins with, and
    that a change takes to all of them. seq: the last event that was looked at for it.
    secret, old_secret: whsec_ and base64; both sign until old_secret_until. p256dh, auth: of a
    browser, the keys that messages are sealed with.
    because: why it is not on, where the service has decided that. wait_until: before that the
    receiver wants nothing (Retry-After). delivered, folded, failed: messages that arrived, that
    were no longer true, and tries that failed. failing_since: the first of the failures after which
    nothing has arrived.
    """

    MAX_A_USER = 20

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="endpoints", db_index=False
    )
    channel = models.CharField(max_length=7, choices=Channel, default=Channel.WEBHOOK)
    url = models.CharField(max_length=URL_LENGTH, blank=True)
    state = models.CharField(max_length=6, choices=EndpointState, default=EndpointState.ON)
    because = models.CharField(max_length=200, blank=True, editable=False)
    secret = models.CharField(max_length=100, default=new_secret, editable=False)
    old_secret = models.CharField(max_length=100, blank=True, editable=False)
    old_secret_until = models.DateTimeField(null=True, editable=False)
    p256dh = models.CharField(max_length=87, blank=True, editable=False)
    auth = models.CharField(max_length=22, blank=True, editable=False)
    seq = models.BigIntegerField(default=0, editable=False)
    wait_until = models.DateTimeField(null=True, editable=False)
    delivered = models.BigIntegerField(default=0, editable=False)
    folded = models.BigIntegerField(default=0, editable=False)
    failed = models.BigIntegerField(default=0, editable=False)
    failing_since = models.DateTimeField(null=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering: ClassVar = ["id"]
        constraints: ClassVar = [
            # What deliveries point to on PostgreSQL; a user's endpoints, too.
            models.UniqueConstraint(fields=["user", "id"], name="budget_endpoint_unique_of_user"),
            models.CheckConstraint(
                condition=models.Q(state__in=EndpointState.values), name="budget_endpoint_state"
            ),
            models.CheckConstraint(
                condition=models.Q(brief__in=Brief.values), name="budget_endpoint_brief"
            ),
            models.CheckConstraint(
                condition=models.Q(quiet__range=(0, MAX_QUIET)), name="budget_endpoint_quiet"
            ),
            models.UniqueConstraint(
                fields=["user", "channel"],
                condition=models.Q(url=""),
                name="budget_endpoint_unique_settings",
            ),
            models.CheckConstraint(
                condition=models.Q(channel=Channel.WEBHOOK) & ~models.Q(url="")
                | models.Q(channel=Channel.EMAIL, url="")
                | models.Q(channel=Channel.PUSH),
                name="budget_endpoint_channel",
            ),
            # A browser is of one user: a message never reaches the one who had it before.
            models.UniqueConstraint(
                fields=["url"],
                condition=models.Q(channel=Channel.PUSH) & ~models.Q(url=""),
                name="budget_endpoint_unique_browser",
            ),
            models.CheckConstraint(
                condition=models.Q(digest__in=Digest.values, digest_on__range=(1, 7)),
                name="budget_endpoint_digest",
            ),
            models.CheckConstraint(
                condition=models.Q(per_day__range=(0, MAX_A_DAY)), name="budget_endpoint_per_day"
            ),
        ]

    def __str__(self) -> str:
        return f"endpoint {self.pk}, {self.state}"

    @property
    def sends(self) -> bool:
        """Whether it is a place, not only the settings of a channel's devices."""
        return bool(self.url) or self.channel == Channel.EMAIL

    def rotate(self, now: datetime) -> str:
        """Give it a new secret; the old one signs beside it for a day."""
        self.old_secret, self.old_secret_until = self.secret, now + OVERLAP
        self.secret = new_secret()
        return self.secret

    def secrets_at(self, now: datetime) -> Sequence[str]:
        """The secrets that sign a message that leaves now, the newest first."""
        if self.old_secret_until is None or self.old_secret_until <= now:
            return [self.secret]
        return [self.secret, self.old_secret]


class DeliveryKind(models.TextChoices):
    EVENT = "event"
    IMPORT = "import"
    DIGEST = "digest"
    EXAMPLE = "example"


# Those of many events: from seq to last_seq, without those that have a separate delivery.
SPANS = (DeliveryKind.IMPORT, DeliveryKind.DIGEST)


class DeliveryState(models.TextChoices):
    """pending: to be sent. held: until its endpoint is on again. folded: no longer true when it
    was to leave, so it was not sent. failed: given up."""

    PENDING = "pending"
    HELD = "held"
    DELIVERED = "delivered"
    FOLDED = "folded"
    FAILED = "failed"


class Delivery(models.Model):
    """One message to one endpoint: of an event, of many (an import's, a digest's), or an example.

    seq: the number of its event, of many the first one; null for an example. last_seq: of many the
    last one. token: of the process that has it; due_at is then when that process has lost
    it, else when it is to be sent. tries: in this round; a replay begins another. left_at: when it
    was first about to leave: from then on the receiver may know it.
    """

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="deliveries", db_index=False
    )
    endpoint = models.ForeignKey(
        Endpoint, models.CASCADE, related_name="deliveries", db_index=False
    )
    kind = models.CharField(max_length=7, choices=DeliveryKind)
    seq = models.BigIntegerField(null=True)
    last_seq = models.BigIntegerField(null=True)
    state = models.CharField(max_length=9, choices=DeliveryState, default=DeliveryState.PENDING)
    tries = models.SmallIntegerField(default=0)
    due_at = models.DateTimeField()
    token = models.CharField(max_length=32, blank=True, default="")
    left_at = models.DateTimeField(null=True)
    status = models.SmallIntegerField(null=True)
    created_at = models.DateTimeField(default=timezone.now)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name_plural = "deliveries"
        ordering: ClassVar = ["id"]
        indexes: ClassVar = [
            # What is to be sent next.
            models.Index(
                fields=["due_at"],
                condition=models.Q(state="pending"),
                name="budget_delivery_due",
            ),
            # The list of an endpoint's, newest first.
            models.Index(fields=["user", "endpoint", "id"], name="budget_delivery_by_endpoint"),
            # The clean-up of what is old.
            models.Index(
                fields=["ended_at"],
                condition=models.Q(ended_at__isnull=False),
                name="budget_delivery_by_end",
            ),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["user", "id"], name="budget_delivery_unique_of_user"),
            models.UniqueConstraint(
                fields=["user", "endpoint", "seq"], name="budget_delivery_unique_event"
            ),
            models.CheckConstraint(
                condition=models.Q(kind="event", seq__isnull=False, last_seq=None)
                | models.Q(kind__in=SPANS, seq__isnull=False, last_seq__isnull=False)
                | models.Q(kind="example", seq=None, last_seq=None),
                name="budget_delivery_kind",
            ),
            models.CheckConstraint(
                condition=models.Q(state__in=("pending", "held"), ended_at=None)
                | models.Q(state__in=("delivered", "folded", "failed"), ended_at__isnull=False),
                name="budget_delivery_state",
            ),
        ]

    def __str__(self) -> str:
        return f"delivery {self.pk}, {self.state}"

    @property
    def message_id(self) -> str:
        return message_id_of(self.user_id, self.kind, self.seq, self.pk)


def message_id_of(user_id: int, kind: str, seq: int | None, pk: int) -> str:
    """What names a message to its receiver: the same at each try, and to each endpoint.

    Made of the event's number, which no other event gets, not even after a restore.
    """
    return f"{kind}_{user_id}_{pk if seq is None else seq}"


class DeliveryTry(models.Model):
    """One try of a delivery. status: of the answer, null without one. text: of the answer at most
    the first KiB, or what went wrong. took: milliseconds."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", db_index=False
    )
    delivery = models.ForeignKey(Delivery, models.CASCADE, related_name="made", db_index=False)
    at = models.DateTimeField()
    took = models.IntegerField()
    status = models.SmallIntegerField(null=True)
    text = models.TextField(max_length=TEXT_LENGTH, blank=True)

    class Meta:
        ordering: ClassVar = ["id"]
        indexes: ClassVar = [
            models.Index(fields=["user", "delivery", "id"], name="budget_deliverytry_by_deliv"),
        ]

    def __str__(self) -> str:
        return f"{self.status or 'no answer'} after {self.took} ms"
