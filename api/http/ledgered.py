"""How every route reads and writes: from one state of the user's ledger, or under its lock.

Here are the ETag, the replica and the cache of a read; the lock, the one retry, the idempotency key
and the dry run of a write, and the alerts that it answers with.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
from collections.abc import Callable
from datetime import datetime
from http import HTTPStatus
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db import DEFAULT_DB_ALIAS, DatabaseError, transaction
from django.db.models import Model
from django.http import HttpRequest
from django.utils import timezone

from accounts.authentication import SAFE_METHODS
from api.http import cached, idempotency, replica
from api.http.endpoint import Answer, ApiRequest, Endpoint, Stream
from api.http.problems import ApiError, Problem, is_deadlock, wrong
from api.schemas import DryRunQuery
from api.schemas.base import Lookups, Query
from budget.answers import describe_flipped
from budget.engine import (
    Flipped,
    Moved,
    Reading,
    move_day,
    move_to_today,
    one_state,
    open_book,
)
from budget.models import LedgerState
from lib.postgresql.prepared import is_forgotten
from lib.release import release

logger = logging.getLogger(__name__)

Sent = dict[str, Any] | None
Keys = dict[str, Any]


def run(request: ApiRequest, endpoint: Endpoint, sent: Sent, keys: Keys) -> Answer:
    """Validate what was sent, then call the view with it."""
    lookups = Lookups(request.user, request.ledger)
    given: dict[str, Any] = {}
    plain = endpoint.query in (Query, DryRunQuery)  # the view needs nothing of it
    if request.GET or not plain:
        query = endpoint.query.read(request.GET, lookups)
        given = {} if plain else {"query": query}
    if endpoint.body is not None:
        batch = endpoint.batch_body if sent is not None and "items" in sent else None
        given["body"] = (batch or endpoint.body).read(sent, lookups)
    answer = endpoint.view(request, **given, **keys)
    answer.status = answer.status or endpoint.status
    return answer


# Reads


def read(request: ApiRequest, endpoint: Endpoint, sent: Sent, keys: Keys) -> Answer:
    """Answer a read from one state of the user's ledger, with its ETag.

    The ledger shows whether the client or the cache has the answer already.
    """
    reading = Reading(move_to_today(request.user.pk, request.credential.ledger))
    if endpoint.etag and (tag := still_good(request, reading.ledger)):
        return Answer({}, HTTPStatus.NOT_MODIFIED, {"ETag": tag})
    if endpoint.cached and (body := cached.recall(request, reading.ledger)) is not None:
        return with_etag(request, endpoint, Answer(body, endpoint.status), reading.ledger)

    def view(reading: Reading) -> Answer:
        request.reading, request.ledger = reading, reading.ledger
        return in_one_state(reading, lambda: run(request, endpoint, sent, keys))

    answer = replica.read(reading, view) if endpoint.replica else None
    try:
        answer = answer or view(reading)
    except Moved:
        # Nothing moves in a snapshot. It takes a database transaction, so it comes second.
        with one_state(request.user.pk) as ledger:
            answer = view(Reading(ledger))
    if endpoint.cached:
        cached.remember(request, request.ledger, answer.body)
    return with_etag(request, endpoint, answer, request.ledger)


def in_one_state(reading: Reading, view: Callable[[], Answer]) -> Answer:
    """What a view answers, or raises, by one state of the ledger. Raises Moved.

    What it raises may come of two states, too: of a row that was there, and one that was not.
    """
    try:
        answer = view()
    except (Moved, DatabaseError):
        raise
    except Exception:
        reading.check()
        if reading.database != DEFAULT_DB_ALIAS:
            # Rows that fields name come from the primary, whatever database answers.
            Reading(reading.ledger).check()
        raise
    if not reading.sure:
        reading.check()
    return answer


# Writes


def write(request: ApiRequest, endpoint: Endpoint, sent: Sent, keys: Keys) -> Answer:
    """Answer a write; if what a second try need not meet has rolled it back, it is tried again."""
    try:
        return write_once(request, endpoint, sent, keys)
    except DatabaseError as error:
        if not (is_deadlock(error) or is_forgotten(error)):
            raise
        logger.warning("A write is tried again: %s", error)
        return write_once(request, endpoint, sent, keys)


def write_once(request: ApiRequest, endpoint: Endpoint, sent: Sent, keys: Keys) -> Answer:
    """Validate and write in one atomic block; the ledger is locked before the user's rows are read.

    So the rows that the input names, and the row that a PATCH changes, stay as they were read. Only
    the Idempotency-Key is claimed before.
    """
    user_id = request.user.pk
    key = idempotency.key_of(request) if "Idempotency-Key" in request.headers else None
    dry_run = endpoint.dry_run and request.GET.get("dry_run") == "true"
    if dry_run and key is not None:
        detail = "A dry run stores nothing, so it takes no Idempotency-Key."
        raise wrong(Problem.PARAMETERS, [{"detail": detail, "parameter": "dry_run"}])
    with transaction.atomic():
        if key is not None and (done := idempotency.claim(request, user_id, key, sent)):
            headers = {**done.headers, idempotency.REPLAYED: "true"}
            return Answer(done.body or {}, done.status or 200, headers)
        with open_book(user_id) as book:
            request.ledger = book.ledger
            answer = run(request, endpoint, sent, keys)
            if answer.status == HTTPStatus.CREATED and "id" in answer.body:
                answer.headers.setdefault("Location", f"{request.path}/{answer.body['id']}")
            answer.body["alerts"] = {"opened": [], "resolved": []}
            if endpoint.etag:
                # A write that judges nothing moves the day here, and shows what that has flipped.
                if book.ledger.as_of < book.ledger.today:
                    move_day(book)
                answer.body["alerts"] = describe_flipped(book)
        if endpoint.etag and answer.row is not None and not dry_run:
            answer = with_etag(request, endpoint, answer, book.ledger)
        if dry_run:
            transaction.set_rollback(True)
            return as_dry_run(request, answer, book.flipped)
        if key is not None:
            # An answer that no cache may store is not stored for a retry either.
            public = answer.headers.get("Cache-Control") != "no-store"
            body = answer.body if public else None
            idempotency.keep(request, user_id, key, answer.status or 200, body, answer.headers)
    return answer


def as_dry_run(request: ApiRequest, answer: Answer, flipped: Flipped) -> Answer:
    """The answer to a write that is rolled back: without the ids of rows that will not exist."""
    body = answer.body
    if request.method == "POST":
        rows = body.get("items", [body])
        new = {row["id"] for row in rows}
        for row in rows:
            row["id"] = None
        for alert in (*body["alerts"]["opened"], *body["alerts"]["resolved"]):
            if alert["transaction"] in new:
                alert["transaction"] = None
    for alert in body["alerts"]["opened"]:
        if alert["id"] in flipped.new:
            alert["id"] = None
    return Answer({**body, "dry_run": True}, HTTPStatus.OK)


# ETags: "row.state", or "row.state.until" if the answer also changes with the clock.
#
# row: a digest of the row's columns; If-Match compares only this. state: a digest of all that the
# answer depends on: the user, the database's generation, the URL, the state of the ledger, and
# the release of the service, because another release may word the answer in another way.
# until: the time (Unix seconds, UTC) at which the answer changes without a write.
#
# If-None-Match accepts only the ETag of an answer to GET or HEAD. So a match proves that this
# URL gave this answer to this user, and would give it again.

# An ETag as this API makes it, W/ allowed: proxies weaken the tags of what they compress.
TAG = re.compile(r'(?:W/)?"([0-9a-z]+)\.([0-9a-f]{32})(?:\.([0-9]{1,12}))?"')
LIST = "list"


def with_etag(
    request: ApiRequest, endpoint: Endpoint, answer: Answer, ledger: LedgerState
) -> Answer:
    """The answer with its ETag. 304 if it does not follow from the ledger and is still the same."""
    part = row_part(answer.row)
    if not endpoint.etag:
        if isinstance(answer, Stream) or request.method not in SAFE_METHODS:
            return answer
        part = digest_of(text_of(answer.body))
    answer.headers["ETag"] = tag_of(request, part, ledger, seconds(answer.until))
    if not endpoint.etag and matches(request, answer.headers["ETag"]):
        return Answer({}, HTTPStatus.NOT_MODIFIED, answer.headers)
    return answer


def digest_of(text: str, length: int = 16) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:length]


def text_of(values: dict[str, Any]) -> str:
    return json.dumps(values, cls=DjangoJSONEncoder, sort_keys=True)


def row_part(row: Model | None) -> str:
    """A digest of a row's columns; "list" for lists and computed answers.

    Columns that the engine derives from other rows do not count: they change without an edit.
    """
    if row is None:
        return LIST
    derived = getattr(row, "DERIVED", ())
    columns = [field.attname for field in row._meta.concrete_fields if field.name not in derived]
    return digest_of(text_of({name: getattr(row, name) for name in columns}))


def asked(request: HttpRequest) -> tuple[str, str, str]:
    """The exact address; the answer to a write is not the answer to a GET."""
    method = "GET" if request.method in SAFE_METHODS else str(request.method)
    return method, request.path, request.META.get("QUERY_STRING", "")


def tag_of(request: HttpRequest, part: str, ledger: LedgerState, until: str | None) -> str:
    """The ETag of an answer to a request, at a state of the user's ledger.

    part: the digest of the row. until: Unix seconds, None if only a write changes the answer.
    """
    state = (ledger.user_id, ledger.generation, ledger.version, ledger.as_of.isoformat())
    # Text and whole numbers: repr() keeps them apart, and is quick.
    text = repr((release(), state, asked(request), part, until))
    words = [part, digest_of(text, 32), until]
    return '"' + ".".join(word for word in words if word is not None) + '"'


def seconds(moment: datetime | None) -> str | None:
    """A time as an ETag has it, rounded down."""
    return None if moment is None else str(int(moment.timestamp()))


def still_good(request: HttpRequest, ledger: LedgerState) -> str | None:
    """The ETag in If-None-Match that this request would be answered with; None without one.

    The user has committed nothing since, the day is the same and `until` is in the future, so the
    answer is the same and need not be made.
    """
    for found in TAG.finditer(request.headers.get("If-None-Match", "")):
        part, _, until = found.groups()
        if until is not None and int(until) <= timezone.now().timestamp():
            continue
        if found[0].removeprefix("W/") == (tag := tag_of(request, part, ledger, until)):
            return tag
    return None


def matches(request: HttpRequest, tag: str) -> bool:
    """Whether If-None-Match has this ETag."""
    header = request.headers.get("If-None-Match", "")
    return tag in {found[0].removeprefix("W/") for found in TAG.finditer(header)}


def check_match(request: HttpRequest, row: Model) -> None:
    """Refuse a write to a row that has changed since the client read it. Raises ApiError 412."""
    header = request.headers.get("If-Match")
    if header is None or header.strip() == "*":
        return
    if row_part(row) not in {found[1] for found in TAG.finditer(header)}:
        raise ApiError(
            Problem.PRECONDITION, "The row has changed since you read it; read it again."
        )
