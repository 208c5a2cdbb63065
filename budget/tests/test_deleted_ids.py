"""An external_id is given once, for good: no deleted row comes back by itself."""

from __future__ import annotations

import json
from functools import partial
from itertools import chain
from unittest.mock import patch

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction

from budget.engine import delete_account, export_account, reconcile, record_transactions
from budget.models import Conflict, DeletedId, Transaction
from budget.tests.base import ApiTestCase
from budget.tests.people import limit, make_user, open_levels, spend, transaction_of
from financial_alerts.tests.at_once import at_once

PATH = "/api/transaction"
ROW = {"date": "2018-03-05", "amount": "12.00", "external_id": "a"}
GONE = "The transaction with this external_id was deleted; an external_id is never used again."


class DeletedIdTests(ApiTestCase):
    def gone(self, user: User | None = None) -> list[str]:
        found = DeletedId.objects.filter(user=user or self.alice).order_by("external_id")
        return list(found.values_list("external_id", flat=True))

    def test_a_deleted_row_does_not_come_back(self) -> None:
        row = self.post(PATH, ROW)
        self.delete(f"{PATH}/{row['id']}")
        found = self.post(PATH, ROW, status=409)
        self.assertEqual((found["type"], found["detail"]), ("/problems/conflict", GONE))
        self.assertEqual(found["errors"], [{"detail": GONE, "pointer": "#/external_id"}])
        self.assertEqual(Transaction.objects.count(), 0)

    def test_a_batch_names_the_item_whose_row_was_deleted(self) -> None:
        spend(self.alice, "1", external_id="a").delete()
        spend(self.alice, "1", external_id="b")
        items = [ROW | {"external_id": name} for name in ("c", "a", "b")]
        found = self.post(PATH, {"items": items}, status=409)
        taken = "There is a transaction with this external_id already."
        self.assertEqual(
            [(error["pointer"], error["detail"]) for error in found["errors"]],
            [("#/items/1/external_id", GONE), ("#/items/2/external_id", taken)],
        )

    def test_no_edit_takes_the_id_of_a_deleted_row(self) -> None:
        spend(self.alice, "1", external_id="a").delete()
        row = spend(self.alice, "1", external_id="b")
        for found in (
            self.patch(f"{PATH}/{row.pk}", {"external_id": "a"}, status=409),
            self.put(f"{PATH}/{row.pk}", ROW, status=409),
        ):
            self.assertEqual(found["detail"], GONE)

    def test_an_id_that_an_edit_changes_or_clears_is_given_up(self) -> None:
        row = spend(self.alice, "1", external_id="a")
        self.patch(f"{PATH}/{row.pk}", {"external_id": "b"})
        self.put(f"{PATH}/{row.pk}", {"date": "2018-03-05", "amount": "1.00"})
        self.assertEqual(self.gone(), ["a", "b"])
        self.post(PATH, ROW, status=409)

    def test_other_edits_give_up_nothing(self) -> None:
        row = spend(self.alice, "1", external_id="a")
        self.patch(f"{PATH}/{row.pk}", {"amount": "2.00"})
        self.patch(f"{PATH}/{row.pk}", {"external_id": "a"})
        self.put(f"{PATH}/{row.pk}", ROW)
        self.delete(f"{PATH}/{spend(self.alice, '1').pk}")
        self.assertEqual(self.gone(), [])

    def test_a_trial_gives_up_nothing(self) -> None:
        row = spend(self.alice, "1", external_id="a")
        self.delete(f"{PATH}/{row.pk}?dry_run=true")
        self.assertEqual(self.gone(), [])

    def test_a_repeated_request_is_answered_as_before(self) -> None:
        first = self.post(PATH, ROW, HTTP_IDEMPOTENCY_KEY="k")
        self.delete(f"{PATH}/{first['id']}")
        self.assertEqual(self.post(PATH, ROW, HTTP_IDEMPOTENCY_KEY="k"), first)
        self.assertEqual(Transaction.objects.count(), 0)

    def test_it_is_a_matter_of_one_user(self) -> None:
        spend(self.charlie, "1", external_id="a").delete()
        self.post(PATH, ROW)
        self.assertEqual((self.gone(), self.gone(self.charlie)), ([], ["a"]))


pytestmark = pytest.mark.django_db


def test_the_delete_of_a_set_gives_up_each_id() -> None:
    alice, charlie = make_user(), make_user("charlie")
    limit(alice, "1")
    for user in (alice, charlie):
        for name in ("a", "b", None):
            spend(user, "1", external_id=name)
    Transaction.objects.filter(external_id__in=["a", "b"]).delete()
    Transaction.objects.all().delete()
    assert {(one.user_id, one.external_id) for one in DeletedId.objects.all()} == {
        (user.pk, name) for user in (alice, charlie) for name in ("a", "b")
    }
    assert open_levels(alice) == []
    assert reconcile(alice.pk) == []


def test_a_row_that_moves_to_another_user_gives_up_its_id() -> None:
    alice, charlie = make_user(), make_user("charlie")
    row = spend(alice, "1", external_id="a")
    theirs = spend(charlie, "1")
    row.user, row.category, row.type = charlie, theirs.category, theirs.type
    row.save()
    assert [one.user_id for one in DeletedId.objects.all()] == [alice.pk]
    with pytest.raises(Conflict, match="was deleted"):
        spend(alice, "1", external_id="a")


def test_a_delete_that_fails_gives_up_nothing() -> None:
    row = spend(make_user(), "1", external_id="a")
    with (
        patch("budget.engine.commit.commit", side_effect=IntegrityError),
        pytest.raises(IntegrityError),
        transaction.atomic(),
    ):
        row.delete()
    assert not DeletedId.objects.exists()
    assert Transaction.objects.get().external_id == "a"


def test_only_who_asks_gets_deleted_rows_back() -> None:
    alice = make_user()
    spend(alice, "1", external_id="a").delete()
    rows = [transaction_of(alice, "1", external_id=name) for name in ("a", "b")]
    with pytest.raises(Conflict, match="was deleted"), transaction.atomic():
        record_transactions(alice.pk, rows)
    record_transactions(alice.pk, rows, restoring=True)
    assert not DeletedId.objects.exists()
    assert Transaction.objects.count() == 2


def test_the_database_holds_each_id_once_a_user() -> None:
    alice = make_user()
    DeletedId.objects.create(user=alice, external_id="a")
    with pytest.raises(IntegrityError), transaction.atomic():
        DeletedId.objects.create(user=alice, external_id="a")


def test_an_account_takes_them_along() -> None:
    alice, charlie = make_user(), make_user("charlie")
    for user in (alice, charlie):
        spend(user, "1", external_id="a").delete()
    told = json.loads(b"".join(export_account(alice.pk)))
    assert [row["external_id"] for row in told["budget.DeletedId"]] == ["a"]
    delete_account(alice.pk)
    assert [one.user_id for one in DeletedId.objects.all()] == [charlie.pk]


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_however_many_create_and_delete_at_once_each_id_is_given_once() -> None:
    alice = make_user()
    ids = [f"bank-{number}" for number in range(8)]

    def act(deletes: bool) -> list[str]:
        made = []
        for name in ids * 3:
            try:
                if deletes:
                    Transaction.objects.filter(user=alice, external_id=name).delete()
                else:
                    spend(alice, "1", external_id=name)
                    made.append(name)
            except Conflict:
                continue
        return made

    found = at_once([partial(act, False), partial(act, True)] * 3)
    assert sorted(chain(*found)) == ids
    live = set(Transaction.objects.values_list("external_id", flat=True))
    gone = set(DeletedId.objects.values_list("external_id", flat=True))
    assert (live | gone, live & gone) == (set(ids), set())
