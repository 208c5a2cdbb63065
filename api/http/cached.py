"""Cached answers, each for one state of the user's ledger: another state has another key.

Only an answer that follows from the ledger may be cached, and never alerts: those are computed for
each request. Nothing has to be invalidated, because the answer of a key never changes: a restored
database has another generation, and the key contains the release of the service.
"""

from __future__ import annotations

import json
from typing import Any

from django.core.cache import caches
from django.http import HttpRequest

from budget.models import LedgerState
from lib.release import release
from lib.text import digest

SECONDS = 600


def recall(request: HttpRequest, ledger: LedgerState) -> dict[str, Any] | None:
    """The cached answer to the same address in the same state, if there is one."""
    found = caches["summaries"].get(key_of(request, ledger))
    # As text: who can write to the cache must not be able to run code here.
    body: dict[str, Any] | None = json.loads(found) if isinstance(found, str) else None
    return body


def remember(request: HttpRequest, ledger: LedgerState, body: dict[str, Any]) -> None:
    """Cache an answer that was read in one snapshot of this state."""
    caches["summaries"].set(key_of(request, ledger), json.dumps(body), SECONDS)


def key_of(request: HttpRequest, ledger: LedgerState) -> str:
    """A digest, because the address contains personal dates."""
    state = (release(), ledger.generation, ledger.version, ledger.as_of.isoformat(), ledger.rules)
    asked = (ledger.user_id, request.path, sorted(request.GET.lists()))
    return f"summary:{ledger.user_id}:{digest(repr((state, asked)))}"
