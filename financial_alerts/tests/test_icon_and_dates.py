"""What a browser shows beside the words: the icon, and how days and times are written."""

from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import urlsplit

import pytest
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.contrib.staticfiles import finders
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from budget.tests.people import make_user, spend
from support.links import page_url

JOINED = datetime(2018, 3, 5, tzinfo=UTC)
ICON = "/static/web/icon.svg"
LINK = f'<link rel="icon" href="{ICON}" type="image/svg+xml">'


@pytest.fixture
def staff(db: None) -> Client:
    root = User.objects.create_superuser("root", date_joined=JOINED)
    client = Client()
    client.force_login(root)
    return client


@pytest.mark.django_db
def test_a_browser_that_asks_for_an_icon_is_led_to_it_without_the_database(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    with django_assert_num_queries(0):
        answer = Client().get("/favicon.ico")
    assert (answer.status_code, answer["Location"]) == (302, ICON)
    assert finders.find(urlsplit(ICON).path.removeprefix("/static/"))


def test_the_pages_of_the_admin_name_the_icon(staff: Client) -> None:
    for path in ("/admin/", reverse("admin:budget_transaction_changelist")):
        assert LINK in staff.get(path).content.decode(), path
    assert LINK in Client().get("/accounts/login/").content.decode()


def test_the_admin_writes_days_as_the_api_does(staff: Client) -> None:
    alice = make_user()
    spend(alice, "12.00", "2018-03-05")
    spend(alice, "12.00", "2018-04-01")
    path = f"{reverse('admin:budget_transaction_changelist')}?user__id__exact={alice.pk}"
    for narrowed, must in {
        "": ">2018-03-05</td>",
        "&date__year=2018": ">2018-04</a>",
        "&date__year=2018&date__month=3": ">03-05</a>",
    }.items():
        page = staff.get(path + narrowed).content.decode()
        assert must in page
        assert "March" not in page


def test_the_admin_writes_times_as_the_api_does_with_their_zone(staff: Client) -> None:
    root = User.objects.get(username="root")
    kind = ContentType.objects.get_for_model(User)
    LogEntry.objects.create(
        user=root, content_type=kind, object_id=str(root.pk), action_flag=CHANGE, action_time=JOINED
    )
    path = page_url(User, root.pk)
    for page in (path, path.replace("/change/", "/history/")):
        assert ">2018-03-05 00:00:00 UTC<" in staff.get(page).content.decode(), page
