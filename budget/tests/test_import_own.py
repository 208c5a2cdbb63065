"""What this service exports as CSV, read back by it."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from hypothesis import given
from hypothesis import strategies as st

from api.views.csv_file import csv_of, harmless
from budget.imports import Job, read_export, run
from budget.imports.formats.own import KEPT_FROM_RUNNING
from budget.models import Conflict, Transaction, TransactionType
from budget.tests.exports import row_states
from budget.tests.people import make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def alice() -> User:
    user = make_user("alice")
    own = TransactionType(user=user, name="Cash back", effect="refund")
    own.save()
    texts = [
        ("Shop", "expense"),
        ("=1+1", "expense"),
        ("-5 %; =2", "cash-back"),
        ("two\nlines", "income"),
    ]
    for number, (text, slug) in enumerate(texts):
        Transaction(
            user=user,
            date=date(2024, 3, 1 + number),
            category=user.categories.get(name="Uncategorised"),
            description=text,
            amount=Decimal("10.50"),
            type=user.transaction_types.get(slug=slug),
            external_id=f"@{number}" if number % 2 else None,
        ).save()
    return user


def export(user: User, folder: Path) -> Path:
    rows = Transaction.objects.filter(user=user).select_related("category", "type").order_by("id")
    file = folder / "transactions.csv"
    file.write_bytes(b"".join(csv_of([[row.row() for row in rows]])))
    return file


def load(file: Path, user: str) -> str:
    return str(call_command("import_transactions", str(file), user=user))


def test_a_second_import_into_the_same_account_adds_nothing(alice: User, tmp_path: Path) -> None:
    before = row_states("alice")
    said = load(export(alice, tmp_path), "alice")
    assert "own export" in said
    assert "Rows:        4 read, 0 stored, 4 there already" in said
    assert row_states("alice") == before


def test_another_account_gets_every_row_as_it_was(alice: User, tmp_path: Path) -> None:
    bob = make_user("bob")
    TransactionType(user=bob, name="Cash back", effect="refund").save()
    file = export(alice, tmp_path)
    load(file, "bob")
    assert [row[:5] for row in row_states("bob")] == [row[:5] for row in row_states("alice")]
    assert [row[5] for row in row_states("bob")][1::2] == ["@1", "@3"]
    assert "0 stored, 4 there already" in load(file, "bob")


def test_a_type_of_ones_own_has_to_be_there(alice: User, tmp_path: Path) -> None:
    make_user("bob")
    with pytest.raises(CommandError, match="There is no transaction type cash-back; make it first"):
        load(export(alice, tmp_path), "bob")
    assert not Transaction.objects.filter(user__username="bob").exists()


def test_a_row_that_was_changed_or_deleted_since_stays_so(alice: User, tmp_path: Path) -> None:
    file = export(alice, tmp_path)
    first, second, *_ = Transaction.objects.filter(user=alice).order_by("id")
    first.amount = Decimal("99.00")
    first.save()
    second.delete()
    said = load(file, "alice")
    assert "3 there already" in said
    assert "1 deleted before stay so" in said


@given(st.text("='+-@ ;\t\uff1dab", max_size=12))
def test_apostrophes_go_as_they_came(text: str) -> None:
    # A text that already has such an apostrophe looks like one that got it.
    if not KEPT_FROM_RUNNING.search(text):
        assert KEPT_FROM_RUNNING.sub(r"\1", harmless(text)) == text


def test_a_type_that_is_deleted_in_the_middle_is_named(alice: User, tmp_path: Path) -> None:
    rows = read_export(export(alice, tmp_path)).rows
    bob = make_user("bob")
    own = TransactionType(user=bob, name="Cash back", effect="refund")
    own.save()
    settled: list[int] = []

    def delete(count: int) -> None:
        settled.append(count)
        TransactionType.objects.filter(pk=own.pk).delete()

    with pytest.raises(Conflict, match="no transaction type cash-back any more"):
        run(Job(bob, rows, chunk=1), delete)
    assert len(settled) == len(row_states("bob")) == 2
