"""/api/push: the browsers that get the user's messages."""

from __future__ import annotations

from django.db.models import QuerySet

from api.http import Answer, ApiError, ApiRequest, Problem, endpoint
from api.http.shapes import DeletedDict, PageDict
from api.paging import Order, each, page
from api.schemas import PageQuery
from api.schemas.base import pick
from api.schemas.push import PushBody
from budget.answers.push import (
    BROWSERS,
    BrowserDict,
    PushKeyDict,
    describe_browser,
    shown_browser,
)
from budget.delivering.browsers import drop, subscribe
from budget.delivering.channels.push import the_sender
from budget.models import Endpoint
from budget.models.endpoint import Channel
from budget.models.ledger import open_book
from lib.web_push import Sender

OLDEST_FIRST = Order(("id",))


def mine(request: ApiRequest) -> QuerySet[Endpoint]:
    return Endpoint.objects.filter(user=request.user, channel=Channel.PUSH).exclude(url="")


def sender() -> Sender:
    """Who sends. Raises ApiError where nobody does."""
    found = the_sender()
    if found is None:
        detail = "This service has no VAPID_PRIVATE_KEY, so browsers get no messages."
        raise ApiError(Problem.NO_PUSH, detail)
    return found


@endpoint(etag=False, answer=PushKeyDict, raises=(Problem.NO_PUSH,))
def get_push_key(request: ApiRequest) -> Answer:
    """The key that a browser subscribes with: its applicationServerKey."""
    return Answer({"key": sender().public})


@endpoint(query=PageQuery, etag=False, answer=PageDict[BrowserDict])
def list_browsers(request: ApiRequest, query: PageQuery) -> Answer:
    """The browsers that get the user's messages, oldest first."""
    rows = BROWSERS.where("r.user_id = %s", request.user.pk)
    rows = rows.where("r.channel = %s AND r.url <> %s", Channel.PUSH.value, "")
    return page(request, query, rows, OLDEST_FIRST, each(describe_browser))


@endpoint(body=PushBody, etag=False, answer=BrowserDict, status=201, raises=(Problem.NO_PUSH,))
def create_browser(request: ApiRequest, body: PushBody) -> Answer:
    """Let a browser get the user's messages from now on, with the settings that browsers share.

    The same browser again is the same one, so send it at each start of the app. A browser of
    another user becomes this user's: the one who is logged in there gets the messages.
    """
    sender()
    with open_book(request.user.pk) as book:
        row = subscribe(book, body.endpoint, body.keys.p256dh, body.keys.auth)
    return Answer({**shown_browser(row)})


@endpoint(etag=False, answer=BrowserDict)
def get_browser(request: ApiRequest, key: int) -> Answer:
    """One browser, without its keys."""
    return Answer({**shown_browser(pick(mine(request), key))})


@endpoint(etag=False, answer=DeletedDict)
def delete_browser(request: ApiRequest, key: int) -> Answer:
    """Send a browser nothing more; what waits for it is not sent."""
    row: Endpoint = pick(mine(request), key)
    drop(mine(request).filter(pk=row.pk))
    return Answer({"id": row.pk})
