"""Webhooks: a signed POST to a URL of the user's own."""

from __future__ import annotations

from django.utils import timezone

from budget.delivering.channels.task import Came, Task
from budget.models.endpoint import EndpointState
from lib.outside import Client
from lib.webhook import signed

GONE = 410


def send(client: Client, task: Task) -> Came:
    """POST a message. Raises Refused and Failed."""
    now = timezone.now()
    message, endpoint = task.message, task.endpoint
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "financial-alerts",
        **signed(message.row.message_id, message.body, now, endpoint.secrets_at(now)),
    }
    answer = client.post(endpoint.url, message.body, headers)
    gone = (EndpointState.OFF.value, "The receiver has answered 410 (gone).")
    return Came(
        200 <= answer.status < 300,
        answer.status,
        answer.text,
        answer.retry_after,
        gone if answer.status == GONE else None,
    )
