"""Alerts leave the building: from events to signed messages, sent until they arrive.

dispatch.py: what has happened -> rows of Delivery. messages.py: what is true of them now.
worker.py: sends them. sql.py: takes rows, and stores what became of them.
"""

from __future__ import annotations

from budget.delivering.dispatch import dispatch, replay
from budget.delivering.endpoints import put, send_example
from budget.delivering.worker import Deliverer

__all__ = ["Deliverer", "dispatch", "put", "replay", "send_example"]
