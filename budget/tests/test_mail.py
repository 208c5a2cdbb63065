"""E-mail about alerts: what a person reads, on which address, and how it is stopped."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from datetime import timedelta
from email.message import EmailMessage
from typing import Any
from urllib.parse import urlsplit

import pytest
from allauth.account.models import EmailAddress
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.utils import timezone

from budget.delivering import Deliverer, dispatch
from budget.engine import raise_custom_alert
from budget.models import Alert, Delivery, DeliveryTry, Endpoint, Profile
from budget.tests.mailbox import Mailbox, mailbox
from budget.tests.people import limit, make_user, spend

pytestmark = pytest.mark.django_db


@pytest.fixture
def box() -> Iterator[Mailbox]:
    with mailbox() as found:
        yield found


@pytest.fixture
def alice() -> User:
    user = make_user()
    EmailAddress.objects.filter(user=user).delete()
    EmailAddress.objects.create(user=user, email="alice@example.com", verified=True, primary=True)
    return user


def by_mail(user: User, **fields: Any) -> Endpoint:
    return Endpoint.objects.create(user=user, channel="email", seq=user.ledger.event_seq, **fields)


def deliver() -> dict[str, int]:
    return dict(+Deliverer(threads=2).run_once())


def part(mail: EmailMessage, kind: str) -> str:
    found = mail.get_body((kind,))
    assert isinstance(found, EmailMessage)
    return str(found.get_content())


def test_a_mail_says_what_has_happened(alice: User, box: Mailbox) -> None:
    limit(alice, "100.00", of="Food", name="Food", levels=[100])
    by_mail(alice)
    today = str(timezone.now().date())
    spend(alice, "120.00", today, to="Food")
    spend(alice, "30.00", today, to="Food")
    assert deliver() == {"delivered": 1}
    (mail,) = box.got
    assert mail["To"] == "alice@example.com"
    assert mail["Message-ID"] == f"<event_{alice.pk}_1@localhost>"
    assert mail["Subject"].startswith("Food: limit reached, 150.00 of 100.00 USD spent")
    assert mail.get_content_type() == "multipart/alternative"
    for kind in ("plain", "html"):
        said = part(mail, kind)
        assert "120.00 of 100.00 USD" in said
        assert "150.00 of 100.00 USD, 150 %" in said
    html = part(mail, "html")
    assert "<img" not in html
    assert not re.search(r"(src|url)\s*[=(]", html)
    assert len(box.got[0].as_bytes()) < 20_000


def test_it_can_be_stopped_with_one_click(alice: User, box: Mailbox) -> None:
    endpoint = by_mail(alice)
    raise_custom_alert(alice.pk, "Look")
    deliver()
    (mail,) = box.got
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    path = urlsplit(mail["List-Unsubscribe"].strip(" <>")).path
    stranger = Client(enforce_csrf_checks=True)
    page = stranger.get(path)
    assert (page.status_code, page["Cache-Control"]) == (200, "no-store")
    assert "<button" in page.content.decode()
    endpoint.refresh_from_db()
    assert endpoint.state == "on"
    for _ in range(2):
        answer = stranger.post(path, {"List-Unsubscribe": "One-Click"})
        assert answer.status_code == 200
    endpoint.refresh_from_db()
    assert (endpoint.state, endpoint.because) == ("off", "It was stopped by the link in a message.")
    raise_custom_alert(alice.pk, "And this")
    assert deliver() == {}


@pytest.mark.parametrize("token", ["1-email", "1-email:abc", "x"])
def test_a_link_that_is_not_ours_stops_nothing(alice: User, token: str) -> None:
    endpoint = by_mail(alice)
    assert Client().post(f"/notification/stop/{token}").status_code == 404
    endpoint.refresh_from_db()
    assert endpoint.state == "on"


def test_only_a_verified_address_gets_mail(alice: User, box: Mailbox) -> None:
    endpoint = by_mail(alice)
    EmailAddress.objects.filter(user=alice).update(verified=False)
    raise_custom_alert(alice.pk, "Look")
    deliver()
    endpoint.refresh_from_db()
    assert (box.got, endpoint.state) == ([], "paused")
    assert "verified" in endpoint.because


def test_the_primary_address_is_the_one(alice: User, box: Mailbox) -> None:
    by_mail(alice)
    for name in ("a", "z"):
        EmailAddress.objects.create(user=alice, email=f"{name}@example.com", verified=True)
    raise_custom_alert(alice.pk, "Look")
    deliver()
    assert [mail["To"] for mail in box.got] == ["alice@example.com"]


def test_a_refused_address_pauses_and_a_busy_server_is_asked_again(
    alice: User, box: Mailbox
) -> None:
    endpoint = by_mail(alice)
    box.refuse = lambda address: "451 later"
    raise_custom_alert(alice.pk, "Look")
    deliver()
    assert (Delivery.objects.get().state, DeliveryTry.objects.get().status) == ("pending", 451)
    Delivery.objects.update(due_at=timezone.now())
    box.refuse = lambda address: "550 no such mailbox"
    deliver()
    endpoint.refresh_from_db()
    assert endpoint.state == "paused"
    assert endpoint.because == "Mail to alice@example.com is refused: 550 no such mailbox"
    assert "E-mail is paused" in Alert.objects.latest("id").message
    assert Delivery.objects.get().state == "held"


def test_a_try_that_is_made_again_has_the_same_id(alice: User, box: Mailbox) -> None:
    by_mail(alice)
    raise_custom_alert(alice.pk, "Look")
    deliver()
    Delivery.objects.update(state="pending", ended_at=None, due_at=timezone.now())
    deliver()
    assert len(box.got) == 2
    assert len({mail["Message-ID"] for mail in box.got}) == 1


def test_a_digest_shows_each_alert(alice: User, box: Mailbox) -> None:
    by_mail(alice, digest="day")
    limit(alice, "100.00", of="Food", name="Food", levels=[80])
    spend(alice, "85.00", str(timezone.now().date()), to="Food")
    raise_custom_alert(alice.pk, "<b>Mind</b> this & that")
    deliver()
    Delivery.objects.update(due_at=timezone.now())
    deliver()
    (mail,) = box.got
    assert mail["Subject"] == "Summary: 2 new"
    assert "<b>Mind</b> this & that" in part(mail, "plain")
    assert "&lt;b&gt;Mind&lt;/b&gt; this &amp; that" in part(mail, "html")
    assert 'width="85%"' in part(mail, "html")


def test_a_long_message_is_one_line_of_subject(alice: User, box: Mailbox) -> None:
    by_mail(alice)
    raise_custom_alert(alice.pk, "Überlänge\nX-Evil: 1 " * 40)
    deliver()
    (mail,) = box.got
    assert "X-Evil" not in mail
    assert len(mail["Subject"].strip()) <= 150


def test_settings_by_the_api(alice: User, box: Mailbox) -> None:
    from accounts.models import ApiToken

    token = ApiToken.issue(alice, "test")[1]
    client = Client(headers={"authorization": f"Bearer {token}"})
    before = client.get("/api/notification").json()["items"]
    assert [(one["channel"], one["state"]) for one in before] == [("email", "off"), ("push", "off")]
    body = {"state": "on", "quiet_hours": "22:00-07:00", "per_day": 5}
    answer = client.patch("/api/notification/email", json.dumps(body), "application/json")
    assert answer.status_code == 200
    assert answer.json()["quiet_hours"] == "22:00-07:00"
    Endpoint.objects.create(user=alice, channel="push", url="https://push.example.com/1")
    wish = json.dumps({"highest": True, "state": "on"})
    client.patch("/api/notification/push", wish, "application/json")
    assert set(Endpoint.objects.filter(channel="push").values_list("url", "highest", "state")) == {
        ("", True, "on"),
        ("https://push.example.com/1", True, "on"),
    }
    wrong = json.dumps({"quiet_hours": "22:00", "digest_at": "24:00", "digest_on": 8})
    told = client.patch("/api/notification/email", wrong, "application/json")
    assert {one["pointer"] for one in told.json()["errors"]} == {
        "#/quiet_hours",
        "#/digest_at",
        "#/digest_on",
    }
    assert client.get("/api/endpoint").json()["items"] == []


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_two_deliverers_send_a_digest_once(box: Mailbox) -> None:
    users = [make_user(name) for name in ("alice", "bob", "carol", "dan")]
    for user in users:
        EmailAddress.objects.create(
            user=user, email=f"{user.username}@example.org", verified=True, primary=True
        )
        by_mail(user, digest="day")
        raise_custom_alert(user.pk, "Look")
    dispatch()
    Delivery.objects.update(due_at=timezone.now() - timedelta(seconds=1))

    def work() -> None:
        try:
            Deliverer(threads=2).run_once()
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(box.got) == len(users)
    assert len({mail["Message-ID"] for mail in box.got}) == len(users)
    assert Profile.objects.count() == len(users)
