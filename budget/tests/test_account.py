from __future__ import annotations

import pytest
from django.apps import apps
from django.contrib.auth.models import User
from django.utils import timezone

from accounts.models import ApiToken, Device
from budget.engine import delete_account, raise_custom_alert, reconcile
from budget.models import IdempotentAnswer
from budget.tests.people import fill_endpoint, fill_import, limit, make_user, spend

pytestmark = pytest.mark.django_db


def everything(user: User) -> None:
    threshold = limit(user, "1", of="Groceries")
    spend(user, "5", external_id="gone").delete()
    spend(user, "5")
    category = threshold.category
    assert category is not None
    category.name = "Market"
    category.save()
    threshold.type = "weekly"
    threshold.save()
    raise_custom_alert(user.pk, "Look at this")
    ApiToken.issue(user, "phone")
    Device.note(user.pk, "Phone", "192.0.2.1")
    fill_import(user)
    fill_endpoint(user)
    IdempotentAnswer.objects.create(
        user=user, method="POST", path="/", key="a", digest="b", created_at=timezone.now()
    )


def test_nothing_of_a_deleted_account_is_left_and_nobody_else_is_touched() -> None:
    alice, bob = make_user("alice"), make_user("bob")
    everything(alice)
    everything(bob)
    delete_account(alice.pk)
    for model in apps.get_models():
        names = {field.name for field in model._meta.concrete_fields}
        if "user" in names and model._meta.app_label in {"accounts", "budget"}:
            owners = set(model._base_manager.values_list("user_id", flat=True))
            assert owners == {bob.pk}, model
    assert list(User.objects.all()) == [bob]
    assert reconcile(bob.pk) == []


def test_an_account_that_is_not_there_cannot_be_deleted() -> None:
    with pytest.raises(User.DoesNotExist):
        delete_account(1)
