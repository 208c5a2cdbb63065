"""Browsers that get web push: each is of the user who was last there."""

from __future__ import annotations

from django.db import transaction
from django.db.models import QuerySet

from budget.delivering.endpoints import change_channel, channel_of, put
from budget.models import Conflict, Endpoint
from budget.models.endpoint import PREFERENCES, Channel, EndpointState
from budget.models.ledger import Book

MAX_BROWSERS = 20


def subscribe(book: Book, url: str, p256dh: str, auth: str) -> Endpoint:
    """Let a browser get the user's messages from now on; the same browser again is the same row.

    A user who had it before has it no longer. It gets the settings and the state that the user's
    browsers share, also after the service has paused it. Raises Conflict beyond MAX_BROWSERS.
    """
    ledger = book.ledger
    drop(Endpoint.objects.filter(channel=Channel.PUSH, url=url).exclude(user_id=ledger.user_id))
    shared = channel_of(ledger.user_id, Channel.PUSH)
    if shared._state.adding:
        # A user who subscribes for the first time wants messages.
        shared = change_channel(book, Channel.PUSH, {"state": EndpointState.ON.value})
    mine = Endpoint.objects.filter(user_id=ledger.user_id, channel=Channel.PUSH).exclude(url="")
    row = mine.filter(url=url).first()
    if row is None:
        if mine.count() >= MAX_BROWSERS:
            raise Conflict(f"A user has at most {MAX_BROWSERS} browsers.")
        wishes = {name: getattr(shared, name) for name in PREFERENCES}
        return Endpoint.objects.create(
            user_id=ledger.user_id,
            channel=Channel.PUSH,
            url=url,
            p256dh=p256dh,
            auth=auth,
            secret="",
            state=shared.state,
            seq=ledger.event_seq,
            created_at=ledger.now,
            **wishes,
        )
    mine.filter(pk=row.pk).update(p256dh=p256dh, auth=auth)
    put(book, row, shared.state)
    return row


def drop(rows: QuerySet[Endpoint]) -> int:
    """Delete endpoints with their deliveries; gives how many."""
    with transaction.atomic(savepoint=False):
        # Locked before their deliveries, as when outcomes are stored.
        found = list(rows.select_for_update())
        for row in found:
            row.delete()
    return len(found)
