"""The ledger comes with the token, in one query, and is the user's."""

from __future__ import annotations

from django.test import RequestFactory

from accounts.authentication import Credential, authenticate
from accounts.models import ApiToken, Scope
from api.http.door import LEDGER
from budget.models import Ledger
from budget.tests.base import ApiTestCase, issue_token


class CredentialsLedgerTestCase(ApiTestCase):
    def ask(self, secret: str) -> Credential:
        request = RequestFactory().get("/", headers={"Authorization": f"Bearer {secret}"})
        return authenticate(request, LEDGER)

    def test_it_is_the_users_as_the_model_reads_it(self) -> None:
        self.get("/api/profile", who="charlie")
        self.post("/api/transaction", {"date": "2018-03-05", "amount": "1"})
        with self.assertNumQueries(1):
            found = self.ask(self.tokens["alice"]).ledger
        self.assertEqual(found, Ledger.objects.get(user=self.alice).state())

    def test_a_user_without_a_ledger_has_none_yet(self) -> None:
        Ledger.objects.filter(user=self.alice).delete()
        self.assertIsNone(self.ask(issue_token(self.alice)).ledger)

    def test_a_services_token_has_none(self) -> None:
        """Its requests are about the user that each of them names."""
        _, secret = ApiToken.issue(self.alice, "service", scope=Scope.SERVICE)
        self.get("/api/profile")
        self.assertIsNone(self.ask(secret).ledger)

    def test_an_answer_that_the_client_has_costs_no_query_more(self) -> None:
        self.post("/api/transaction", {"date": "2018-03-05", "amount": "1"})
        year = "date_from=2018-01-01&date_to=2018-12-31&group_by=category"
        paths = ("profile", "transaction", "threshold", "alert", "category", f"summary?{year}")
        for path in paths:
            self.get(f"/api/{path}")
            sent = {
                "Authorization": f"Bearer {self.tokens['alice']}",
                "If-None-Match": self.answer["ETag"],
            }
            with self.subTest(path), self.assertNumQueries(1):
                self.assertEqual(self.client.get(f"/api/{path}", headers=sent).status_code, 304)
