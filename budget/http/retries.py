"""Idempotency-Key: a POST that is sent again is answered again and done once.

Only answers of 2xx are kept, for 24 hours, in the commit of the write itself: no crash can leave a
key without its effect or an effect without its key. The rules are those of Stripe's v1 API.
"""

from __future__ import annotations

import hashlib
import json
import re
from datetime import timedelta
from typing import Any

from django.db import OperationalError, connection, transaction
from django.http import HttpRequest
from django.utils import timezone

from budget.http.problems import RETRY_AFTER, ApiError, Problem, wrong
from budget.models import ledger
from budget.models.errors import LOCK_NOT_AVAILABLE, code_of
from budget.models.idempotency import KEY_LENGTH, PATH_LENGTH, IdempotentAnswer

KEPT_FOR = timedelta(hours=24)
KEY = re.compile(rf"[\x21-\x7e]{{1,{KEY_LENGTH}}}")
# A retry waits for the first request on the unique index; the row itself is what it inserts.
CLAIM = """
INSERT INTO budget_idempotentanswer
(user_id, method, path, key, digest, status, body, headers, created_at)
VALUES (%s, %s, %s, %s, %s, NULL, NULL, '{}', %s)
ON CONFLICT (user_id, method, path, key) DO NOTHING
"""


def key_of(request: HttpRequest) -> str | None:
    """The request's Idempotency-Key. Raises ApiError 400 for one that is none."""
    key = request.headers.get("Idempotency-Key")
    if key is None or request.method != "POST":
        return None
    if not KEY.fullmatch(key):
        detail = f"Must be 1 to {KEY_LENGTH} visible ASCII characters."
        raise wrong(Problem.MALFORMED, [{"detail": detail, "parameter": "Idempotency-Key"}])
    return key


def path_of(request: HttpRequest) -> str:
    return request.get_full_path()[:PATH_LENGTH]


def digest_of(sent: object) -> str:
    """What was sent, whatever the order of its keys; a number counts by its characters."""
    text = json.dumps(sent, sort_keys=True, default=lambda number: number.literal)
    return hashlib.sha256(text.encode()).hexdigest()


def claim(request: HttpRequest, user_id: int, key: str, sent: object) -> IdempotentAnswer | None:
    """Claim a key within the write's atomic block; the answer that is there already, if any.

    Raises ApiError: 409 while the first request is still running, 422 for another body.
    """
    path, digest, now = path_of(request), digest_of(sent), timezone.now()
    mine = IdempotentAnswer.objects.filter(user_id=user_id)
    mine.filter(created_at__lt=now - KEPT_FOR).delete()
    params = [user_id, request.method, path, key, digest, now]
    statement = CLAIM if connection.vendor == "sqlite" else ledger.LOCK_TIMEOUT + CLAIM
    try:
        # A block of its own, so that a wait in vain leaves the outer one usable.
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement, params)
            if cursor.rowcount:
                return None
    except OperationalError as error:
        if code_of(error) != LOCK_NOT_AVAILABLE:
            raise
        detail = "The first request with this Idempotency-Key is still running."
        raise ApiError(Problem.RUNNING, detail, headers=RETRY_AFTER) from error
    found = mine.get(method=request.method, path=path, key=key)
    if found.digest != digest:
        detail = "This Idempotency-Key came with another body before; take a new key."
        raise ApiError(Problem.KEY_REUSED, detail)
    if found.body is None:
        detail = "This was done already, and its answer cannot be given again."
        raise ApiError(Problem.CONFLICT, detail)
    return found


def keep(
    request: HttpRequest,
    user_id: int,
    key: str,
    status: int,
    body: dict[str, Any] | None,
    headers: dict[str, str],
) -> None:
    """Store the answer to a claimed key, in the commit of the write."""
    IdempotentAnswer.objects.filter(
        user_id=user_id, method=request.method, path=path_of(request), key=key
    ).update(status=status, body=body, headers=headers)
