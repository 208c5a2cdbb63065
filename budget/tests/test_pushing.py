"""Messages reach browsers: sealed, signed, each alert's last one in the place of those before."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import Settings

from budget.delivering import Deliverer
from budget.delivering.channels.push import notification_of, topic_of
from budget.delivering.endpoints import send_example
from budget.engine import raise_custom_alert, record_transactions
from budget.models import Cause, Delivery, Endpoint
from budget.models.endpoint import Channel
from budget.tests.browser_keys import Browser, base64url, raw
from budget.tests.people import limit, make_user, spend, transaction_of
from budget.tests.receiver import Got, Receiver, receiving
from budget.tests.test_web_push import claims_of
from lib.outside import Guard
from lib.web_push import MOST_TEXT, Sender, new_private_key

pytestmark = pytest.mark.django_db

KEY, SUBJECT = new_private_key(), "mailto:ops@example.com"
NODE = shutil.which("node")


@pytest.fixture(autouse=True)
def keys(settings: Settings) -> None:
    settings.VAPID_PRIVATE_KEY, settings.VAPID_SUBJECT = KEY, SUBJECT


@pytest.fixture
def service() -> Iterator[Receiver]:
    """A push service of the tests' own, over real TLS."""
    with receiving() as found:
        found.answer = lambda got: (201, {"Location": "/message/1"}, b"")
        yield found


@pytest.fixture
def alice() -> User:
    return make_user()


@dataclass
class Device:
    """A browser of a user, with the push service that messages to it go to."""

    browser: Browser
    endpoint: Endpoint
    service: Receiver

    def shown(self) -> list[Any]:
        """What it has been given to show."""
        mine = [got for got in self.service.got if got.path == self.path]
        return [json.loads(self.browser.read(got.body))["notification"] for got in mine]

    @property
    def path(self) -> str:
        return "/" + self.endpoint.url.split("/", 3)[3]


def device_of(user: User, service: Receiver, name: str = "phone", **fields: Any) -> Device:
    browser = Browser()
    endpoint = Endpoint.objects.create(
        user=user,
        channel=Channel.PUSH,
        url=f"{service.url}/{name}",
        p256dh=base64url(browser.public),
        auth=base64url(browser.auth),
        seq=user.ledger.event_seq,
        **fields,
    )
    return Device(browser, endpoint, service)


def deliver(service: Receiver) -> dict[str, int]:
    return dict(+Deliverer(service.guard, threads=2).run_once())


def buy(user: User, amount: str, **fields: Any) -> Any:
    return spend(user, amount, str(timezone.now().date()), **fields)


def due_again() -> None:
    Delivery.objects.filter(state="pending").update(due_at=timezone.now())


def test_an_alert_that_opens_is_shown_with_its_numbers(alice: User, service: Receiver) -> None:
    limit(alice, "100.00", of="Food", name="Food", levels=[100])
    device = device_of(alice, service)
    buy(alice, "120.00", to="Food")
    buy(alice, "30.00", to="Food")
    deliver(service)
    (got,), (shown,) = service.got, device.shown()
    assert shown["title"] == "Food"
    assert shown["body"].startswith("limit reached, 150.00 of 100.00")
    data = shown["data"]
    assert (data["then"]["total"], data["total"], data["limit"]) == ("120.00", "150.00", "100.00")
    assert (data["type"], data["status"], data["level"]) == ("alert.opened", "open", 100)
    assert data["id"] == f"event_{alice.pk}_{data['seq']}"
    assert shown["navigate"] == f"?alert={data['alert']}"
    assert got.headers["content-encoding"] == "aes128gcm"
    assert got.headers["urgency"] == "high"
    assert int(got.headers["ttl"]) > 0
    assert b"Food" not in got.body
    _, claims = claims_of(got.headers["authorization"], Sender.of(KEY, SUBJECT).public)
    assert (claims["sub"], claims["aud"]) == (SUBJECT, f"https://localhost:{service.port}")


def test_a_later_message_of_an_alert_takes_the_place_of_the_one_before(
    alice: User, service: Receiver
) -> None:
    limit(alice, "100.00", of="Food", name="Food", levels=[100])
    limit(alice, "10.00", of="Fun", name="Fun", levels=[100])
    device = device_of(alice, service)
    row = buy(alice, "120.00", to="Food")
    buy(alice, "20.00", to="Fun")
    deliver(service)
    row.delete()
    deliver(service)
    # The first two come in any order.
    both = sorted(zip(device.shown()[:2], service.got[:2], strict=True), key=titled)
    (food, of_food), (fun, of_fun) = both
    ended = service.got[2]
    topics = [got.headers["topic"] for got in (of_food, of_fun, ended)]
    assert (topics[0] == topics[2], topics[0] == topics[1]) == (True, False)
    # Apple decodes it: it has to be base64url, of at most 32 characters.
    assert len(raw(topics[0])) == 12
    last = device.shown()[2]
    assert (food["tag"] == last["tag"], food["tag"] == fun["tag"]) == (True, False)
    assert last["data"]["type"] == "alert.resolved"


def titled(pair: tuple[Any, Got]) -> str:
    return str(pair[0]["title"])


def test_topics_tell_a_push_service_nothing_of_two_browsers() -> None:
    assert topic_of("one", "alert 7") != topic_of("other", "alert 7")
    assert topic_of("one", "alert 7") != topic_of("one", "alert 8")


def test_each_browser_reads_its_own_and_nobody_elses(alice: User, service: Receiver) -> None:
    charlie = make_user("charlie")
    phone, laptop = device_of(alice, service), device_of(alice, service, "laptop")
    theirs = device_of(charlie, service, "theirs")
    raise_custom_alert(alice.pk, "Rent: pay it")
    deliver(service)
    assert [one["body"] for one in phone.shown() + laptop.shown()] == ["pay it", "pay it"]
    assert theirs.shown() == []


@pytest.mark.parametrize("status", [404, 410])
def test_a_browser_that_is_no_more_is_dropped(alice: User, service: Receiver, status: int) -> None:
    dead, alive = device_of(alice, service), device_of(alice, service, "laptop")
    service.answer = lambda got: (status if got.path == dead.path else 201, {}, b"")
    raise_custom_alert(alice.pk, "Mind this")
    deliver(service)
    assert list(Endpoint.objects.all()) == [alive.endpoint]
    assert Delivery.objects.get().state == "delivered"
    raise_custom_alert(alice.pk, "And this")
    deliver(service)
    assert len(service.got) == 3
    # It is no failure that its owner has to hear of.
    assert alice.alerts.count() == 2


@pytest.mark.parametrize("status", [400, 403, 413, 429, 500])
def test_what_is_refused_is_tried_again(alice: User, service: Receiver, status: int) -> None:
    device = device_of(alice, service)
    service.answer = lambda got: (status, {}, b"no")
    raise_custom_alert(alice.pk, "Mind this")
    deliver(service)
    row = Delivery.objects.get()
    assert (row.state, row.status, row.tries) == ("pending", status, 1)
    service.answer = lambda got: (201, {}, b"")
    due_again()
    deliver(service)
    first, second = device.shown()
    assert first == second
    # Sealed again: the same key and nonce never seal twice.
    assert service.got[0].body != service.got[1].body


def test_a_push_service_that_asks_for_time_gets_it(alice: User, service: Receiver) -> None:
    device = device_of(alice, service)
    service.answer = lambda got: (429, {"Retry-After": "600"}, b"")
    raise_custom_alert(alice.pk, "Mind this")
    deliver(service)
    device.endpoint.refresh_from_db()
    assert device.endpoint.wait_until is not None


def test_what_passed_before_it_was_sent_is_not_shown(alice: User, service: Receiver) -> None:
    limit(alice, "100.00", of="Food", levels=[100])
    device = device_of(alice, service)
    buy(alice, "120.00", to="Food").delete()
    deliver(service)
    assert device.shown() == []


def test_an_import_is_one_message(alice: User, service: Receiver) -> None:
    limit(alice, "100.00", of="Food", levels=[80, 100])
    device = device_of(alice, service)
    today = str(timezone.now().date())
    rows = [transaction_of(alice, "60.00", today, to="Food") for _ in range(2)]
    record_transactions(alice.pk, rows, cause=Cause.IMPORT)
    Deliverer(service.guard, threads=1).run_once()
    due_again()
    deliver(service)
    (shown,) = device.shown()
    assert shown["title"] == "Alerts: 2 open"
    assert (shown["data"]["opened"], shown["data"]["resolved"]) == (2, 0)


def test_an_example(alice: User, service: Receiver) -> None:
    device = device_of(alice, service)
    send_example(device.endpoint, timezone.now())
    deliver(service)
    (shown,) = device.shown()
    assert (shown["title"], shown["data"]["type"]) == ("Financial Alerts", "example")


def test_a_url_that_leads_inside_is_not_asked(alice: User, service: Receiver) -> None:
    """The guard is the one of webhooks: here it does not know the tests' push service."""
    device_of(alice, service)
    raise_custom_alert(alice.pk, "Mind this")
    Deliverer(Guard(ports=frozenset({service.port})), threads=1).run_once()
    assert service.got == []
    (tried,) = Delivery.objects.get().made.all()
    assert "private" in tried.text


def test_without_a_key_messages_wait(alice: User, service: Receiver, settings: Settings) -> None:
    settings.VAPID_PRIVATE_KEY = None
    device_of(alice, service)
    raise_custom_alert(alice.pk, "Mind this")
    deliver(service)
    row = Delivery.objects.get()
    assert (row.state, service.got) == ("pending", [])
    assert "VAPID_PRIVATE_KEY" in row.made.get().text


TEXTS = st.text(st.characters(codec="utf-8"), max_size=3000)


@given(TEXTS)
def test_any_sentence_fits(sentence: str) -> None:
    alert = {"id": 2**63 - 1, "message": sentence, "threshold": 2**63 - 1, "level": 1000}
    alert |= {"status": "resolved", "total": "-" + "9" * 18, "limit": "9" * 18}
    data = {"seq": 2**63 - 1, "total": "9" * 18, "limit": "9" * 18, "alert": alert}
    message = {"type": "alert.unacknowledged", "timestamp": "9" * 30, "data": data}
    shown = notification_of("event_" + "9" * 40, message)
    text = json.dumps(shown, ensure_ascii=False, separators=(",", ":")).encode()
    assert len(text) <= MOST_TEXT
    assert shown["notification"]["title"]
