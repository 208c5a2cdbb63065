"""/api/push: browsers that subscribe, and whose they are."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import override_settings

from budget.delivering.browsers import MAX_BROWSERS
from budget.delivering.endpoints import send_example, stop
from budget.models import Delivery, Endpoint
from budget.models.endpoint import Channel
from budget.tests.base import ApiTestCase
from budget.tests.browser_keys import Browser, base64url
from lib.web_push import new_private_key, point_of

pytestmark = pytest.mark.any_postgres

PATH = "/api/push"
URL = "https://push.example.com/send/dGhlIGJyb3dzZXI"
KEYS = {"VAPID_PRIVATE_KEY": new_private_key(), "VAPID_SUBJECT": "mailto:ops@example.com"}


@override_settings(**KEYS)
class PushTestCase(ApiTestCase):
    def subscribe(self, url: str = URL, browser: Browser | None = None, **options: Any) -> Any:
        return self.post(PATH, (browser or Browser()).subscription(url), **options)


class SubscribeTest(PushTestCase):
    def test_the_key_is_one_that_a_browser_takes(self) -> None:
        point_of(self.get(f"{PATH}/key")["key"])

    def test_a_subscription_as_the_browser_gives_it(self) -> None:
        browser = Browser()
        made = self.subscribe(browser=browser)
        self.assertEqual(self.answer["Location"], f"{PATH}/{made['id']}")
        self.assertEqual((made["endpoint"], made["state"]), (URL, "on"))
        (listed,) = self.get(PATH)["items"]
        self.assertEqual(listed, self.get(f"{PATH}/{made['id']}"))
        self.assertNotIn("keys", listed)
        row = Endpoint.objects.get(pk=made["id"])
        self.assertEqual(row.p256dh, base64url(browser.public))
        self.assertEqual(row.auth, base64url(browser.auth))

    def test_the_same_browser_again_is_the_same_row_with_its_newest_keys(self) -> None:
        first = self.subscribe()
        browser = Browser()
        body = browser.subscription(URL)
        # As some libraries write it, with padding.
        body["keys"] = {"p256dh": f"{base64url(browser.public)}=", "auth": base64url(browser.auth)}
        self.assertEqual(self.post(PATH, {**body, "expirationTime": 1.5e12})["id"], first["id"])
        self.assertEqual(Endpoint.objects.get(url=URL).p256dh, base64url(browser.public))

    def test_a_browser_is_of_whoever_was_there_last(self) -> None:
        """Nobody reads another one's alerts at a shared device."""
        browser = Browser()
        mine = self.subscribe(browser=browser)
        row = Endpoint.objects.get(pk=mine["id"])
        send_example(row, row.created_at)
        theirs = self.subscribe(browser=browser, who="charlie")
        self.get(f"{PATH}/{mine['id']}", status=404)
        self.assertEqual(self.get(PATH)["items"], [])
        self.assertEqual(Delivery.objects.count(), 0)
        row = Endpoint.objects.get(url=URL)
        self.assertEqual((row.pk, row.user_id), (theirs["id"], self.charlie.pk))

    def test_every_wrong_field_is_named(self) -> None:
        good = Browser().subscription(URL)
        body = {
            "endpoint": "http://push.example.com/",
            "expirationTime": "soon",
            "keys": {"p256dh": base64url(b"\x04" + b"1" * 64), "auth": base64url(bytes(15))},
        }
        found = self.wrong("POST", PATH, body)
        wanted = {"#/endpoint", "#/expirationTime", "#/keys/p256dh", "#/keys/auth"}
        self.assertEqual(set(found), wanted)
        for url in ("https://10.0.0.1/", "https://localhost/", "https://a.example:444/"):
            self.assertEqual(
                set(self.wrong("POST", PATH, {**good, "endpoint": url})), {"#/endpoint"}
            )
        found = self.wrong("POST", PATH, {**good, "keys": {"p256dh": 1}, "more": 1})
        self.assertEqual(set(found), {"#/keys/p256dh", "#/keys/auth", "#/more"})
        self.assertEqual(Endpoint.objects.count(), 0)

    def test_a_user_has_twenty_at_most(self) -> None:
        for number in range(MAX_BROWSERS):
            url = f"{URL}{number}"
            Endpoint.objects.create(user=self.alice, channel=Channel.PUSH, url=url)
        self.post(PATH, Browser().subscription(URL), status=409)
        self.subscribe(url=f"{URL}0")

    def test_it_begins_with_the_settings_that_browsers_share(self) -> None:
        Endpoint.objects.create(
            user=self.alice, channel=Channel.PUSH, levels=[100], quiet=60, state="paused"
        )
        made = self.subscribe()
        row = Endpoint.objects.get(pk=made["id"])
        self.assertEqual((row.levels, row.quiet, row.state), ([100], 60, "paused"))

    def test_the_first_browser_puts_web_push_on_and_none_puts_it_on_against_the_user(self) -> None:
        self.assertEqual(self.get("/api/notification/push")["state"], "off")
        made = self.subscribe()
        self.assertEqual(self.get("/api/notification/push")["state"], "on")
        self.patch("/api/notification/push", {"state": "off"})
        self.assertEqual(self.get(f"{PATH}/{made['id']}")["state"], "off")
        self.assertEqual(self.subscribe()["state"], "off")
        self.assertEqual(self.subscribe(url=f"{URL}2")["state"], "off")

    def test_one_that_the_service_has_paused_is_on_again(self) -> None:
        made = self.subscribe()
        self.assertTrue(stop(made["id"], "paused", "Nothing has arrived."))
        (alert,) = self.get("/api/alert")["items"]
        self.assertIn(f"Browser {made['id']} (push.example.com) is paused", alert["message"])
        found = self.subscribe()
        self.assertEqual((found["id"], found["state"], found["because"]), (made["id"], "on", None))


class OthersTest(PushTestCase):
    def test_what_is_not_yours_is_not_there(self) -> None:
        key = self.subscribe()["id"]
        for method, path, body in (
            ("GET", f"{PATH}/{key}", None),
            ("DELETE", f"{PATH}/{key}", None),
        ):
            self.call(method, path, body, who="charlie", status=404)
        self.assertEqual(self.get(PATH, HTTP_AUTHORIZATION=self.bearer("charlie"))["items"], [])

    def bearer(self, who: str) -> str:
        return f"Bearer {self.tokens[who]}"

    def test_an_endpoint_is_no_browser_and_a_browser_no_endpoint(self) -> None:
        webhook = self.post("/api/endpoint", {"url": "https://example.com/alerts"})["id"]
        browser = self.subscribe()["id"]
        self.get(f"{PATH}/{webhook}", status=404)
        self.get(f"/api/endpoint/{browser}", status=404)
        self.assertEqual(self.ids(PATH), [browser])
        self.assertEqual(self.ids("/api/endpoint"), [webhook])

    def test_a_deleted_one_leaves_nothing(self) -> None:
        key = self.subscribe()["id"]
        self.post(f"/api/endpoint/{key}/example", {})
        self.assertEqual(self.delete(f"{PATH}/{key}")["id"], key)
        self.assertEqual(Delivery.objects.count(), 0)
        self.get(f"{PATH}/{key}", status=404)


class WithoutKeysTest(ApiTestCase):
    @override_settings(VAPID_PRIVATE_KEY=None, VAPID_SUBJECT=None)
    def test_a_service_without_a_key_says_so_and_lets_go_of_browsers(self) -> None:
        for found in (
            self.get(f"{PATH}/key", status=404),
            self.post(PATH, Browser().subscription(URL), status=404),
        ):
            self.assertEqual(found["type"], "/problems/no-web-push")
        row = Endpoint.objects.create(user=self.alice, channel=Channel.PUSH, url=URL)
        self.assertEqual(self.ids(PATH), [row.pk])
        self.delete(f"{PATH}/{row.pk}")
