"""Whether a sender is known from the headers, before a large body is read."""

from __future__ import annotations

from typing import Any
from unittest import mock

import pytest
from django.contrib.auth.models import User
from django.contrib.sessions.backends.db import SessionStore
from django.db import OperationalError
from django.test import Client, RequestFactory

from accounts import authentication
from accounts.authentication import is_known
from accounts.models import ApiToken

pytestmark = pytest.mark.django_db(transaction=True)


def known(**headers: str) -> bool:
    environ: dict[str, Any] = RequestFactory().post("/api/transaction", headers=headers).environ
    return is_known({**environ, "CONTENT_LENGTH": "90000"})


@pytest.fixture
def alice() -> User:
    return User.objects.create_user("alice")


def test_strangers_are_not(alice: User) -> None:
    assert not known()
    assert not known(Authorization="Basic YWxpY2U6eA==")
    assert not known(Authorization=f"Bearer fa_{'A' * 43}")
    assert not known(X_Session_Token="a" * 32)
    assert not known(Cookie=f"sessionid={'a' * 32}")


def test_a_token_is_until_it_is_revoked(alice: User) -> None:
    token, secret = ApiToken.issue(alice, "test")
    assert known(Authorization=f"Bearer {secret}")
    token.revoke()
    assert not known(Authorization=f"Bearer {secret}")


def test_a_session_is_while_its_user_is_active(alice: User) -> None:
    client = Client()
    client.force_login(alice)
    key = client.cookies["sessionid"].value
    assert known(Cookie=f"sessionid={key}")
    assert known(X_Session_Token=key)
    alice.is_active = False
    alice.save()
    assert not known(Cookie=f"sessionid={key}")
    assert not known(X_Session_Token=key)


def test_a_session_that_owes_its_second_factor_is_not(alice: User) -> None:
    half = SessionStore()
    half["account_login"] = {"user_pk": str(alice.pk)}
    half.save()
    assert not known(Cookie=f"sessionid={half.session_key}")


def test_a_database_that_is_gone_leaves_the_refusal_to_the_service(alice: User) -> None:
    with mock.patch.object(authentication, "get_user", side_effect=OperationalError("gone")):
        assert known(Cookie="sessionid=x")
