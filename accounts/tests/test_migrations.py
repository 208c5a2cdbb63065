"""What is stored from before scopes, services and the shared cache is as good as new."""

from __future__ import annotations

from importlib import import_module
from types import SimpleNamespace
from typing import Any

from allauth.usersessions.models import UserSession
from django.apps import apps
from django.contrib.auth.models import User
from django.core.cache import caches
from django.db import connection, models
from django.test import TestCase

from accounts.models import ApiToken, Device
from budget.models.search import words_in

SCOPES = import_module("accounts.migrations.0002_token_scopes")
PLAIN = import_module("accounts.migrations.0005_plain_search_keys")
DEVICES = import_module("accounts.migrations.0006_devices")
CACHE = import_module("accounts.migrations.0003_cache_table")


class MigrationTest(TestCase):
    editor: Any = SimpleNamespace(connection=connection)

    def test_a_token_of_before_is_found_and_writes(self) -> None:
        token, _ = ApiToken.issue(User.objects.create_user("alice"), "Café")
        models.QuerySet(ApiToken).update(key="")
        self.assertFalse(ApiToken.objects.filter(words_in("cafe", "key")).exists())
        SCOPES.fill(apps, self.editor)
        self.assertEqual(ApiToken.objects.filter(words_in("cafe", "key")).get(), token)
        self.assertEqual(token.scope, "write")

    def test_the_key_of_a_token_follows_the_search_there_and_back(self) -> None:
        token, _ = ApiToken.issue(User.objects.create_user("alice"), "Łódź")
        (operation,) = PLAIN.Migration.operations
        operation.reverse_code(apps, self.editor)
        self.assertIn("łodz", ApiToken.objects.get().key)
        self.assertFalse(ApiToken.objects.filter(words_in("lodz", "key")).exists())
        operation.code(apps, self.editor)
        self.assertEqual(ApiToken.objects.filter(words_in("lodz", "key")).get(), token)

    def test_a_server_of_before_goes_on_making_tokens(self) -> None:
        alice = User.objects.create_user("alice")
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO accounts_apitoken (user_id, name, digest, hint, created_at)"
                " VALUES (%s, 'phone', 'x', 'fa_', '2026-01-01 00:00:00+00:00')",
                [alice.pk],
            )
        self.assertEqual(ApiToken.objects.get().scope, "write")

    def test_a_device_that_is_logged_in_already_is_no_news(self) -> None:
        alice = User.objects.create_user("alice")
        for number in range(2):
            UserSession.objects.create(
                user=alice, session_key=f"key{number}", ip="192.0.2.1", user_agent="curl/8.5.0"
            )
        DEVICES.fill(apps, self.editor)
        self.assertFalse(Device.note(alice.pk, "curl/8.6.0", "192.0.2.9"))
        self.assertTrue(Device.note(alice.pk, "wget/1.0", "192.0.2.9"))

    def test_the_table_of_the_cache_comes_with_the_migrations(self) -> None:
        CACHE.create(apps, self.editor)  # once more: it is there already
        self.assertIn(CACHE.TABLE, connection.introspection.table_names())
        caches["default"].set("a", 1)
        self.assertEqual(caches["default"].get("a"), 1)
