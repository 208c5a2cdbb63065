"""A person can take everything along, and leave nothing behind."""

from __future__ import annotations

import json
import re
import time
from typing import Any

import pytest
from allauth.account.models import EmailAddress, EmailConfirmation
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.apps import apps
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.db import models
from django.utils import timezone

from accounts.models import ApiToken, Device
from budget.engine import account as engine_account
from budget.engine import export_account, raise_custom_alert, record_transactions
from budget.engine.account import SECRETS, tables
from budget.models import (
    Category,
    DeletedId,
    Endpoint,
    FormerName,
    Transaction,
)
from budget.tests.base import ApiTestCase
from budget.tests.people import combine, fill_endpoint, fill_import, limit, spend, transaction_of

PATH = "/api/account"
# A column of such a name is either a secret, or looked at and found to be none.
SUSPICIOUS = re.compile("password|secret|digest|hash|token|key|data|code|session|header")
NO_SECRETS = {
    "accounts.ApiToken": {"key"},
    "budget.Category": {"key"},
    "budget.Delivery": {"token"},
    "budget.Endpoint": {"old_secret_until", "digest", "digest_at", "digest_on"},
    "budget.FormerName": {"key"},
    "budget.TransactionType": {"key"},
}


def fill(user: User) -> None:
    """Give a user a row in every table that belongs to users."""
    for number in range(3):
        spend(user, "60.00", f"2018-03-0{number + 1}", description=f"Größe {number}")
    DeletedId.objects.create(user=user, external_id="gone")
    category = Category(user=user, name="Former")
    category.save()
    FormerName.objects.keep(category, "earlier")
    fill_import(user)
    fill_endpoint(user)
    limit(user, "100.00", name="Élan")
    single = limit(user, "50.00", "transaction", name="Single")
    single.operator = "gt"
    single.save()
    combine(user, ("Groceries", "spending", "gt", "10.00"), name="Both")
    raise_custom_alert(user.pk, "Mine\u2028")
    address = EmailAddress.objects.create(user=user, email=f"{user.username}@example.com")
    EmailConfirmation.objects.create(email_address=address, key=f"confirm-{user.username}")
    Device.note(user.pk, "curl/8.5.0", "192.0.2.1")
    Authenticator.objects.create(user=user, type="totp", data={"secret": f"totp-{user.username}"})
    LogEntry.objects.create(user=user, object_repr="somebody else's", action_flag=1)


def rows_of(user: User) -> dict[str, list[Any]]:
    """The ids of a user's rows in every table, found without the code under test."""
    found: dict[str, list[Any]] = {}
    for model in apps.get_models():
        for way in ("user", "threshold__user", "email_address__user"):
            if has_way(model, way):
                mine = model._base_manager.filter(**{way: user})
                found[model._meta.label] = sorted(mine.values_list("pk", flat=True))
                break
    found["auth.User"] = list(User.objects.filter(pk=user.pk).values_list("pk", flat=True))
    return found


def has_way(model: type[models.Model], way: str) -> bool:
    for name in way.split("__"):
        if name not in {field.name for field in model._meta.concrete_fields}:
            return False
        related = model._meta.get_field(name).related_model
        if related is None or isinstance(related, str):
            return False
        model = related
    return model is User


class AccountTestCase(ApiTestCase):
    def setUp(self) -> None:
        for user in (self.alice, self.charlie):
            fill(user)
        body = {"date": "2018-03-09", "amount": "1.00"}
        self.post("/api/transaction", body, HTTP_IDEMPOTENCY_KEY="once")
        self.client.force_login(self.alice)
        key = self.client.session.session_key
        UserSession.objects.get_or_create(
            user=self.alice, session_key=key, defaults={"ip": "127.0.0.1", "user_agent": "x"}
        )

    def export(self, who: str = "alice") -> dict[str, Any]:
        token = f"Bearer {self.tokens[who]}"
        self.answer = self.client.get(f"{PATH}/export", HTTP_AUTHORIZATION=token)
        self.assertEqual(self.answer.status_code, 200)
        self.assertTrue(self.answer.streaming)
        found: dict[str, Any] = json.loads(self.answer.getvalue())
        return found

    def leave(self, body: object, *, status: int = 200) -> Any:
        """DELETE with the session, not with a token."""
        answer = self.client.delete(PATH, json.dumps(body), "application/json")
        self.assertEqual(answer.status_code, status, answer.content)
        return answer.json()


class ExportTestCase(AccountTestCase):
    def test_it_holds_every_row_of_every_table(self) -> None:
        found, must = self.export(), rows_of(self.alice)
        del found["exported_at"]
        self.assertGreaterEqual(len(must), 18)
        self.assertEqual(set(found), set(must))
        for name, ids in must.items():
            with self.subTest(name):
                self.assertGreater(len(ids), 0)
                key = "user_id" if name == "budget.Ledger" else "id"
                self.assertEqual([row[key] for row in found[name]], ids)

    def test_values_are_exact_and_readable(self) -> None:
        found = self.export()
        row = Transaction.objects.filter(user=self.alice).order_by("pk")[0]
        self.assertEqual(
            found["budget.Transaction"][0],
            {
                "id": row.pk,
                "user_id": self.alice.pk,
                "date": "2018-03-01",
                "category_id": row.category_id,
                "description": "Größe 0",
                "amount": "60.00",
                "type_id": row.type_id,
                "external_id": None,
                "imported_as": None,
                "import_id": None,
                "edited": False,
            },
        )
        self.assertEqual(found["budget.Alert"][-1]["message"], "Mine\u2028")
        self.assertEqual(found["budget.Threshold"][0]["levels"], [80, 100])
        self.assertRegex(found["exported_at"], r"^\d{4}-\d\d-\d\dT.*Z$")
        self.assertEqual(self.answer["Content-Disposition"], 'attachment; filename="account.json"')

    def test_no_secret_and_nothing_of_others_is_in_it(self) -> None:
        text = json.dumps(self.export(), ensure_ascii=False)
        token = ApiToken.objects.filter(user=self.alice)[0]
        for secret in (
            self.alice.password,
            self.tokens["alice"],
            token.digest,
            Endpoint.objects.get(user=self.alice).secret,
            "totp-alice",
            "confirm-alice",
            str(self.client.session.session_key),
            "somebody else's",
            "charlie",
        ):
            self.assertNotIn(secret, text)

    def test_every_column_that_may_be_a_secret_has_been_looked_at(self) -> None:
        for table in tables():
            label = table.model._meta.label
            names = {field.name for field in table.model._meta.concrete_fields}
            self.assertLessEqual(SECRETS.get(label, set()), names)
            looked_at = SECRETS.get(label, set()) | NO_SECRETS.get(label, set())
            for name in names:
                with self.subTest(f"{label}.{name}"):
                    self.assertTrue(name in looked_at or not SUSPICIOUS.search(name))

    def test_tables_longer_than_a_read_are_whole(self) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(engine_account, "ROWS_A_QUERY", 2)
            found = json.loads(b"".join(export_account(self.alice.pk)))
        self.assertEqual(
            [row["id"] for row in found["budget.Transaction"]],
            rows_of(self.alice)["budget.Transaction"],
        )
        self.assertEqual(
            [row["id"] for row in found["budget.Rollup"]], rows_of(self.alice)["budget.Rollup"]
        )

    def test_it_is_made_while_it_is_sent(self) -> None:
        one = transaction_of(self.alice, "1.00")
        record_transactions(
            self.alice.pk,
            [
                Transaction(date=one.date, category=one.category, type=one.type, amount=one.amount)
                for _ in range(3000)
            ],
        )
        pieces = list(export_account(self.alice.pk))
        self.assertGreater(len(pieces), 3000)
        self.assertLess(max(map(len, pieces)), 2000)

    def test_an_account_without_rows_is_valid_too(self) -> None:
        bob = User.objects.create_user("bob")
        found = json.loads(b"".join(export_account(bob.pk)))
        self.assertEqual(found["budget.Transaction"], [])
        self.assertEqual(len(found["budget.TransactionType"]), 4)


class DeleteTestCase(AccountTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.prove(time.time())

    def prove(self, moment: float) -> None:
        """Let the session be one that has shown its second factor then."""
        session = self.client.session
        shown = {"method": "mfa", "at": moment, "reauthenticated": True}
        session["account_authentication_methods"] = [shown]
        session["account_authentication_methods_user"] = str(self.alice.pk)
        session.save()

    def test_who_has_a_second_factor_shows_it_again(self) -> None:
        self.prove(time.time() - 24 * 60 * 60)
        found = self.leave({"confirm": "alice"}, status=403)
        self.assertEqual(found["type"], "/problems/reauthenticate")
        self.assertTrue(User.objects.filter(pk=self.alice.pk).exists())

    def test_everything_goes_and_nothing_of_others(self) -> None:
        others, key = rows_of(self.charlie), self.client.session.session_key
        token = f"Bearer {self.tokens['alice']}"
        found = self.leave({"confirm": "Alice"})
        self.assertEqual(found, {"id": self.alice.pk, "alerts": {"opened": [], "resolved": []}})
        self.assertEqual({name: ids for name, ids in rows_of(self.alice).items() if ids}, {})
        self.assertEqual(rows_of(self.charlie), others)
        self.assertFalse(Session.objects.filter(session_key=key).exists())
        self.call("GET", "/api/profile", status=401, HTTP_AUTHORIZATION=token)
        self.assertEqual(self.client.get("/api/profile").status_code, 401)

    def test_an_e_mail_address_confirms_too(self) -> None:
        User.objects.filter(pk=self.alice.pk).update(
            email="a@example.com", last_login=timezone.now()
        )
        self.leave({"confirm": "A@EXAMPLE.com"})
        self.assertFalse(User.objects.filter(pk=self.alice.pk).exists())

    def test_nobody_leaves_by_mistake(self) -> None:
        for body in ({}, {"confirm": ""}, {"confirm": "charlie"}, {"confirm": True}):
            with self.subTest(body):
                found = self.leave(body, status=422)
                self.assertEqual(found["errors"][0]["pointer"], "#/confirm")
        self.assertEqual(self.client.delete(PATH).status_code, 415)
        self.assertTrue(User.objects.filter(pk=self.alice.pk).exists())

    def test_no_token_can_do_it(self) -> None:
        self.delete(PATH, status=403)
        self.call("DELETE", PATH, {"confirm": "alice"}, status=403)
        self.assertTrue(User.objects.filter(pk=self.alice.pk).exists())
