"""Every request comes through here: credential, method, input, atomic block, answer.

A view is called with what was sent, already validated, and returns an Answer; what it raises
becomes a problem. A new route is closed to strangers without a word about it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import pydantic
from django.contrib.auth.models import User
from django.db import OperationalError, transaction
from django.db.models import Model
from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseNotModified,
    JsonResponse,
    StreamingHttpResponse,
)
from django.urls import URLPattern, path
from django.utils.cache import patch_vary_headers

from accounts.authentication import (
    ANY_KIND,
    Credential,
    Kind,
    Unauthenticated,
    authenticate,
    check_reach,
)
from budget.engine import Flipped, describe_alerts, read_ledger, recording
from budget.engine.answers import AlertDict
from budget.http.acting import acting_for
from budget.http.body import is_text, read_object
from budget.http.etags import digest, matches, row_part, still_good, tag_of
from budget.http.kept import recall, remember
from budget.http.problems import (
    ApiError,
    FieldError,
    Problem,
    answer_to,
    is_deadlock,
    pointer,
    wrong,
)
from budget.http.replica import FAILURES, PRIMARY, REPLICA, caught_up, rest, unchanged
from budget.http.retries import claim, keep, key_of
from budget.models import Alert, LedgerState
from budget.models.ledger import holding
from budget.schemas import TrialQuery
from budget.schemas.base import Body, Query, Schema, place, sentence
from financial_alerts.throttle import CREDENTIAL, UNAUTHENTICATED, address_of, spend

logger = logging.getLogger(__name__)

READS = 3


class ApiRequest(HttpRequest):
    """A request whose sender is known.

    user: whose rows it is about, which for everybody but a service is the sender. ledger: on
    reads, the state they are true for. database: where a view that replicas may serve reads.
    """

    user: User
    credential: Credential
    ledger: LedgerState
    database: str


@dataclass
class Answer:
    """What a view has to say; a write's also gets `alerts`, which it opened and resolved.

    row: the row that the body shows; its ETag names it.
    """

    body: dict[str, Any]
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    row: Model | None = None


def created(request: HttpRequest, body: dict[str, Any], row: Model | None = None) -> Answer:
    """201 with the place of the new row, which lies under the collection's own path."""
    return Answer(body, 201, {"Location": f"{request.path}/{body['id']}"}, row)


@dataclass(kw_only=True)
class Stream(Answer):
    """An answer that is made while it is sent, of any length in little memory.

    What fails on the way cuts the connection, so that nobody takes a part for the whole.
    """

    body: dict[str, Any] = field(default_factory=dict)
    chunks: Iterable[bytes]
    content_type: str
    filename: str

    def response(self, *, empty: bool) -> StreamingHttpResponse:
        return StreamingHttpResponse(
            () if empty else self.chunks,
            status=self.status,
            content_type=self.content_type,
            headers={
                **self.headers,
                "Content-Disposition": f'attachment; filename="{self.filename}"',
            },
        )


View = Callable[..., Answer]


@dataclass(frozen=True, kw_only=True)
class Taken:
    """What a view takes.

    steady: the answer shows totals beside rows, so all of it must come from one state of the
    ledger. kinds: the credentials that it is for. tagged: the answer follows from the user's
    ledger alone, so an ETag of the ledger's version stands for it. replica: the view reads in
    request.database, so a replica may serve it. kept: the cache may serve it (steady ones alone).

    For the description of the API: answer, the TypedDict that a body follows, to which a write adds
    `alerts`; status, of an answer that is no problem; media, its content type. many: what a body
    with `items` is, where a route takes many rows at once. raises: problems that few others have.

    trial: the write can be tried out with ?dry_run=true. safe: a POST that stores nothing, so that
    whoever may read may send it.
    """

    body: type[Body] | None = None
    query: type[Query] = Query
    steady: bool = False
    kinds: frozenset[Kind] = ANY_KIND
    tagged: bool = True
    answer: Any = None
    status: int = 200
    media: str = "application/json"
    many: type[Body] | None = None
    replica: bool = False
    kept: bool = False
    raises: tuple[Problem, ...] = ()
    trial: bool = False
    safe: bool = False


@dataclass(frozen=True, kw_only=True)
class Handler(Taken):
    """A view and what it takes."""

    view: View

    def reads(self, method: str) -> bool:
        """Whether a request with this method stores nothing."""
        return self.safe or method in ("GET", "HEAD")

    def __call__(self, request: ApiRequest, sent: dict[str, Any] | None, keys: Any) -> Answer:
        """Validate what was sent, then call the view with it."""
        query = read_query(request, self.query)
        given: dict[str, Any] = {} if self.query in (Query, TrialQuery) else {"query": query}
        if self.body is not None:
            schema = self.many if self.many and sent and "items" in sent else self.body
            given["body"] = validated(schema, sent, request.user)
        return self.view(request, **given, **keys)


class takes(Taken):
    """Declare what a view takes: it gets `body` and `query` as validated objects."""

    def __call__(self, view: View) -> Handler:
        query = TrialQuery if self.trial else self.query
        return Handler(view=view, **{**vars(self), "query": query})


def rest_path(route: str, **handlers: View | Handler) -> URLPattern:
    """A URL with its table of methods: rest_path("alert", GET=list_alerts, POST=create_alert)."""
    table = {
        method: handler if isinstance(handler, Handler) else Handler(view=handler)
        for method, handler in handlers.items()
    }
    return path(route, Door(table))


class Door:
    """The one function behind every URL of the API."""

    # Whether CSRF matters depends on the credential, so authenticate() checks it.
    csrf_exempt = True

    def __init__(self, handlers: dict[str, Handler]) -> None:
        self.handlers = handlers
        head = ["HEAD"] if "GET" in handlers else []
        self.allow = ", ".join([*handlers, *head, "OPTIONS"])

    def __call__(self, request: HttpRequest, **keys: Any) -> HttpResponseBase:
        try:
            response = self.respond(request, keys)
        except Exception as error:
            response = answer_to(request, error)
        # Nothing in between may keep an answer for somebody else.
        response.headers.setdefault("Cache-Control", "private, no-cache")
        patch_vary_headers(response, ("Authorization", "X-Session-Token", "Cookie"))
        return response

    def respond(self, request: HttpRequest, keys: dict[str, Any]) -> HttpResponseBase:
        if request.method == "OPTIONS":
            return HttpResponse(status=204, headers={"Allow": self.allow})
        credential = admitted(request)
        handler = self.handlers.get("GET" if request.method == "HEAD" else request.method or "")
        if handler is None:
            detail = f"Allowed here: {self.allow}."
            raise ApiError(Problem.METHOD, detail, headers={"Allow": self.allow})
        reads = handler.reads(request.method or "")
        check_reach(credential, "GET" if reads else request.method or "", handler.kinds)
        sent = None if handler.body is None else read_object(request)
        known = identified(request, credential, sent)
        answer = (read if reads else write)(known, handler, sent, keys)
        if answer.status == HTTPStatus.NOT_MODIFIED:
            return HttpResponseNotModified(headers=answer.headers)
        if isinstance(answer, Stream):
            return answer.response(empty=request.method == "HEAD")
        return JsonResponse(answer.body, status=answer.status, headers=answer.headers)


def admitted(request: HttpRequest) -> Credential:
    """Who is asking, and not too often. Raises Unauthenticated, CsrfFailed, Throttled.

    Whoever has a valid credential gets in, however often others at the same address have failed: a
    whole town may share one. A secret of 165 bits and more is not found by trying.
    """
    try:
        credential = authenticate(request)
    except Unauthenticated:
        spend(request, UNAUTHENTICATED, address_of(request))
        raise
    request.credential = credential  # type: ignore[attr-defined]
    spend(request, CREDENTIAL, credential.key)
    return credential


def identified(
    request: HttpRequest, credential: Credential, sent: dict[str, Any] | None
) -> ApiRequest:
    """The request, with whose rows it is about. Raises ApiError and Http404."""
    request.user = acting_for(credential, request, sent)
    request.database = PRIMARY  # type: ignore[attr-defined]
    return request  # type: ignore[return-value]


Sent = dict[str, Any] | None


def read(request: ApiRequest, handler: Handler, sent: Sent, keys: dict[str, Any]) -> Answer:
    """Answer a read, with its ETag; a steady one from one state of the ledger.

    Every write counts the ledger's version, so a version that is the same before and after means
    that nothing was committed in between. Where writers leave no such gap, their lock does. The
    state is read first: an answer that is newer than its tag is asked for once too often, one that
    is older would be kept for good.
    """
    for _ in range(READS if handler.steady else 1):
        request.ledger = read_ledger(request.user.pk)
        if handler.tagged and (tag := still_good(request, request.ledger)):
            return Answer({}, HTTPStatus.NOT_MODIFIED, {"ETag": tag})
        if handler.kept and (body := recall(request, request.ledger)) is not None:
            return tagged(request, handler, Answer(body), request.ledger)
        if (answer := read_replica(request, handler, sent, keys)) is None:
            answer = read_once(request, handler, sent, keys)
        if answer is not None:
            return answer
    with transaction.atomic(), holding(request.user.pk) as request.ledger:
        read_ledger(request.user.pk)
        return tagged(request, handler, handler(request, sent, keys), request.ledger)


def read_once(
    request: ApiRequest, handler: Handler, sent: Sent, keys: dict[str, Any]
) -> Answer | None:
    """Answer from one database; None where that had to be one state, and was not."""
    answer = handler(request, sent, keys)
    if not handler.steady:
        return tagged(request, handler, answer, request.ledger)
    if not unchanged(request.ledger, request.database):
        return None
    if handler.kept:
        remember(request, request.ledger, answer.body)
    return tagged(request, handler, answer, request.ledger)


def read_replica(
    request: ApiRequest, handler: Handler, sent: Sent, keys: dict[str, Any]
) -> Answer | None:
    """Answer from a replica that has all that the user has written; None where there is none."""
    if not handler.replica or not caught_up(request.ledger):
        return None
    request.database = REPLICA
    try:
        return read_once(request, handler, sent, keys)
    except FAILURES as error:
        rest(error)
        return None
    finally:
        request.database = PRIMARY


def tagged(request: ApiRequest, handler: Handler, answer: Answer, ledger: LedgerState) -> Answer:
    """The answer with its ETag; 304 where what no ledger tells of is the same still."""
    part = row_part(answer.row)
    if not handler.tagged:
        if isinstance(answer, Stream) or request.method not in ("GET", "HEAD"):
            return answer
        part = digest(answer.body)
    answer.headers["ETag"] = tag_of(part, ledger)
    if not handler.tagged and matches(request, answer.headers["ETag"]):
        return Answer({}, HTTPStatus.NOT_MODIFIED, answer.headers)
    return answer


def write(request: ApiRequest, handler: Handler, sent: Sent, keys: dict[str, Any]) -> Answer:
    """Answer a write; one that a deadlock has undone is tried once more."""
    try:
        return write_once(request, handler, sent, keys)
    except OperationalError as error:
        if not is_deadlock(error):
            raise
        logger.warning("A write is tried again: %s", error)
        return write_once(request, handler, sent, keys)


def write_once(request: ApiRequest, handler: Handler, sent: Sent, keys: dict[str, Any]) -> Answer:
    """Validate and write in one atomic block, with the ledger locked before anything is read.

    So the rows that the input names, and the row that a PATCH changes, stay as they were read.
    """
    user_id, key = request.user.pk, key_of(request)
    trial = handler.trial and request.GET.get("dry_run") == "true"
    if trial and key is not None:
        detail = "Nothing is kept of a trial, so it goes with no Idempotency-Key."
        raise wrong(Problem.PARAMETERS, [{"detail": detail, "parameter": "dry_run"}])
    with transaction.atomic(), recording() as flipped:
        if key is not None and (done := claim(request, user_id, key, sent)):
            return Answer(done.body or {}, done.status or 200, done.headers)
        with holding(user_id) as ledger:
            answer = handler(request, sent, keys)
            answer.body["alerts"] = {"opened": [], "resolved": []}
            if handler.tagged:
                # A write that judges nothing moves the day here, and tells what that has flipped.
                read_ledger(user_id)
                answer.body["alerts"] = flips(ledger, flipped)
        if handler.tagged and answer.row is not None and not trial:
            answer = tagged(request, handler, answer, ledger)
        if trial:
            transaction.set_rollback(True)
            return as_trial(request, answer, flipped)
        if key is not None:
            # What no cache may store is not kept for a retry either.
            open_to_all = answer.headers.get("Cache-Control") != "no-store"
            body = answer.body if open_to_all else None
            keep(request, user_id, key, answer.status, body, answer.headers)
    return answer


def as_trial(request: ApiRequest, answer: Answer, flipped: Flipped) -> Answer:
    """The answer to a write that is taken back: without the ids of rows that there will not be."""
    body = answer.body
    if request.method == "POST":
        rows = body.get("items", [body])
        new = {row["id"] for row in rows}
        for row in rows:
            row["id"] = None
        for alert in (*body["alerts"]["opened"], *body["alerts"]["resolved"]):
            if alert["transaction"] in new:
                alert["transaction"] = None
    first = {alert.pk for alert in flipped.opened if alert.episodes == 1}
    for alert in body["alerts"]["opened"]:
        if alert["id"] in first:
            alert["id"] = None
    return Answer({**body, "dry_run": True})


def flips(ledger: LedgerState, flipped: Flipped) -> dict[str, list[AlertDict]]:
    """The alerts that a write has opened and resolved, as they are at its end."""
    ids = [[alert.pk for alert in side] for side in (flipped.opened, flipped.resolved)]
    if not flipped:
        return {"opened": [], "resolved": []}
    # Read again: the write may have gone on after the flip, as when the tipping row is deleted.
    alerts = Alert.objects.filter(user_id=ledger.user_id).in_bulk(ids[0] + ids[1])
    shown = {alert["id"]: alert for alert in describe_alerts(ledger, [*alerts.values()])}
    return dict(
        zip(("opened", "resolved"), ([shown[pk] for pk in side] for side in ids), strict=True)
    )


def read_query(request: ApiRequest, schema: type[Query]) -> Query:
    """The query string as a schema. Raises ApiError 400 with every parameter that is wrong."""
    errors: list[FieldError] = []
    repeatable = schema.repeatable()
    for name, values in request.GET.lists():
        if len(values) > 1 and name not in repeatable:
            errors.append({"detail": "Given more than once.", "parameter": name})
        elif not is_text("".join([name, *values])):
            errors.append({"detail": "Has a NUL character.", "parameter": name})
    if errors:
        raise wrong(Problem.PARAMETERS, errors)
    sent = {
        name: values if name in repeatable else values[0] for name, values in request.GET.lists()
    }
    try:
        return schema.model_validate(sent, context=request.user)
    except pydantic.ValidationError as error:
        raise wrong(
            Problem.PARAMETERS,
            [
                {"detail": detail, "parameter": str(where[0])}
                for where, detail in wrong_fields(schema, error)
            ],
        ) from None


def validated(schema: type[Body], sent: object, user: User) -> Body:
    """The body as a schema. Raises ApiError 422 with every field that is wrong."""
    try:
        return schema.model_validate(sent, context=user)
    except pydantic.ValidationError as error:
        raise wrong(
            Problem.VALIDATION,
            [
                {"detail": detail, "pointer": pointer(*where)}
                for where, detail in wrong_fields(schema, error)
            ],
        ) from None


def wrong_fields(
    schema: type[Schema], error: pydantic.ValidationError
) -> list[tuple[tuple[int | str, ...], str]]:
    """Where each error is and what it says, without the values sent: those may be private."""
    details = error.errors(include_url=False, include_input=False)
    return [(place(detail), sentence(schema, detail)) for detail in details]
