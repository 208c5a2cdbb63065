"""/api/endpoint and /api/delivery"""

from __future__ import annotations

from django.db.models import QuerySet

from api.http import Answer, ApiRequest, endpoint
from api.http.shapes import DeletedDict, PageDict
from api.paging import Order, each, page
from api.schemas import PageQuery, partial
from api.schemas.base import pick
from api.schemas.endpoint import DeliveryQuery, EndpointBody, ReplayBody
from budget.answers.endpoint import (
    DELIVERIES,
    ENDPOINTS,
    MAX_TRIES_SHOWN,
    TRIES,
    DeliveryDict,
    EndpointDict,
    NewEndpointDict,
    TriedDeliveryDict,
    describe_delivery,
    describe_endpoint,
    describe_tries,
    shown_delivery,
    shown_endpoint,
)
from budget.delivering import put, replay, send_example, set_preferences
from budget.models import Conflict, Delivery, Endpoint
from budget.models.endpoint import Channel
from budget.models.ledger import open_book
from lib.throttle import MESSAGES, spend

OLDEST_FIRST = Order(("id",))
NEWEST_FIRST = Order(("id",), descending=True)
NO_STORE = {"Cache-Control": "no-store"}


def any_channel(request: ApiRequest) -> QuerySet[Endpoint]:
    return Endpoint.objects.filter(user=request.user)


def mine(request: ApiRequest) -> QuerySet[Endpoint]:
    """The user's webhooks: what else there is has its settings at /api/notification."""
    return any_channel(request).filter(channel=Channel.WEBHOOK)


def save(request: ApiRequest, row: Endpoint, body: EndpointBody) -> Answer:
    """Store what was sent of an endpoint that exists."""
    values = body.to_store()
    state = values.pop("state", row.state)
    with open_book(row.user_id) as book:
        set_preferences(book, [row], values)
        put(book, row, state)
    return Answer({**shown_endpoint(row)})


@endpoint(query=PageQuery, etag=False, answer=PageDict[EndpointDict])
def list_endpoints(request: ApiRequest, query: PageQuery) -> Answer:
    """The user's endpoints, oldest first."""
    rows = ENDPOINTS.where("r.user_id = %s AND r.channel = 'webhook'", request.user.pk)
    return page(request, query, rows, OLDEST_FIRST, each(describe_endpoint))


@endpoint(body=EndpointBody, etag=False, answer=NewEndpointDict, status=201)
def create_endpoint(request: ApiRequest, body: EndpointBody) -> Answer:
    """A new endpoint; `secret` in the answer cannot be had again. It gets what happens from now."""
    if mine(request).count() >= Endpoint.MAX_A_USER:
        raise Conflict(f"A user has at most {Endpoint.MAX_A_USER} endpoints.")
    ledger = request.ledger
    row = Endpoint(
        user=request.user, seq=ledger.event_seq, created_at=ledger.now, **body.to_store()
    )
    row.save()
    return Answer({**shown_endpoint(row), "secret": row.secret}, headers=NO_STORE.copy())


@endpoint(etag=False, answer=EndpointDict)
def get_endpoint(request: ApiRequest, key: int) -> Answer:
    """One endpoint, without its secret."""
    return Answer({**shown_endpoint(pick(mine(request), key))})


@endpoint(body=EndpointBody, etag=False, answer=EndpointDict)
def replace_endpoint(request: ApiRequest, body: EndpointBody, key: int) -> Answer:
    """Set every field of an endpoint; a missing one gets its default."""
    return save(request, pick(mine(request), key), body)


@endpoint(body=partial(EndpointBody, {"state": "paused"}), etag=False, answer=EndpointDict)
def change_endpoint(request: ApiRequest, body: EndpointBody, key: int) -> Answer:
    """Set the fields of an endpoint that are sent."""
    return save(request, pick(mine(request), key), body)


@endpoint(etag=False, answer=DeletedDict)
def delete_endpoint(request: ApiRequest, key: int) -> Answer:
    """Delete an endpoint with its deliveries; what waits is not sent."""
    row: Endpoint = pick(mine(request).select_for_update(), key)
    body: dict[str, int] = {"id": row.pk}
    row.delete()
    return Answer(body)


@endpoint(etag=False, answer=NewEndpointDict)
def rotate_secret(request: ApiRequest, key: int) -> Answer:
    """Give an endpoint a new secret, shown now only. For 24 hours the old one signs beside it."""
    row: Endpoint = pick(mine(request), key)
    secret = row.rotate(request.ledger.now)
    row.save(update_fields=["secret", "old_secret", "old_secret_until"])
    return Answer({**shown_endpoint(row), "secret": secret}, headers=NO_STORE.copy())


@endpoint(etag=False, answer=DeliveryDict, status=201)
def create_example(request: ApiRequest, key: int) -> Answer:
    """Send an example, whatever state the endpoint has; its delivery shows what came of it."""
    row: Endpoint = pick(any_channel(request), key)
    spend(request, MESSAGES, f"user:{row.user_id}")
    made = send_example(row, request.ledger.now)
    return Answer({**shown_delivery(made)}, headers={"Location": f"/api/delivery/{made.pk}"})


@endpoint(body=ReplayBody, etag=False, answer=EndpointDict)
def replay_events(request: ApiRequest, body: ReplayBody, key: int) -> Answer:
    """Tell an endpoint again what has happened after an event, as far as it is still true.

    Messages have the ids that they had. An endpoint that is not on is on after it.
    """
    row: Endpoint = pick(any_channel(request), key)
    spend(request, MESSAGES, f"user:{row.user_id}")
    with open_book(row.user_id) as book:
        replay(book, row, min(body.since, book.ledger.event_seq))
    return Answer({**shown_endpoint(row)})


@endpoint(query=DeliveryQuery, etag=False, answer=PageDict[DeliveryDict])
def list_deliveries(request: ApiRequest, query: DeliveryQuery, key: int) -> Answer:
    """What was sent to an endpoint, and what waits, newest first; ended ones for 30 days."""
    pick(any_channel(request), key)
    rows = DELIVERIES.where("r.user_id = %s AND r.endpoint_id = %s", request.user.pk, key)
    if query.state is not None:
        rows = rows.where("r.state = %s", query.state)
    return page(request, query, rows, NEWEST_FIRST, each(describe_delivery))


@endpoint(etag=False, answer=TriedDeliveryDict)
def get_delivery(request: ApiRequest, key: int) -> Answer:
    """One delivery with its tries: when, how long, which answer."""
    found: Delivery = pick(Delivery.objects.filter(user=request.user), key)
    rows = TRIES.where("r.user_id = %s AND r.delivery_id = %s", request.user.pk, key)
    text = f"{rows.text} ORDER BY r.id DESC LIMIT {MAX_TRIES_SHOWN:d}"
    made = request.reading.rows(text, rows.params, "r.id DESC")
    return Answer({**shown_delivery(found), "made": describe_tries(made, request.reading.database)})
