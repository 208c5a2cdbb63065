"""Idempotency-Key: a POST that is sent again gets the same answer and is done once.

Only 2xx answers are stored, for 24 hours, in the commit of the write: no crash can leave a key
without its effect or an effect without its key. It works as in Stripe's v1 API.
"""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import Any

from django.db import OperationalError, connection
from django.http import HttpRequest
from django.utils import timezone

from api.http.problems import RETRY_AFTER, ApiError, Problem, wrong
from budget.models import ledger
from budget.models.idempotency import KEY_LENGTH, PATH_LENGTH, IdempotentAnswer
from lib.errors import LOCK_NOT_AVAILABLE, code_of
from lib.postgresql import Message, Prepared
from lib.text import digest as text_digest

# Marks a replayed answer: an earlier request has done the write.
REPLAYED = "Idempotent-Replayed"
KEPT_FOR = timedelta(hours=24)
KEY = re.compile(rf"[\x21-\x7e]{{1,{KEY_LENGTH}}}")
# What is older than a day goes, except for what another request is deleting just now.
FORGET = """
DELETE FROM budget_idempotentanswer WHERE id IN (
  SELECT id FROM budget_idempotentanswer WHERE user_id = %s AND created_at < %s{skip}
)
"""
FORGET_FREE = Prepared(FORGET.format(skip=" FOR UPDATE SKIP LOCKED"))
# A retry waits for the first request on the unique index; the row itself is what it inserts.
CLAIM = Prepared("""
INSERT INTO budget_idempotentanswer
(user_id, method, path, key, digest, status, body, headers, created_at)
VALUES (%s, %s, %s, %s, %s, NULL, NULL, '{}', %s)
ON CONFLICT (user_id, method, path, key) DO NOTHING
""")
KEEP = Message(
    Prepared("""
UPDATE budget_idempotentanswer SET status = %s, body = %s, headers = %s
WHERE user_id = %s AND method = %s AND path = %s AND key = %s
""")
)


def key_of(request: HttpRequest) -> str | None:
    """The request's Idempotency-Key. Raises ApiError 400 for an invalid one."""
    key = request.headers.get("Idempotency-Key")
    if key is None or request.method != "POST":
        return None
    if not KEY.fullmatch(key):
        detail = f"Must be 1 to {KEY_LENGTH} visible ASCII characters."
        raise wrong(Problem.MALFORMED, [{"detail": detail, "parameter": "Idempotency-Key"}])
    return key


def path_of(request: HttpRequest) -> str:
    """The path without its query: a POST's parameters (user, no dry_run) change nothing here."""
    return request.path[:PATH_LENGTH]


def digest_of(sent: object) -> str:
    """What was sent, whatever the order of its keys; a number counts by its characters."""
    text = json.dumps(sent, sort_keys=True, default=lambda number: number.literal)
    return text_digest(text)


def claim(request: HttpRequest, user_id: int, key: str, sent: object) -> IdempotentAnswer | None:
    """Claim a key in the write's atomic block. Returns the stored answer, if there is one.

    Raises ApiError: 409 while the first request is still running, 422 for another body; that
    block has to be rolled back then.
    """
    path, digest, now = path_of(request), digest_of(sent), timezone.now()
    moment = connection.ops.adapt_datetimefield_value
    forget = [user_id, moment(now - KEPT_FOR)]
    mine = [user_id, request.method, path, key, digest, moment(now)]
    try:
        with connection.cursor() as cursor:
            if connection.vendor == "sqlite":
                cursor.execute(FORGET.format(skip=""), forget)
                cursor.execute(CLAIM, mine)
            else:  # in one message
                text = Message(FORGET_FREE, ledger.LOCK_TIMEOUT, CLAIM)
                cursor.execute(text, [*forget, *mine])
            if cursor.rowcount:
                return None
    except OperationalError as error:
        if code_of(error) != LOCK_NOT_AVAILABLE:
            raise
        detail = "The first request with this Idempotency-Key is still running."
        raise ApiError(Problem.RUNNING, detail, headers=RETRY_AFTER) from error
    rows = IdempotentAnswer.objects.filter(user_id=user_id, method=request.method)
    found = rows.get(path=path, key=key)
    if found.digest != digest:
        detail = "This Idempotency-Key was sent with another body before; use a new key."
        raise ApiError(Problem.KEY_REUSED, detail)
    if found.body is None:
        detail = "This was done already, and its answer is not stored."
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
    stored = None if body is None else json.dumps(body)
    mine = [user_id, request.method, path_of(request), key]
    with connection.cursor() as cursor:
        cursor.execute(KEEP, [status, stored, json.dumps(headers), *mine])
