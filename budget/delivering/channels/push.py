"""Web push: a sealed message that a browser shows, by way of its push service."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import timedelta
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.utils import timezone

from budget.delivering.channels.task import Came, Task
from lib.outside import Client, Failed
from lib.web_push import Sender, headers_of, sealed, text_of

# How long a push service keeps a message for a browser that is away.
KEPT_FOR = timedelta(days=3)
# Characters of what is shown; with the rest, whatever they are, less than a push service takes.
TITLE, BODY = 80, 300
# The browser has unsubscribed, or is no more.
GONE = (404, 410)


def the_sender() -> Sender | None:
    """Who sends, by the settings; None where this service sends no web push."""
    key, subject = settings.VAPID_PRIVATE_KEY, settings.VAPID_SUBJECT
    return None if key is None else sender_of(key, subject)


@lru_cache(maxsize=2)
def sender_of(key: str, subject: str) -> Sender:
    return Sender.of(key, subject)


def send(client: Client, task: Task) -> Came:
    """Send a message to a browser. Raises Refused and Failed."""
    sender, endpoint = the_sender(), task.endpoint
    if sender is None:
        raise Failed("This service has no VAPID_PRIVATE_KEY any more.")
    message = json.loads(task.message.body)
    name = task.message.row.message_id
    alert = message["data"].get("alert")
    shown = json.dumps(notification_of(name, message), ensure_ascii=False, separators=(",", ":"))
    headers = headers_of(
        sender,
        endpoint.url,
        timezone.now(),
        ttl=KEPT_FOR,
        urgent=message["type"] in ("alert.opened", "example"),
        topic=topic_of(endpoint.auth, f"alert {alert['id']}" if alert else name),
    )
    body = sealed(shown.encode(), endpoint.p256dh, endpoint.auth)
    answer = client.post(endpoint.url, body, {"User-Agent": "financial-alerts", **headers})
    return Came(
        200 <= answer.status < 300,
        answer.status,
        answer.text,
        answer.retry_after,
        gone=answer.status in GONE,
    )


def topic_of(secret: str, about: str) -> str:
    """The name under which a push service replaces a message that it still has by a later one.

    It tells the push service nothing, and has 16 characters of base64url.
    """
    return text_of(hmac.digest(secret.encode(), about.encode(), hashlib.sha256)[:12])


def notification_of(name: str, message: Mapping[str, Any]) -> dict[str, Any]:
    """A message as browsers show it: declarative web push, which some show without a worker.

    name: the message's id. `data` is for the app: ids, and the numbers of then and of now.
    """
    kind, data = message["type"], message["data"]
    if kind == "example":
        title, body, about = "Financial Alerts", "This browser gets your alerts.", {}
        tag, navigate = name, "?"
    elif "events" in data:
        title, body = counted(data), "; ".join(one["alert"]["message"] for one in data["events"])
        about = {key: data[key] for key in ("first_seq", "last_seq", "opened", "resolved")}
        tag, navigate = name, f"?since={data['first_seq'] - 1}"
    else:
        alert = data["alert"]
        title, body = split(alert["message"])
        about = {
            "seq": data["seq"],
            "then": {key: data[key] for key in ("total", "limit")},
            "alert": alert["id"],
            **{key: alert[key] for key in ("threshold", "level", "status", "total", "limit")},
        }
        tag, navigate = f"alert-{alert['id']}", f"?alert={alert['id']}"
    return {
        "web_push": 8030,
        "notification": {
            "title": cut(title, TITLE),
            "body": cut(body, BODY),
            "tag": tag,
            "navigate": navigate,
            "data": {"id": name, "type": kind, "timestamp": message["timestamp"], **about},
        },
    }


def split(sentence: str) -> tuple[str, str]:
    """Title and text of an alert's sentence, which mostly begins with a name and a colon."""
    name, colon, rest = sentence.partition(": ")
    return (
        (name, rest)
        if name.strip() and colon and len(name) <= TITLE
        else ("Financial Alerts", sentence)
    )


def counted(data: Mapping[str, Any]) -> str:
    """How many alerts many events have opened and resolved."""
    opened, resolved = data["opened"], data["resolved"]
    parts = [f"{count} {word}" for count, word in ((opened, "open"), (resolved, "ended")) if count]
    return f"Alerts: {', '.join(parts)}"


def cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"
