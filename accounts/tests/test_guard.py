"""Nothing that is sent to allauth's API makes the server fail."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

import pytest
from django.core.cache import cache
from django.db import transaction
from django.test import Client
from django.urls import URLResolver, get_resolver

from accounts.tests.clients import PASSWORD, AccountTestCase, Phone

pytestmark = pytest.mark.any_postgres

SURROGATE, HUGE = "\\ud800", "9" * 25
CREDENTIAL = {
    "type": "public-key",
    "id": "AA",
    "rawId": "AA",
    "response": {
        "userHandle": "MQ",
        "clientDataJSON": "AA",
        "authenticatorData": "AA",
        "signature": "AA",
        "attestationObject": "AA",
    },
    "clientExtensionResults": {},
}
# Well-formed JSON objects of all the fields there are, of wrong types and odd values.
OBJECTS = (
    "{}",
    '{"email": {"a": 1}, "password": ["x"], "key": 5, "code": [], "credential": 1}',
    '{"email": null, "password": null, "key": null, "code": null, "credential": null}',
    '{"email": "a@example.com", "password": 7, "key": "é", "code": "é", "primary": "x"}',
    '{"sessions": "x", "authenticators": {}, "id": [], "name": {}, "refresh_token": 5}',
    '{"sessions": [{"a": 1}], "authenticators": [null], "id": -1, "name": null}',
    '{"credential": {}}',
    '{"credential": {"response": 5}}',
    '{"credential": {"response": {"userHandle": null}}}',
    '{"credential": {"response": {"userHandle": "!!"}}}',
    json.dumps({"credential": CREDENTIAL}),
    json.dumps({"credential": json.dumps(CREDENTIAL)}),
    '{"credential": "x", "name": "key"}',
    '{"current_password": "x", "new_password": 5, "generate": 1}',
)
# What is refused before anything looks at it, and why.
REFUSED: dict[bytes, tuple[int, str]] = {
    b"{": (400, "malformed"),
    b"[]": (400, "malformed"),
    b'"x"': (400, "malformed"),
    b"\xff": (400, "malformed"),
    b'{"a": NaN}': (400, "malformed"),
    b'{"a": 1, "a": 2}': (400, "malformed"),
    f'{{"email": "{SURROGATE}@example.com", "key": "{SURROGATE}"}}'.encode(): (400, "malformed"),
    b'{"email": "\\u0000", "password": "\\u0000"}': (400, "malformed"),
    f'{{"sessions": [{HUGE}], "authenticators": [{HUGE}]}}'.encode(): (400, "malformed"),
    b'{"a": ' * 2000: (400, "malformed"),
    b'{"a": "' + b"x" * 1024 * 1024 + b'"}': (413, "too_large"),
}


def endpoints(patterns: Any = None, prefix: str = "/") -> Iterator[str]:
    """Every address of the API for apps."""
    for pattern in get_resolver().url_patterns if patterns is None else patterns:
        path = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from endpoints(pattern.url_patterns, path)
        elif path.startswith("/_allauth/app/"):
            yield path


class GuardTest(AccountTestCase):
    def setUp(self) -> None:
        super().setUp()
        phone = self.sign_up()
        phone.account("POST", "auth/reauthenticate", {"password": PASSWORD})
        # Both halves of a dialogue about passkeys have begun.
        phone.account("GET", "account/authenticators/webauthn")
        self.devices = [Phone(), phone]
        # One for all: to build the middleware again would take a tenth of the time.
        self.stranger = Client(raise_request_exception=False)

    def send(
        self, device: Phone, method: str, path: str, body: bytes, kind: str = "application/json"
    ) -> Any:
        """One request, of which nothing is left for the next."""
        cache.clear()
        self.stranger.cookies.clear()
        mark = transaction.savepoint()
        options: Any = {"data": body, "content_type": kind, "headers": device.headers()}
        answer = self.stranger.generic(method, path, **options)
        transaction.savepoint_rollback(mark)
        return answer

    def test_odd_values_are_refused(self) -> None:
        paths = list(endpoints())
        self.assertGreater(len(paths), 20)
        for device in self.devices:
            for path in paths:
                for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
                    # allauth reads no body of a GET.
                    for body in OBJECTS[:1] if method == "GET" else OBJECTS:
                        answer = self.send(device, method, path, body.encode())
                        self.assertLess(answer.status_code, 500, f"{method} {path} {body}")
                        if answer.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
                            break  # whatever the body

    def test_what_is_no_json_is_told_in_allauths_shape(self) -> None:
        for path in endpoints():
            if path.endswith(("phone", "phone/verify", "phone/verify/resend")):
                continue
            for body, (status, code) in REFUSED.items():
                answer = self.send(self.devices[1], "POST", path, body)
                self.assertEqual(answer.status_code, status, f"{path} {body[:40]!r}")
                self.assertEqual(answer["Content-Type"], "application/json")
                found = answer.json()
                self.assertEqual((found["status"], found["errors"][0]["code"]), (status, code))

    def test_another_content_type_is_refused(self) -> None:
        for kind in ("application/x-www-form-urlencoded", "text/plain", "application/xml"):
            answer = self.send(Phone(), "POST", "/_allauth/app/v1/auth/login", b"{}", kind)
            self.assertEqual((answer.status_code, answer.json()["status"]), (415, 415))

    def test_a_request_without_a_body_needs_no_content_type(self) -> None:
        phone = self.devices[1]
        phone.account("DELETE", "auth/session", status=401)
