"""Answers kept in the cache for a state of the user's ledger: another state, another key.

Only what follows from the ledger alone may be kept, and never alerts: those are computed as they
are asked for. Nothing is ever taken back, because what a key names does not change; only a database
that is restored from a backup counts its versions anew, hence the short life.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from django.core.cache import caches
from django.http import HttpRequest

from budget.models import LedgerState

SECONDS = 600


def recall(request: HttpRequest, ledger: LedgerState) -> dict[str, Any] | None:
    """What the same address was answered in the same state; None where nobody remembers."""
    found = caches["summaries"].get(key_of(request, ledger))
    # As text: a cache that somebody else can write to must not be able to run code here.
    body: dict[str, Any] | None = json.loads(found) if isinstance(found, str) else None
    return body


def remember(request: HttpRequest, ledger: LedgerState, body: dict[str, Any]) -> None:
    """Keep an answer that is proved to come from this one state."""
    caches["summaries"].set(key_of(request, ledger), json.dumps(body), SECONDS)


def key_of(request: HttpRequest, ledger: LedgerState) -> str:
    """A digest: the address has dates of a person in it, and keys are no place for them."""
    state = (ledger.user_id, ledger.version, ledger.as_of.isoformat(), ledger.rules)
    asked = (request.path, sorted(request.GET.lists()))
    return f"summary:{ledger.user_id}:{hashlib.sha256(repr((state, asked)).encode()).hexdigest()}"
