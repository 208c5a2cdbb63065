"""Rows of before the search are found by it once the migration has run."""

from __future__ import annotations

from importlib import import_module
from types import SimpleNamespace

import pytest
from django.apps import apps
from django.db import connection, models
from django.test import TestCase
from django.test.utils import CaptureQueriesContext

from budget.engine import raise_custom_alert
from budget.models import Alert, Category, Threshold, Transaction, TransactionType
from budget.tests.people import limit, make_user, spend

MIGRATION = import_module("budget.migrations.0003_fill_search_columns")
PLAIN = import_module("budget.migrations.0019_plain_search_keys")
MODELS: tuple[type[models.Model], ...] = (
    Alert,
    Category,
    Threshold,
    Transaction,
    TransactionType,
)


def stored() -> dict[tuple[str, int], str]:
    return {
        (model.__name__, pk): search
        for model in MODELS
        for pk, search in model._base_manager.values_list("pk", "search")
    }


class FillTestCase(TestCase):
    def setUp(self) -> None:
        alice = make_user("alice")
        for number in range(7):
            spend(alice, "1.00", description=f"Café Größe {number}", to=f"Ça {number}")
        spend(alice, "1.00", description="")
        spend(alice, "1.00", description="\u0301")
        limit(alice, "1.00", name="Élan")
        raise_custom_alert(alice.pk, "Où?")
        self.must = stored()
        for model in MODELS:
            models.QuerySet(model).update(search="")

    def fill(self) -> None:
        MIGRATION.fill(apps, SimpleNamespace(connection=connection))

    def test_every_row_is_filled_as_a_save_would(self) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(MIGRATION, "BATCH", 3)
            self.fill()
        self.assertEqual(stored(), self.must)
        self.assertIn("cafe grosse 3", self.must.values())

    def test_it_may_stop_and_be_run_again(self) -> None:
        half = Transaction.objects.filter(description__endswith="5").get()
        models.QuerySet(Transaction).filter(pk=half.pk).update(search="kept")
        self.fill()
        self.assertEqual(stored(), {**self.must, ("Transaction", half.pk): "kept"})
        self.fill()
        self.assertEqual(stored(), {**self.must, ("Transaction", half.pk): "kept"})


class PlainKeysTestCase(TestCase):
    """Keys of before are made again, so that rows are found as new ones are."""

    def setUp(self) -> None:
        alice = make_user("alice")
        for number in range(7):
            spend(alice, "1.00", description=f"Smørrebrød {number}", to=f"Łódź {number}")
        limit(alice, "1.00", name="Iğd\N{LATIN SMALL LETTER DOTLESS I}r")
        raise_custom_alert(alice.pk, "O\u2019Brien")
        self.must = stored()

    def run_operation(self, *, forward: bool) -> None:
        (operation,) = PLAIN.Migration.operations
        code = operation.code if forward else operation.reverse_code
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(PLAIN, "BATCH", 3)
            code(apps, SimpleNamespace(connection=connection))

    def test_there_and_back_in_slices(self) -> None:
        self.run_operation(forward=False)
        before = stored()
        self.assertIn("smørrebrød 3", before.values())
        self.assertIn("o\u2019brien", before.values())
        self.run_operation(forward=True)
        self.assertEqual(stored(), self.must)

    def test_what_is_right_is_not_written(self) -> None:
        with CaptureQueriesContext(connection) as queries:
            self.run_operation(forward=True)
        self.assertFalse([one for one in queries if "UPDATE" in one["sql"]])
