"""E-mail: to the verified address of a user, in text and HTML, with a link that stops it."""

from __future__ import annotations

import json
import smtplib
from collections.abc import Collection
from email.utils import parseaddr
from typing import Any, NamedTuple

from allauth.account.models import EmailAddress
from django.conf import settings
from django.core import signing
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string

from budget.delivering.channels.task import Came, Task
from budget.models import Endpoint, Profile
from budget.models.endpoint import EndpointState
from lib.outside import Client, Failed

SALT = "budget.notification.stop"
SUBJECT_LENGTH = 150
HEADS = {
    "alert.passed": "This came and went before this mail left.",
    "alert.acknowledged": "You have acknowledged this.",
    "alert.unacknowledged": "This is no longer acknowledged.",
    "alert.snoozed": "You have snoozed this.",
    "alert.unsnoozed": "This is no longer snoozed.",
}


class About(NamedTuple):
    """Who a mail is for. address: "" without a verified one."""

    address: str
    currency: str


def about(endpoints: Collection[Endpoint]) -> dict[int, About]:
    """The address and the currency of each endpoint's user; of several addresses the primary."""
    users = {one.user_id for one in endpoints}
    verified = EmailAddress.objects.filter(user_id__in=users, verified=True)
    # The last one of a user stays.
    addresses = dict(verified.order_by("primary", "-pk").values_list("user_id", "email"))
    profiles = Profile.objects.filter(user_id__in=users)
    currencies = dict(profiles.values_list("user_id", "currency"))
    return {
        one.pk: About(addresses.get(one.user_id, ""), currencies.get(one.user_id, ""))
        for one in endpoints
    }


def send(client: Client, task: Task) -> Came:
    """Hand a mail in. Raises Failed where it may go through later."""
    who: About = task.about
    if not who.address:
        return stopped(None, "You have no verified e-mail address.")
    try:
        mail_of(task, who).send()
    except smtplib.SMTPRecipientsRefused as error:
        status, said = next(iter(error.recipients.values()))
        text = readable(said)
        if status >= 500:
            return stopped(status, f"Mail to {who.address} is refused: {status} {text}"[:200])
        return Came(False, status, text)
    except smtplib.SMTPResponseException as error:
        return Came(False, error.smtp_code, readable(error.smtp_error))
    except (OSError, smtplib.SMTPException) as error:
        raise Failed(f"The mail server does not answer: {type(error).__name__}") from error
    return Came(True, 250)


def stopped(status: int | None, because: str) -> Came:
    return Came(False, status, because, stop=(EndpointState.PAUSED, because))


def readable(said: bytes | str) -> str:
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else said
    return " ".join(text.replace("\0", "").split())


def mail_of(task: Task, who: About) -> EmailMultiAlternatives:
    """A mail: the same at each try, so that who gets it twice can tell."""
    endpoint, row = task.endpoint, task.message.row
    sent = json.loads(task.message.body)
    stop = stop_url(endpoint)
    context = {**contents(sent, who.currency), "stop": stop, "address": who.address}
    domain = parseaddr(settings.DEFAULT_FROM_EMAIL)[1].rpartition("@")[2]
    mail = EmailMultiAlternatives(
        subject_of(context),
        render_to_string("budget/mail.txt", context).strip() + "\n",
        to=[who.address],
        headers={
            "Message-ID": f"<{row.message_id}@{domain}>",
            "List-Unsubscribe": f"<{stop}>",
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
            "Auto-Submitted": "auto-generated",
        },
    )
    mail.attach_alternative(render_to_string("budget/mail.html", context), "text/html")
    return mail


def contents(sent: dict[str, Any], currency: str) -> dict[str, Any]:
    """What the templates show of a message."""
    kind, data = sent["type"], sent["data"]
    if kind == "example":
        return {"title": "This is how we write to you", "head": "An example.", "items": []}
    if "events" not in data:
        item = item_of(data, currency)
        return {"title": item["message"], "head": HEADS.get(kind, ""), "items": [item]}
    opened, resolved = data["opened"], data["resolved"]
    shown = [item_of(event, currency) for event in data["events"]]
    what = "After an import" if kind == "alerts.imported" else "Summary"
    counted = [(opened, "new"), (resolved, "over")]
    said = ", ".join(f"{count} {word}" for count, word in counted if count) or "changes"
    more = max(opened + resolved - len(shown), 0)
    return {"title": f"{what}: {said}", "head": "", "items": shown, "more": more}


def item_of(event: dict[str, Any], currency: str) -> dict[str, Any]:
    """One alert as it was and as it is. width: of the bar, percent."""
    alert = event["alert"]
    percent = alert["percent"]
    return {
        "message": alert["message"],
        # The sign stays with its number.
        "headline": alert["message"].replace(" %", "\u00a0%"),
        "is_open": alert["status"] == "open",
        "late": alert["late"],
        "then": sums(event["total"], event["limit"], currency),
        "now": sums(alert["total"], alert["limit"], currency),
        "percent": percent,
        "width": None if percent is None else min(max(percent, 0), 100),
        "is_over": percent is not None and percent >= 100,
    }


def sums(total: str | None, limit: str | None, currency: str) -> str:
    """Such as "120.00 of 100.00 EUR"; a count has no currency."""
    if total is None or limit is None:
        return ""
    return f"{total} of {limit} {currency}" if "." in limit else f"{total} of {limit}"


def subject_of(context: dict[str, Any]) -> str:
    title = " ".join(context["title"].split())
    if len(title) <= SUBJECT_LENGTH:
        return title
    return title[: SUBJECT_LENGTH - 1].rstrip() + "…"


def stop_url(endpoint: Endpoint) -> str:
    """Where the user's mails are stopped, without logging in; the same in each mail."""
    token = signing.Signer(salt=SALT).sign(f"{endpoint.user_id}-{endpoint.channel}")
    return f"{settings.PUBLIC_URL}/notification/stop/{token}"


def read_stop(token: str) -> tuple[int, str]:
    """The user and the channel of a link. Raises BadSignature."""
    user_id, _, channel = signing.Signer(salt=SALT).unsign(token).partition("-")
    return int(user_id), channel
