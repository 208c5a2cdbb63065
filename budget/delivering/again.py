"""What support people do with one delivery: see what would be sent now, and send it again."""

from __future__ import annotations

from budget.delivering.messages import Message, messages_of
from budget.delivering.sql import Taken
from budget.engine import Book
from budget.models import Conflict, Delivery
from budget.models.endpoint import DeliveryKind, DeliveryState, EndpointState


def would_be_sent(delivery: Delivery) -> Message:
    """The message that a try would send now, or that it would send none; nothing leaves."""
    row = Taken(*(getattr(delivery, name) for name in Taken._fields))
    endpoints = {delivery.endpoint_id: delivery.endpoint}
    (message,) = messages_of(delivery.user_id, [row], endpoints, delivery.token)
    return message


def send_again(book: Book, delivery: Delivery) -> None:
    """Let a delivery leave now, under the user's lock, with its id and a new round of tries.

    As far as it is true then. Raises Conflict where its endpoint is not on, or it is in hand.
    """
    found = Delivery.objects.select_related("endpoint").filter(
        user_id=book.ledger.user_id, pk=delivery.pk
    )
    row = found.select_for_update(of=("self",)).first()
    if row is None:
        raise Conflict("The delivery was deleted a moment ago.")
    if row.kind != DeliveryKind.EXAMPLE and row.endpoint.state != EndpointState.ON:
        raise Conflict(f"The endpoint is {row.endpoint.state}; put it on first.")
    if row.token and row.due_at > book.ledger.now:
        raise Conflict("It is being sent just now.")
    row.state, row.tries, row.ended_at = DeliveryState.PENDING, 0, None
    row.token, row.due_at = "", book.ledger.now
    row.save(update_fields=["state", "tries", "ended_at", "token", "due_at"])
