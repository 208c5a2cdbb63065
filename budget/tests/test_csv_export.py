"""Transactions as CSV: whole, safe to open, and in little memory."""

from __future__ import annotations

import csv
import io
import tracemalloc
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from api.views.csv_file import EXPORT_PAGE, csv_of, harmless
from budget.engine import record_transactions
from budget.models import Transaction, TransactionType
from budget.tests.base import ApiTestCase
from budget.tests.people import category, spend

PATH = "/api/transaction/export"
BEGINNINGS = "=+-@\t\r"


class CsvTestCase(ApiTestCase):
    def download(self, query: str = "", **options: Any) -> bytes:
        options.setdefault("HTTP_AUTHORIZATION", f"Bearer {self.tokens['alice']}")
        self.answer = self.client.get(f"{PATH}?{query}", **options)
        self.assertEqual(self.answer.status_code, 200)
        self.assertTrue(self.answer.streaming)
        return self.answer.getvalue()

    def table(self, query: str = "") -> list[dict[str, str]]:
        text = self.download(query).decode("utf-8-sig")
        return list(csv.DictReader(io.StringIO(text, newline="")))

    def test_the_file_as_it_is(self) -> None:
        row = spend(self.alice, "1234.50", description='Größe "XL", two\nlines', external_id="b-1")
        spend(self.charlie, "1.00", description="of charlie")
        self.assertEqual(
            self.download().decode(),
            "\ufeffid,date,category,description,amount,type,external_id\r\n"
            f'{row.pk},2018-03-05,Groceries,"Größe ""XL"", two\nlines",1234.50,expense,b-1\r\n',
        )
        self.assertEqual(self.answer["Content-Type"], "text/csv; charset=utf-8; header=present")
        self.assertEqual(
            self.answer["Content-Disposition"], 'attachment; filename="transactions.csv"'
        )
        self.assertEqual(self.answer["Cache-Control"], "private, no-cache")

    def test_without_rows_there_is_the_header(self) -> None:
        self.assertEqual(len(self.download().splitlines()), 1)

    def test_all_filters_and_orderings_apply(self) -> None:
        for number in range(1, 6):
            spend(
                self.alice, f"{number}.00", f"2018-03-0{number}", description=f"Café {number % 2}"
            )
        spend(self.alice, "3.00", type="refund", to="Bär")
        self.assertEqual(
            [row["amount"] for row in self.table("q=cafe+1&ordering=amount&amount_max=4")],
            ["1.00", "3.00"],
        )
        self.assertEqual([row["category"] for row in self.table("type=refund")], ["Bär"])
        self.assertEqual([row["date"][-1] for row in self.table("type=expense")], list("54321"))
        for wrong in ("limit=5", "cursor=x", "count=true", "ordering=x", "foo=1"):
            with self.subTest(wrong):
                name = wrong.partition("=")[0]
                self.assertEqual(list(self.wrong_parameters(f"{PATH}?{wrong}")), [name])

    def test_no_cell_starts_a_formula(self) -> None:
        for begin in BEGINNINGS:
            spend(
                self.alice,
                "1.00",
                description=f"{begin}1+cmd|' /C calc'!A0",
                to=f"{begin}SUM(A1)" if begin.strip() else "Plain",
                external_id=f"{begin}x",
            )
        for row in self.table():
            for name in ("category", "description", "external_id"):
                with self.subTest(name, text=row[name]):
                    self.assertNotIn(row[name][:1], tuple(BEGINNINGS))
                    if row[name] != "Plain":
                        self.assertEqual(row[name][0], "'")
            self.assertEqual(Decimal(row["amount"]), 1)

    def test_nor_does_one_where_other_signs_part_the_cells(self) -> None:
        for text, must in {
            "a;=1+1": "a;'=1+1",
            "a\n-1": "a\n'-1",
            "a\r\n=1": "a\r\n'=1",
            "a\t@x": "a\t'@x",
            " =1": "' =1",
            "\uff1d1": "'\uff1d1",
            "=": "'=",
            "\t=1": "'\t'=1",
            "a-b; c@d.example, 1+1=2": "a-b; c@d.example, 1+1=2",
            "": "",
        }.items():
            with self.subTest(text):
                self.assertEqual(harmless(text), must)

    def test_a_head_request_reads_no_rows(self) -> None:
        spend(self.alice, "1.00")
        with CaptureQueriesContext(connection) as queries:
            answer = self.client.head(PATH, HTTP_AUTHORIZATION=f"Bearer {self.tokens['alice']}")
            self.assertEqual(answer.getvalue(), b"")
        self.assertEqual(answer["Content-Type"], "text/csv; charset=utf-8; header=present")
        self.assertNotIn("budget_transaction", str([query["sql"] for query in queries]))

    def test_pages_are_read_one_after_another(self) -> None:
        self.record(2 * EXPORT_PAGE + 1)
        with CaptureQueriesContext(connection) as queries:
            found = [int(row["id"]) for row in self.table()]
        must = Transaction.objects.filter(user=self.alice).order_by("-date", "-id")
        self.assertEqual(found, list(must.values_list("pk", flat=True)))
        reads = [query for query in queries if "FROM budget_transaction" in query["sql"]]
        self.assertEqual(len(reads), 3)
        for query in reads:
            self.assertIn("r.user_id = ", query["sql"])
            self.assertNotIn("OFFSET", query["sql"])

    def record(self, count: int) -> None:
        groceries = category(self.alice, "Groceries")
        expense = TransactionType.objects.get(user=self.alice, slug="expense")
        first = date(2018, 1, 1)
        for at in range(0, count, 10_000):
            record_transactions(
                self.alice.pk,
                [
                    Transaction(
                        user=self.alice,
                        date=first + timedelta(days=number % 700),
                        category=groceries,
                        type=expense,
                        amount=Decimal("1.00"),
                        description=f"Market hall, row {number} of many",
                    )
                    for number in range(at, min(at + 10_000, count))
                ],
            )

    @pytest.mark.long
    def test_a_hundred_thousand_rows_take_the_memory_of_a_page(self) -> None:
        peaks = {}
        for total in (10_000, 100_000):
            self.record(total - Transaction.objects.filter(user=self.alice).count())
            peaks[total] = self.peak(total)
        self.assertLess(peaks[100_000], 1.2 * peaks[10_000])

    def peak(self, total: int) -> int:
        """The most bytes that Python held at once during a download."""
        answer: Any = self.client.get(PATH, HTTP_AUTHORIZATION=f"Bearer {self.tokens['alice']}")
        lines = 0
        tracemalloc.start()
        try:
            for chunk in answer.streaming_content:
                lines += chunk.count(b"\r\n")
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        self.assertEqual(lines, total + 1)
        return peak


def test_the_file_is_made_while_it_is_read() -> None:
    asked = []

    def pages() -> Any:
        for number in range(3):
            asked.append(number)
            yield []

    chunks = csv_of(pages())
    next(chunks)
    assert asked == []
    next(chunks)
    assert asked == [0]
