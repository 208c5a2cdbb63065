"""What the service answers outside the API."""

from __future__ import annotations

import pytest
from django.test import Client
from pytest_django import Settings


@pytest.mark.django_db
def test_the_admin_asks_for_a_login() -> None:
    client = Client()
    answer = client.get("/admin/", follow=True)
    assert answer.redirect_chain == [
        ("/admin/login/?next=/admin/", 302),
        ("/accounts/login/?next=%2Fadmin%2F", 302),
    ]
    assert answer.status_code == 200
    assert b'name="login"' in answer.content
    assert b'name="password"' in answer.content


def test_an_unknown_host_gets_nothing() -> None:
    answer = Client().get("/admin/", headers={"host": "evil.example.com"})
    assert answer.status_code == 400


def test_plain_http_is_sent_to_https_and_https_is_told_to_stay(settings: Settings) -> None:
    settings.SECURE_SSL_REDIRECT = True
    plain = Client().get("/admin/login/")
    assert plain.status_code == 301
    assert plain["Location"] == "https://testserver/admin/login/"
    secure = Client().get("/nothing-here", secure=True)
    assert secure.status_code == 404
    assert secure["Strict-Transport-Security"] == "max-age=31536000"
    assert secure["X-Content-Type-Options"] == "nosniff"
    assert secure["Referrer-Policy"] == "same-origin"
