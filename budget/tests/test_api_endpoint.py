"""/api/endpoint and /api/delivery: where a user's events go, and what came of them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import override_settings
from django.utils import timezone
from standardwebhooks import Webhook

from budget.delivering import Deliverer
from budget.engine import raise_custom_alert
from budget.models import Delivery, Endpoint
from budget.tests.base import ApiTestCase
from budget.tests.people import limit
from budget.tests.receiver import Receiver, receiving

pytestmark = pytest.mark.any_postgres

PATH = "/api/endpoint"
URL = "https://example.com/alerts"


class EndpointTestCase(ApiTestCase):
    def make(self, **fields: Any) -> dict[str, Any]:
        found: dict[str, Any] = self.post(PATH, {"url": URL, **fields})
        return found

    def row(self, key: int) -> Endpoint:
        return Endpoint.objects.get(pk=key)


class CreateTest(EndpointTestCase):
    def test_the_secret_is_shown_once(self) -> None:
        made = self.make(levels=[100])
        self.assertEqual(self.answer["Cache-Control"], "no-store")
        self.assertEqual(self.answer["Location"], f"{PATH}/{made['id']}")
        Webhook(made["secret"])
        self.assertEqual((made["state"], made["kinds"]), ("on", ["opened", "resolved"]))
        self.assertEqual(made["levels"], [100])
        self.assertNotIn("secret", self.get(f"{PATH}/{made['id']}"))
        (listed,) = self.get(PATH)["items"]
        self.assertEqual(listed, self.get(f"{PATH}/{made['id']}"))

    def test_it_begins_with_what_happens_from_now(self) -> None:
        raise_custom_alert(self.alice.pk, "Before")
        self.assertEqual(self.make()["seq"], 1)

    def test_thresholds_by_id_or_slug_are_the_users_own(self) -> None:
        mine, theirs = limit(self.alice, "10", name="Food"), limit(self.charlie, "10")
        self.assertEqual(self.make(thresholds=["food", mine.pk])["thresholds"], [mine.pk])
        self.post(PATH, {"url": URL, "thresholds": [theirs.pk]}, status=404)

    def test_every_wrong_field_is_named(self) -> None:
        body = {
            "url": "http://example.com/",
            "kinds": [],
            "levels": [0],
            "quiet": 4000,
            "brief": "x",
            "state": "broken",
        }
        found = self.wrong("POST", PATH, body)
        self.assertEqual(
            set(found), {"#/url", "#/kinds", "#/levels/0", "#/quiet", "#/brief", "#/state"}
        )
        for url in ("https://10.0.0.1/", "https://localhost/", "https://a.example:444/"):
            self.assertEqual(set(self.wrong("POST", PATH, {"url": url})), {"#/url"})

    def test_a_user_has_twenty_at_most(self) -> None:
        for _ in range(Endpoint.MAX_A_USER):
            Endpoint.objects.create(user=self.alice, url=URL)
        self.post(PATH, {"url": URL}, status=409)


class ChangeTest(EndpointTestCase):
    def test_fields_that_are_sent_change(self) -> None:
        key = self.make(levels=[100])["id"]
        found = self.patch(f"{PATH}/{key}", {"quiet": 60})
        self.assertEqual((found["quiet"], found["levels"]), (60, [100]))
        found = self.put(f"{PATH}/{key}", {"url": URL})
        self.assertEqual((found["quiet"], found["levels"]), (0, []))

    def test_what_is_not_yours_is_not_there(self) -> None:
        key = self.make()["id"]
        for method, path, body in (
            ("GET", f"{PATH}/{key}", None),
            ("PATCH", f"{PATH}/{key}", {}),
            ("DELETE", f"{PATH}/{key}", None),
            ("POST", f"{PATH}/{key}/secret", {}),
            ("POST", f"{PATH}/{key}/example", {}),
            ("POST", f"{PATH}/{key}/replay", {"since": 0}),
            ("GET", f"{PATH}/{key}/delivery", None),
        ):
            self.call(method, path, body, who="charlie", status=404)

    def test_a_new_secret_signs_beside_the_old_one_for_a_day(self) -> None:
        made = self.make()
        found = self.call("POST", f"{PATH}/{made['id']}/secret", {})
        self.assertNotEqual(found["secret"], made["secret"])
        self.assertEqual(self.answer["Cache-Control"], "no-store")
        row, now = self.row(made["id"]), timezone.now()
        self.assertEqual(row.secrets_at(now), [found["secret"], made["secret"]])
        self.assertEqual(row.secrets_at(now + timedelta(hours=25)), [found["secret"]])

    def test_a_deleted_one_leaves_nothing(self) -> None:
        key = self.make()["id"]
        self.post(f"{PATH}/{key}/example", {})
        self.assertEqual(self.delete(f"{PATH}/{key}")["id"], key)
        self.assertEqual(Delivery.objects.count(), 0)
        self.get(f"{PATH}/{key}", status=404)


class LimitTest(EndpointTestCase):
    """Examples and replays are for people, and each sends messages to somebody."""

    @override_settings(THROTTLE_LIMITS={"messages": (3, 3600)})
    def test_a_user_has_so_many_examples_and_replays_an_hour(self) -> None:
        key = self.make()["id"]
        for _ in range(2):
            self.post(f"{PATH}/{key}/example", {})
        self.call("POST", f"{PATH}/{key}/replay", {"since": 0})
        for route, body in (("example", {}), ("replay", {"since": 0})):
            found = self.call("POST", f"{PATH}/{key}/{route}", body, status=429)
            self.assertIn("More than 3 requests in 3600 seconds (messages)", found["detail"])
            self.assertGreater(int(self.answer["Retry-After"]), 0)
        self.assertEqual(Delivery.objects.filter(kind="example").count(), 2)
        # Nothing else is counted with them.
        self.patch(f"{PATH}/{key}", {"quiet": 5})


class DeliveryTest(EndpointTestCase):
    """With a receiver that answers."""

    receiver: Receiver

    def setUp(self) -> None:
        self.receiver = self.enterContext(receiving())
        made = self.post(PATH, {"url": self.receiver.url})
        self.key, self.secret = made["id"], made["secret"]

    def deliver(self) -> None:
        Deliverer(self.receiver.guard, threads=2).run_once()

    def test_an_example_arrives_in_any_state_and_its_try_can_be_read(self) -> None:
        self.patch(f"{PATH}/{self.key}", {"state": "off"})
        made = self.post(f"{PATH}/{self.key}/example", {})
        self.assertEqual((made["kind"], made["state"]), ("example", "pending"))
        self.receiver.answer = lambda got: (200, {}, b"Thank you")
        self.deliver()
        (got,) = self.receiver.got
        message = Webhook(self.secret).verify(got.body.decode(), got.headers)
        self.assertEqual((message["type"], got.id), ("example", made["message_id"]))
        found = self.get(f"/api/delivery/{made['id']}")
        self.assertEqual((found["state"], found["tries"]), ("delivered", 1))
        (tried,) = found["made"]
        self.assertEqual((tried["status"], tried["text"]), (200, "Thank you"))

    def test_the_list_of_deliveries_newest_first(self) -> None:
        for text in ("One", "Two", "Three"):
            raise_custom_alert(self.alice.pk, text)
        self.deliver()
        raise_custom_alert(self.alice.pk, "Four")
        self.receiver.answer = lambda got: (503, {}, b"")
        self.deliver()
        path = f"{PATH}/{self.key}/delivery"
        found = self.get(f"{path}?limit=3&count=true")
        self.assertEqual([one["seq"] for one in found["items"]], [4, 3, 2])
        self.assertEqual(found["count"], 4)
        (waiting,) = self.get(f"{path}?state=pending")["items"]
        self.assertEqual((waiting["seq"], waiting["status"]), (4, 503))
        self.assertIsNotNone(waiting["due_at"])

    def test_what_is_paused_waits_and_what_is_off_is_not_told(self) -> None:
        self.patch(f"{PATH}/{self.key}", {"state": "paused"})
        raise_custom_alert(self.alice.pk, "While paused")
        self.deliver()
        self.assertEqual(self.receiver.got, [])
        self.patch(f"{PATH}/{self.key}", {"state": "on"})
        self.deliver()
        self.assertEqual(len(self.receiver.got), 1)
        self.patch(f"{PATH}/{self.key}", {"state": "off"})
        raise_custom_alert(self.alice.pk, "While off")
        self.patch(f"{PATH}/{self.key}", {"state": "on"})
        self.deliver()
        self.assertEqual(len(self.receiver.got), 1)

    def test_pausing_holds_what_waits_already(self) -> None:
        raise_custom_alert(self.alice.pk, "Mind this")
        self.receiver.answer = lambda got: (503, {}, b"")
        self.deliver()
        self.patch(f"{PATH}/{self.key}", {"state": "paused"})
        self.assertEqual(Delivery.objects.get().state, "held")
        self.patch(f"{PATH}/{self.key}", {"state": "off"})
        self.assertEqual(Delivery.objects.get().state, "failed")

    def test_a_replay_sends_again_what_is_true_with_the_same_ids(self) -> None:
        alert = raise_custom_alert(self.alice.pk, "One")
        raise_custom_alert(self.alice.pk, "Two")
        raise_custom_alert(self.alice.pk, "Three")
        self.deliver()
        self.delete(f"/api/alert/{alert.pk}")
        self.deliver()
        self.receiver.got.clear()
        self.call("POST", f"{PATH}/{self.key}/replay", {"since": 1})
        self.deliver()
        reported = {got.id: got.json["type"] for got in self.receiver.got}
        mine = f"event_{self.alice.pk}"
        self.assertEqual(
            reported,
            {
                f"{mine}_2": "alert.opened",
                f"{mine}_3": "alert.opened",
                f"{mine}_4": "alert.resolved",
            },
        )
