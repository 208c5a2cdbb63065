"""What a view gets and gives: the request, its answer, and what @endpoint declares of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.db.models import Model
from django.http import HttpRequest, StreamingHttpResponse

from accounts.authentication import ANY_KIND, SAFE_METHODS, Credential, Kind
from api.http.problems import Problem
from api.schemas import DryRunQuery
from api.schemas.base import Body, Query
from budget.engine import Reading
from budget.models import LedgerState


class ApiRequest(HttpRequest):
    """A request whose sender is known.

    user: whose rows it is about; for a service the user it names, else the sender. ledger: the
    state of the user's ledger that the answer is true for. reading: only of a read; what reads the
    rows of that state, from the database that it names.
    """

    user: User
    credential: Credential
    ledger: LedgerState
    reading: Reading


@dataclass
class Answer:
    """A view's answer. A write's also gets `alerts`: those that it opened and resolved.

    row: the row that the body shows; its ETag names it. until: when the answer will change without
    a write and on the same day of the user; None: never. status: None: the one that the endpoint
    declares.
    """

    body: dict[str, Any]
    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    row: Model | None = None
    until: datetime | None = None


@dataclass(kw_only=True)
class Stream(Answer):
    """An answer that is made while it is sent, so that any length needs little memory.

    An error on the way cuts the connection, so that no client takes a part for the whole.
    """

    body: dict[str, Any] = field(default_factory=dict)
    chunks: Iterable[bytes]
    content_type: str
    filename: str

    def response(self) -> StreamingHttpResponse:
        return StreamingHttpResponse(
            self.chunks,
            content_type=self.content_type,
            headers={
                **self.headers,
                "Content-Disposition": f'attachment; filename="{self.filename}"',
            },
        )


View = Callable[..., Answer]


def no_view(request: ApiRequest) -> Answer:
    raise NotImplementedError("An endpoint decorates a view.")


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """A view with what it accepts and answers: the decorator @endpoint(body=..., answer=...).

    body, query: the schemas of what is sent; the view gets them validated. batch_body: the schema
    of a body with `items`, where a route takes many rows at once. kinds: the credentials that the
    route accepts. status: of a successful answer.

    etag: the answer follows only from the user's ledger, so an ETag of the ledger's version stands
    for it. A write also brings the alerts up to the user's day, and shows those that it has opened
    and resolved; without etag, its `alerts` are empty. replica: the view reads from the database of
    request.reading, so a replica may serve it. cached: the cache may serve it. dry_run: the write,
    which has to be one of transactions, accepts ?dry_run=true. read_only: a POST that stores
    nothing, so that a token that may only read can send it. upload: the body is a file, which the
    view gets as an Upload, outside of any transaction.

    For the description of the API: answer, the TypedDict of the body, to which a write adds
    `alerts`; media_type; raises: problems that few others have.
    """

    view: View = no_view
    body: type[Body] | None = None
    batch_body: type[Body] | None = None
    query: type[Query] = Query
    kinds: frozenset[Kind] = ANY_KIND
    status: int = 200
    etag: bool = True
    replica: bool = False
    cached: bool = False
    dry_run: bool = False
    read_only: bool = False
    upload: bool = False
    answer: Any = None
    media_type: str = "application/json"
    raises: tuple[Problem, ...] = ()

    def __call__(self, view: View) -> Endpoint:
        query = DryRunQuery if self.dry_run else self.query
        return replace(self, view=view, query=query)

    def reads(self, method: str) -> bool:
        """Whether a request with this method stores nothing."""
        return self.read_only or method in SAFE_METHODS


endpoint = Endpoint
