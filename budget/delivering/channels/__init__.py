"""How a message gets to its place: one function for each channel.

A thread that only sends calls it, so it touches no database: what it needs is in the Task.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from budget.delivering.channels import mail, push, webhook
from budget.delivering.channels.task import Came, Task
from budget.models import Endpoint
from budget.models.endpoint import Channel
from lib.outside import Client

__all__ = ["ABOUT", "SENDERS", "Came", "Task"]

# Raises Refused and Failed of lib/outside.py where nothing is answered.
Sender = Callable[[Client, Task], Came]
SENDERS: Mapping[str, Sender] = {
    Channel.WEBHOOK: webhook.send,
    Channel.EMAIL: mail.send,
    Channel.PUSH: push.send,
}
# What a channel has to know of its endpoints besides their rows, by their ids; read with the rows.
ABOUT: Mapping[str, Callable[[Collection[Endpoint]], Mapping[int, Any]]] = {
    Channel.EMAIL: mail.about,
}
