"""What the tests of the API share: alice, who owns the rows, and charlie, who must see none."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

from django.contrib.auth.models import User
from django.db import connection
from django.test import TestCase
from django.utils import timezone

from accounts.models import ApiToken
from api.http import Problem
from budget.models import Ledger
from budget.tests.people import at

PROBLEM_TYPES = {problem.type: problem.status for problem in Problem}


def issue_token(user: User) -> str:
    """A token that counts as just used, so that no request stops to note it."""
    token, secret = ApiToken.issue(user, "test")
    ApiToken.objects.filter(pk=token.pk).update(last_used_at=timezone.now())
    return secret


def at_cost(*, sqlite: int, postgresql: int) -> int:
    """The queries of a write here, savepoint and release included.

    PostgreSQL takes the rollups and the one read of an evaluation as one message.
    """
    return {"sqlite": sqlite, "postgresql": postgresql}[connection.vendor]


def turn_back_the_day() -> None:
    """Let every ledger stand at a day long past, so that at() can name any day since."""
    Ledger.objects.update(as_of=date(2000, 1, 1))


class ApiTestCase(TestCase):
    alice: User
    charlie: User
    tokens: dict[str, str]

    def stand_at(self, moment: str) -> None:
        """Let the clock stand at a time, UTC, until the test is over, whatever the day is."""
        self.enterContext(at(moment))
        turn_back_the_day()

    @classmethod
    def setUpTestData(cls) -> None:
        cls.alice = User.objects.create_user("alice", password="swordfish")
        cls.charlie = User.objects.create_user("charlie", password="swordfish")
        cls.tokens = {user.username: issue_token(user) for user in (cls.alice, cls.charlie)}

    def call(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        status: int = 200,
        who: str = "alice",
        reads: bool = False,
        **options: Any,
    ) -> Any:
        """Send a request, check what holds for every answer, and give its JSON.

        reads: a POST that stores nothing, whose answer has no alerts that it has opened.
        """
        options.setdefault("HTTP_AUTHORIZATION", f"Bearer {self.tokens[who]}")
        if body is not None:
            options.setdefault("content_type", "application/json")
            options["data"] = body if isinstance(body, (bytes, str)) else json.dumps(body)
        self.answer = self.client.generic(method, path, **options)
        text = self.answer.content.decode()
        self.assertEqual(self.answer.status_code, status, text)
        found = json.loads(text)
        if status >= 400:
            self.assertEqual(self.answer["Content-Type"], "application/problem+json")
            self.assertEqual(found["status"], status)
            self.assertEqual(PROBLEM_TYPES[found["type"]], status)
            self.assertTrue(found["title"] and found["detail"])
            for error in found.get("errors", ()):
                self.assertEqual(len({"pointer", "parameter"} & error.keys()), 1, error)
        elif method not in ("GET", "HEAD") and not reads:
            self.assertLessEqual({"opened", "resolved"}, set(found["alerts"]))
        return found

    def get(self, path: str, **options: Any) -> Any:
        return self.call("GET", path, **options)

    def post(self, path: str, body: object, **options: Any) -> Any:
        return self.call("POST", path, body, **{"status": 201, **options})

    def put(self, path: str, body: object, **options: Any) -> Any:
        return self.call("PUT", path, body, **options)

    def patch(self, path: str, body: object, **options: Any) -> Any:
        return self.call("PATCH", path, body, **options)

    def delete(self, path: str, **options: Any) -> Any:
        return self.call("DELETE", path, **options)

    def wrong(self, method: str, path: str, body: object, **options: Any) -> dict[str, str]:
        """The errors of a body that is refused with 422, by JSON pointer."""
        found = self.call(method, path, body, **{"status": 422, **options})
        return {error.get("pointer", ""): error["detail"] for error in found["errors"]}

    def walk_ids(self, url: str, side: str) -> tuple[list[int], str]:
        """The ids on all pages from one on, to the side `next` or `previous`; the last page."""
        found: list[int] = []
        following: str | None = url
        while following is not None:
            url = following
            answer = self.get(url)
            found += [item["id"] for item in answer["items"]]
            following = answer[side]
        return found, url

    def wrong_parameters(self, path: str) -> dict[str, str]:
        """The errors of a query string that is refused with 400, by parameter."""
        found = self.get(path, status=400)
        return {error.get("parameter", ""): error["detail"] for error in found["errors"]}

    def ids(self, path: str, **options: Any) -> list[int]:
        return [item["id"] for item in self.get(path, **options)["items"]]
