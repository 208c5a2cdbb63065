"""The admin's pages of endpoints and deliveries: seen, put, sent again, and logged."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.test import TestCase

from budget.delivering import Deliverer
from budget.engine import close_custom_alert, raise_custom_alert
from budget.models import Delivery, DeliveryTry, Endpoint
from budget.tests.people import make_user
from budget.tests.receiver import Receiver, receiving
from support.links import list_url, page_url

pytestmark = pytest.mark.any_postgres


class AdminEndpointTestCase(TestCase):
    root: User
    alice: User
    charlie: User
    receiver: Receiver

    @classmethod
    def setUpTestData(cls) -> None:
        cls.root = User.objects.create_superuser("root", password="swordfish")
        cls.alice = make_user()
        cls.charlie = make_user("charlie")

    def setUp(self) -> None:
        self.client.force_login(self.root)
        self.receiver = self.enterContext(receiving())
        self.endpoint = Endpoint.objects.create(
            user=self.alice, url=self.receiver.url, old_secret="whsec_b2xkb2xkb2xkb2xkb2xkb2xk"
        )

    def deliver(self) -> None:
        Deliverer(self.receiver.guard, threads=1).run_once()

    def page(self, row: Any) -> str:
        answer = self.client.get(page_url(type(row), row.pk))
        self.assertEqual(answer.status_code, 200)
        return answer.content.decode()

    def press(self, row: Any, **fields: str) -> str:
        """Press a button of a row's page; what the next page says."""
        answer = self.client.post(page_url(type(row), row.pk), fields, follow=True)
        self.assertEqual(answer.status_code, 200)
        row.refresh_from_db()
        return answer.content.decode()

    def told(self) -> Delivery:
        """A delivery that failed once."""
        self.receiver.answer = lambda got: (503, {}, b"Closed <today>")
        self.alert = raise_custom_alert(self.alice.pk, "Mind this")
        self.deliver()
        self.receiver.answer = lambda got: (204, {}, b"")
        return Delivery.objects.get()

    def test_what_was_sent_is_seen_without_a_secret(self) -> None:
        row = self.told()
        pages = [
            self.page(self.endpoint),
            self.page(row),
            self.client.get(list_url(Endpoint, user__id__exact=self.alice.pk)).content.decode(),
            self.client.get(list_url(Delivery, user__id__exact=self.alice.pk)).content.decode(),
        ]
        for page in pages:
            self.assertIn(self.endpoint.url, page)
            self.assertNotIn(self.endpoint.secret, page)
            self.assertNotIn(self.endpoint.old_secret, page)
            self.assertNotIn("whsec", page)
        self.assertIn("<td>503</td>", pages[1])
        self.assertIn("Closed &lt;today&gt;", pages[1])
        self.assertIn(f"event_{self.alice.pk}_1", pages[1])
        none = self.client.get(list_url(Delivery, user__id__exact=self.charlie.pk))
        self.assertNotIn(self.endpoint.url, none.content.decode())

    def test_each_channel_is_seen_with_what_its_user_chose(self) -> None:
        url = "https://push.example.com/send/who-has-this-may-send"
        Endpoint.objects.filter(pk=self.endpoint.pk).update(quiet_hours="22:00-07:15", per_day=7)
        rows = {
            "E-mail": {"channel": "email", "digest": "week", "digest_at": "06:45"},
            "The settings of browsers": {"channel": "push"},
            "(push.example.com)": {"channel": "push", "url": url},
        }
        made = {
            place: Endpoint.objects.create(user=self.alice, **fields)
            for place, fields in rows.items()
        }
        listed = self.client.get(list_url(Endpoint, user__id__exact=self.alice.pk)).content.decode()
        for place, row in made.items():
            self.assertIn(place, listed)
            self.assertIn(place, self.page(row))
            self.assertNotIn("who-has-this", listed + self.page(row))
        self.assertIn("06:45", self.page(made["E-mail"]))
        self.assertIn("22:00-07:15", self.page(self.endpoint))
        waiting = self.client.get(list_url(Delivery)).content.decode()
        self.assertIn("deliveries", waiting)
        self.assertNotIn("deliverys", waiting.lower())

    def test_what_would_be_sent_now_is_shown_and_does_not_leave(self) -> None:
        row = self.told()
        came = len(self.receiver.got)
        self.assertIn("&quot;alert.opened&quot;", self.page(row))
        self.assertIn("Mind this", self.page(row))
        close_custom_alert(self.alice.pk, self.alert.pk)
        self.assertIn("it is no longer true", self.page(row))
        self.assertEqual(len(self.receiver.got), came)
        self.assertEqual(DeliveryTry.objects.count(), 1)

    def test_it_is_sent_again_with_its_id(self) -> None:
        row = self.told()
        self.deliver()
        self.assertEqual(len(self.receiver.got), 1)
        self.assertIn("It is sent again", self.press(row, again="1"))
        self.deliver()
        row.refresh_from_db()
        self.assertEqual((row.state, row.tries), ("delivered", 1))
        self.press(row, again="1")
        self.deliver()
        self.assertEqual([got.id for got in self.receiver.got], [row.message_id] * 3)
        entry = LogEntry.objects.latest("pk")
        self.assertEqual(entry.get_change_message(), "It is sent again, as far as it is true.")
        self.assertIn(f"(user {self.alice.pk})", entry.object_repr)

    def test_what_cannot_be_sent_again_says_why(self) -> None:
        row = self.told()
        Delivery.objects.update(token="another", due_at=row.due_at.replace(year=2999))
        self.assertIn("It is being sent just now.", self.press(row, again="1"))
        self.press(self.endpoint, state="paused")
        self.assertIn("The endpoint is paused; put it on first.", self.press(row, again="1"))
        said = [entry.get_change_message() for entry in LogEntry.objects.all()]
        self.assertEqual(said, ["Put paused."])

    def test_an_endpoint_is_put_with_a_reason_that_its_owner_sees(self) -> None:
        row = self.told()
        page = self.page(self.endpoint)
        self.assertIn('value="paused"', page)
        self.assertNotIn('value="on"', page)
        self.press(self.endpoint, state="paused", because="You asked on the phone.")
        self.assertEqual(self.endpoint.state, "paused")
        self.assertEqual(self.endpoint.because, "You asked on the phone.")
        row.refresh_from_db()
        self.assertEqual(row.state, "held")
        entry = LogEntry.objects.latest("pk")
        self.assertEqual(entry.get_change_message(), "Put paused: You asked on the phone.")
        self.press(self.endpoint, state="on")
        self.assertEqual((self.endpoint.state, self.endpoint.because), ("on", ""))
        self.press(self.endpoint, state="broken")
        self.assertEqual(self.endpoint.state, "on")

    def test_who_may_only_look_changes_nothing(self) -> None:
        row = self.told()
        staff = User.objects.create_user("staff", is_staff=True)
        self.client.force_login(staff)
        for one in (row, self.endpoint):
            self.assertEqual(self.client.get(page_url(type(one), one.pk)).status_code, 403)
        codes = ("view_endpoint", "view_delivery")
        staff.user_permissions.set(Permission.objects.filter(codename__in=codes))
        self.assertNotIn('name="again"', self.page(row))
        self.assertNotIn('name="state"', self.page(self.endpoint))
        for one, fields in ((row, {"again": "1"}), (self.endpoint, {"state": "off"})):
            answer = self.client.post(page_url(type(one), one.pk), fields)
            self.assertEqual(answer.status_code, 403)
        self.endpoint.refresh_from_db()
        self.assertEqual(self.endpoint.state, "on")

    def test_nobody_adds_or_deletes_one(self) -> None:
        for row in (self.told(), self.endpoint):
            self.assertEqual(self.client.get(f"{list_url(type(row))}add/").status_code, 403)
            page = page_url(type(row), row.pk).replace("change", "delete")
            self.assertEqual(self.client.post(page, {"post": "yes"}).status_code, 403)

    def test_another_id_is_not_there(self) -> None:
        for pk in ("0", "x", "9" * 30):
            for model in (Endpoint, Delivery):
                self.assertEqual(self.client.get(page_url(model, pk)).status_code, 404)
