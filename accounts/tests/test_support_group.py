"""The group for support people: what it may do, and what not."""

from __future__ import annotations

from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.contrib.auth.models import Group, Permission, User
from django.core.management import CommandError, call_command
from django.test import TestCase

from accounts.models import ApiToken
from budget.models import Alert, Category, Profile, Threshold, Transaction
from budget.tests.pages import add_url, delete_url, seen
from budget.tests.people import limit, spend
from support.links import list_url, page_url

pytestmark = pytest.mark.any_postgres


class SupportTest(TestCase):
    helper: User
    alice: User
    root: User

    @classmethod
    def setUpTestData(cls) -> None:
        cls.root = User.objects.create_superuser("root")
        cls.alice = User.objects.create_user("alice", email="alice@example.com")
        cls.helper = User.objects.create_user("helper", is_staff=True)
        call_command("support_group")
        cls.helper.groups.add(Group.objects.get(name="Support"))

    def setUp(self) -> None:
        self.client.force_login(self.helper)
        self.row = spend(self.alice, "5.00")
        self.threshold = limit(self.alice, "100.00")

    def act(self, model: Any, action: str, *rows: Any) -> None:
        chosen = {"action": action, "_selected_action": [row.pk for row in rows], "post": "yes"}
        self.client.post(list_url(model), chosen)

    def test_it_sees_everything_of_a_user(self) -> None:
        for model in (User, Profile, ApiToken, Transaction, Threshold, Alert, Category):
            self.assertEqual(self.client.get(list_url(model)).status_code, 200, model)
        for row in (self.alice, self.row, self.threshold):
            self.assertEqual(self.client.get(page_url(type(row), row.pk)).status_code, 200)

    def test_it_corrects_a_transaction(self) -> None:
        page = page_url(Transaction, self.row.pk)
        form = self.client.get(page).context["adminform"].form
        data = {name: form[name].value() or "" for name in form.fields} | {
            "description": "corrected"
        }
        answer = self.client.post(page, data | seen(self.client, page))
        self.assertEqual(answer.status_code, 302)
        self.row.refresh_from_db()
        self.assertEqual(self.row.description, "corrected")

    def test_it_adds_and_deletes_nothing_of_money(self) -> None:
        for row in (self.row, self.threshold, self.row.category):
            self.assertEqual(self.client.get(add_url(type(row))).status_code, 403)
            self.client.post(delete_url(row), {"post": "yes"})
            self.act(type(row), "delete_selected", row)
            row.refresh_from_db()
        self.assertTrue(Threshold.objects.filter(pk=self.threshold.pk).exists())

    def test_it_changes_and_deletes_no_account(self) -> None:
        page = page_url(User, self.alice.pk)
        self.assertEqual(self.client.post(page, {"username": "mallory"}).status_code, 403)
        for path in (delete_url(self.alice), f"/admin/auth/user/{self.alice.pk}/password/"):
            self.assertEqual(self.client.post(path, {"post": "yes"}).status_code, 403)
        self.assertEqual(self.client.get(add_url(User)).status_code, 403)
        self.assertEqual(self.client.get(list_url(Group)).status_code, 403)

    def test_it_revokes_tokens_and_makes_none(self) -> None:
        token, _ = ApiToken.issue(self.alice, "lost phone")
        self.assertEqual(self.client.get(add_url(ApiToken)).status_code, 403)
        self.act(ApiToken, "revoke", token)
        token.refresh_from_db()
        self.assertIsNotNone(token.revoked_at)

    def test_it_takes_lost_factors_and_sessions_from_users_and_not_from_staff(self) -> None:
        other = User.objects.create_user("other_helper", is_staff=True)
        for user, left in ((self.alice, 0), (other, 1), (self.root, 1), (self.helper, 1)):
            with self.subTest(user.username):
                factor = Authenticator.objects.create(user=user, type="totp", data={})
                session = UserSession.objects.create(
                    user=user, session_key=f"key{user.pk}", ip="192.0.2.1", user_agent="x"
                )
                self.act(Authenticator, "delete_selected", factor)
                self.act(UserSession, "delete_selected", session)
                for model in (Authenticator, UserSession):
                    self.assertEqual(model._base_manager.filter(user=user).count(), left)

    def test_running_it_again_gives_the_group_back_what_it_had(self) -> None:
        group = Group.objects.get(name="Support")
        before = set(group.permissions.all())
        group.permissions.add(Permission.objects.get(codename="delete_user"))
        group.permissions.remove(Permission.objects.get(codename="view_user"))
        call_command("support_group")
        self.assertEqual(set(group.permissions.all()), before)
        self.assertIn(self.helper, group.user_set.all())

    def test_it_says_where_permissions_are_missing(self) -> None:
        Permission.objects.filter(codename="view_alert").delete()
        with self.assertRaisesRegex(CommandError, "budget.view_alert"):
            call_command("support_group")
