"""What is stored from before scopes, services and the shared cache is as good as new."""

from __future__ import annotations

from importlib import import_module
from types import SimpleNamespace
from typing import Any

from django.apps import apps
from django.contrib.auth.models import User
from django.core.cache import caches
from django.db import connection, models
from django.test import TestCase

from accounts.models import ApiToken
from budget.models.search import matching

SCOPES = import_module("accounts.migrations.0002_token_scopes")
CACHE = import_module("accounts.migrations.0003_cache_table")


class MigrationTest(TestCase):
    editor: Any = SimpleNamespace(connection=connection)

    def test_a_token_of_before_is_found_and_writes(self) -> None:
        token, _ = ApiToken.issue(User.objects.create_user("alice"), "Café")
        models.QuerySet(ApiToken).update(key="")
        self.assertFalse(matching(ApiToken.objects.all(), "cafe", "key").exists())
        SCOPES.fill(apps, self.editor)
        self.assertEqual(matching(ApiToken.objects.all(), "cafe", "key").get(), token)
        self.assertEqual(token.scope, "write")

    def test_a_server_of_before_goes_on_making_tokens(self) -> None:
        alice = User.objects.create_user("alice")
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO accounts_apitoken (user_id, name, digest, hint, created_at)"
                " VALUES (%s, 'phone', 'x', 'fa_', '2026-01-01 00:00:00+00:00')",
                [alice.pk],
            )
        self.assertEqual(ApiToken.objects.get().scope, "write")

    def test_the_table_of_the_cache_comes_with_the_migrations(self) -> None:
        CACHE.create(apps, self.editor)  # once more: it is there already
        self.assertIn(CACHE.TABLE, connection.introspection.table_names())
        caches["default"].set("a", 1)
        self.assertEqual(caches["default"].get("a"), 1)
