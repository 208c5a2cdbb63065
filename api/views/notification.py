"""/api/notification: how messages reach the user by e-mail and in browsers."""

from __future__ import annotations

from api.http import Answer, ApiRequest, endpoint
from api.schemas import partial
from api.schemas.endpoint import NotificationBody
from budget.answers.endpoint import NotificationDict, NotificationsDict, shown_notification
from budget.delivering import change_channel, channel_of
from budget.models.endpoint import PERSONAL, Channel
from budget.models.ledger import open_book


@endpoint(etag=False, answer=NotificationsDict)
def list_channels(request: ApiRequest) -> Answer:
    """The channels by which messages can reach the user, each with its settings."""
    user_id = request.user.pk
    items = [shown_notification(channel_of(user_id, channel)) for channel in PERSONAL]
    return Answer({"items": items})


@endpoint(etag=False, answer=NotificationDict)
def get_email(request: ApiRequest) -> Answer:
    """How messages reach the user by e-mail."""
    return shown(request, Channel.EMAIL)


@endpoint(body=partial(NotificationBody, {"state": "on"}), etag=False, answer=NotificationDict)
def change_email(request: ApiRequest, body: NotificationBody) -> Answer:
    """Set how messages reach the user by e-mail: the fields that are sent."""
    return change(request, Channel.EMAIL, body)


@endpoint(etag=False, answer=NotificationDict)
def get_push(request: ApiRequest) -> Answer:
    """How messages reach the user in browsers; all of them share it."""
    return shown(request, Channel.PUSH)


@endpoint(body=partial(NotificationBody, {"per_day": 5}), etag=False, answer=NotificationDict)
def change_push(request: ApiRequest, body: NotificationBody) -> Answer:
    """Set how messages reach browsers: the fields that are sent, for all of them."""
    return change(request, Channel.PUSH, body)


def shown(request: ApiRequest, channel: Channel) -> Answer:
    return Answer({**shown_notification(channel_of(request.user.pk, channel))})


def change(request: ApiRequest, channel: Channel, body: NotificationBody) -> Answer:
    values = body.to_store()
    with open_book(request.user.pk) as book:
        return Answer({**shown_notification(change_channel(book, channel, values))})
