"""The profile's model went from accounts to budget: rows, history and permissions stay."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import Group, Permission, User
from django.contrib.contenttypes.models import ContentType
from django.core.management import call_command
from django.db import connection
from django.test import Client

from budget.models import Profile
from support.links import list_url

pytestmark = pytest.mark.django_db(transaction=True)
BEFORE = (("budget", "0021"), ("accounts", "0006"))


@pytest.fixture
def before() -> Iterator[None]:
    """A database as the version before has made it."""
    for app, name in BEFORE:
        call_command("migrate", app, name, verbosity=0)
    ContentType.objects.filter(app_label="budget", model="profile").delete()
    yield
    call_command("migrate", verbosity=0)


def permission(app: str, name: str) -> Permission:
    return Permission.objects.get(content_type__app_label=app, codename=name)


@pytest.mark.usefixtures("before")
def test_settings_history_and_permissions_follow_the_model() -> None:
    alice = User.objects.create_user("alice")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE accounts_profile SET time_zone = 'Europe/Berlin'")
    old = ContentType.objects.get(app_label="accounts", model="profile")
    row = Profile.objects.get(user=alice)
    entry = LogEntry.objects.create(
        user=alice,
        content_type=old,
        object_id=str(row.pk),
        object_repr=str(row),
        action_flag=CHANGE,
    )
    helper = User.objects.create_user("helper", is_staff=True)
    group = Group.objects.create(name="Support")
    group.permissions.add(permission("accounts", "view_profile"))
    helper.groups.add(group)
    chief = User.objects.create_user("chief")
    chief.user_permissions.add(permission("accounts", "change_profile"))

    call_command("migrate", verbosity=0)

    assert Profile.objects.get(user=alice) == row
    assert Profile.objects.get(user=alice).time_zone == "Europe/Berlin"
    entry.refresh_from_db()
    assert entry.get_edited_object() == row
    # The servers of the version before, which still run, ask for the permissions of accounts.
    for app in ("budget", "accounts"):
        helper, chief = (User.objects.get(pk=user.pk) for user in (helper, chief))
        assert helper.has_perm(f"{app}.view_profile")
        assert not helper.has_perm(f"{app}.change_profile")
        assert chief.has_perm(f"{app}.change_profile")


@pytest.mark.usefixtures("before")
def test_a_helper_goes_on_seeing_settings(client: Client) -> None:
    helper = User.objects.create_user("helper", is_staff=True)
    helper.user_permissions.add(permission("accounts", "view_profile"))
    call_command("migrate", verbosity=0)
    client.force_login(helper)
    assert client.get(list_url(Profile)).status_code == 200
    call_command("support_group")
    group = Group.objects.get(name="Support")
    codes = group.permissions.filter(codename__endswith="_profile")
    assert set(codes.values_list("content_type__app_label", "codename")) == {
        ("budget", "change_profile"),
        ("budget", "view_profile"),
    }
