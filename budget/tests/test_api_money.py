"""Money on its way in: by its characters, exactly, or not at all."""

from __future__ import annotations

from budget.tests.base import ApiTestCase

# What stands in the body, as it is written there, and what comes back.
TAKEN = {
    "1": "1.00",
    "0.01": "0.01",
    "10.10": "10.10",
    "10.1": "10.10",
    "12.0": "12.00",
    "0.1": "0.10",
    "123456789012.34": "123456789012.34",
    "999999999999.99": "999999999999.99",
    "90071992547.41": "90071992547.41",
    '"12.50"': "12.50",
    '"12.5"': "12.50",
    '"12"': "12.00",
    '"007.50"': "7.50",
    '"999999999999.99"': "999999999999.99",
}
REFUSED = (
    *("-1", "-0.01", '"-1.00"', "1e2", "1E2", "1.0e1", "1e0", "1e-1", "0.1e1", "1e400", "1e999999"),
    *('"1e2"', '"1E+2"', '"1_000"', '"1,50"', '"1.500,00"', '"1 000"', '" 1"', '"1 "', '"1\\n"'),
    *('"+1"', '"1."', '".5"', '"."', '""', '"0x10"', '"NaN"', '"nan"', '"sNaN"', '"Infinity"'),
    *(
        '"-Infinity"',
        '"\\u0661\\u0662"',
        '"\\uff11"',
        '"1\\uff12"',
        '"\\u2167"',
        '"\\u00b2"',
        '"$5"',
    ),
    *('"$5"', '"5 USD"'),
    *("0.001", "12.500", "1.10000000000000000000001", "999999999999.990", "999999999999.999"),
    *("1000000000000", "9007199254740993", "1000000000000.00", '"1000000000000"', "1" * 4000),
    *("null", "true", "false", "[]", "[1]", "{}", '{"amount": 1}'),
)
ZERO = ("0", "-0", "0.0", "0.00", '"0"', '"0.00"')
TRANSACTION = '{"date": "2018-03-05", "amount": %s}'
THRESHOLD = '{"name": "Limit", "type": "monthly", "amount": %s}'


class MoneyTestCase(ApiTestCase):
    def test_amounts_come_back_as_they_went_in(self) -> None:
        for literal, expected in TAKEN.items():
            for path, body in (("/api/transaction", TRANSACTION), ("/api/threshold", THRESHOLD)):
                with self.subTest(path=path, literal=literal):
                    found = self.post(path, body % literal)
                    self.assertEqual(found["amount"], expected)
                    self.assertEqual(self.get(self.answer["Location"])["amount"], expected)

    def test_anything_else_is_refused_by_name(self) -> None:
        for literal in REFUSED:
            for path, body in (("/api/transaction", TRANSACTION), ("/api/threshold", THRESHOLD)):
                with self.subTest(path=path, literal=literal[:20]):
                    self.assertEqual(list(self.wrong("POST", path, body % literal)), ["#/amount"])

    def test_a_transaction_is_more_than_zero(self) -> None:
        for literal in ZERO:
            with self.subTest(literal):
                self.assertEqual(
                    self.wrong("POST", "/api/transaction", TRANSACTION % literal),
                    {"#/amount": "Must be more than 0."},
                )

    def test_a_threshold_may_be_zero(self) -> None:
        for literal in ("0", "-0", "0.0", '"0.00"'):
            with self.subTest(literal):
                found = self.post("/api/threshold", THRESHOLD % literal)
                self.assertEqual(found["amount"], "0.00")

    def test_a_negative_amount_is_told_so(self) -> None:
        self.assertEqual(
            self.wrong("POST", "/api/transaction", TRANSACTION % "-5.00"),
            {"#/amount": "Must not be negative."},
        )
