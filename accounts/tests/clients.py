"""A phone and a browser, as their makers would program them: JSON over HTTP and nothing else."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import struct
import time
from typing import Any
from unittest import mock

from django.core import mail
from django.core.cache import cache
from django.test import Client, SimpleTestCase, TestCase, TransactionTestCase

PASSWORD = "correct horse 7 battery"
CODE = re.compile(r"^[A-Z]{4}-[A-Z]{4}$", re.MULTILINE)


class Accounts(SimpleTestCase):
    def setUp(self) -> None:
        # Limits are counted in the cache: a test's rollback removes its rows, but not Redis' keys.
        cache.clear()

    def code(self) -> str:
        """The code in the newest mail."""
        found = CODE.search(str(mail.outbox[-1].body))
        assert found is not None, mail.outbox[-1].body
        return found[0]

    def sign_up(self, email: str = "alice@example.com", password: str = PASSWORD) -> Phone:
        """The phone of somebody who has signed up and confirmed the address."""
        phone = Phone()
        phone.account("POST", "auth/signup", {"email": email, "password": password}, status=401)
        phone.account("POST", "auth/email/verify", {"key": self.code()})
        return phone


class AccountTestCase(Accounts, TestCase):
    pass


class CommittedAccountTestCase(Accounts, TransactionTestCase):
    """For what happens after a commit, such as mails that tell of it."""


class Device:
    """What a phone and a browser have in common. answer: the last one."""

    flavour: str
    answer: Any

    def __init__(self, **options: Any) -> None:
        self.client = Client(**options)

    def headers(self) -> dict[str, str]:
        raise NotImplementedError

    def call(
        self, method: str, path: str, body: object = None, *, status: int = 200, **headers: str
    ) -> Any:
        """Send a request, check its status and give its JSON."""
        options: dict[str, Any] = {}
        if body is not None:
            options = {"data": json.dumps(body), "content_type": "application/json"}
        sent = self.headers() | {name.replace("_", "-"): text for name, text in headers.items()}
        self.answer = self.client.generic(method, path, headers=sent, **options)
        text = self.answer.content.decode()
        assert self.answer.status_code == status, f"{self.answer.status_code} {text}"
        return json.loads(text)

    def account(
        self, method: str, path: str, body: object = None, *, status: int = 200, **headers: str
    ) -> Any:
        """A call of allauth's API."""
        path = f"/_allauth/{self.flavour}/v1/{path}"
        found = self.call(method, path, body, status=status, **headers)
        assert found["status"] == status
        return found

    def log_in(
        self, email: str = "alice@example.com", password: str = PASSWORD, status: int = 200
    ) -> Any:
        body = {"email": email, "password": password}
        return self.account("POST", "auth/login", body, status=status)

    def is_in(self) -> bool:
        """Whether the API knows who is asking."""
        answer = self.client.get("/api/profile", headers=self.headers())
        assert answer.status_code in (200, 401), answer.content
        return answer.status_code == 200


class Phone(Device):
    """An app: keeps the session's token, and takes a new one from any answer."""

    flavour = "app"
    token: str | None = None

    def headers(self) -> dict[str, str]:
        return {} if self.token is None else {"X-Session-Token": self.token}

    def account(self, *args: Any, **options: Any) -> Any:
        found = super().account(*args, **options)
        self.token = found.get("meta", {}).get("session_token", self.token)
        # A phone that is sent cookies would send them back, and ask with two credentials.
        assert not self.answer.cookies, self.answer.cookies
        return found


class Browser(Device):
    """A page's script: keeps cookies, and shows the CSRF token with each request."""

    flavour = "browser"

    def __init__(self) -> None:
        super().__init__(enforce_csrf_checks=True)
        self.account("GET", "config")

    def headers(self) -> dict[str, str]:
        known = self.client.cookies.get("csrftoken")
        return {} if known is None else {"X-CSRFToken": known.value}


def later(seconds: float) -> mock._patch[mock.MagicMock]:
    """Let allauth's clock go fast by so much."""
    return mock.patch("time.time", return_value=time.time() + seconds)


def totp(secret: str, at: float | None = None) -> str:
    """The code an authenticator app shows (RFC 6238: SHA-1, 30 seconds, 6 digits)."""
    step = int(time.time() if at is None else at) // 30
    key = base64.b32decode(secret)
    digest = hmac.new(key, struct.pack(">Q", step), hashlib.sha1).digest()
    start = digest[-1] & 0xF
    number = struct.unpack(">I", digest[start : start + 4])[0] & 0x7FFFFFFF
    return f"{number % 1_000_000:06}"
