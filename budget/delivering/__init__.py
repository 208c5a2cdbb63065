"""Alerts leave the building: from events to signed messages, sent until they arrive.

dispatch.py: what has happened -> rows of Delivery. messages.py: what is true of them now.
clock.py, limits.py: the user's hours. channels/: how a message gets there. worker.py: sends them.
sql.py: takes rows, and stores what became of them. health.py: whether that goes on.
"""

from __future__ import annotations

from budget.delivering.channels.mail import read_stop
from budget.delivering.dispatch import dispatch
from budget.delivering.endpoints import (
    change_channel,
    channel_of,
    put,
    replay,
    send_example,
    set_preferences,
    stop_channel,
)
from budget.delivering.worker import Deliverer

__all__ = [
    "Deliverer",
    "change_channel",
    "channel_of",
    "dispatch",
    "put",
    "read_stop",
    "replay",
    "send_example",
    "set_preferences",
    "stop_channel",
]
