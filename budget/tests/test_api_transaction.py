from __future__ import annotations

from unittest import mock

from budget import engine
from budget.models import Category, Transaction, TransactionType
from budget.tests.base import ApiTestCase, at_cost
from budget.tests.people import limit, spend, transaction_of

PATH = "/api/transaction"
FULL = {
    "date": "2018-03-05",
    "category": "Groceries",
    "description": "Market",
    "amount": "162.40",
    "type": "refund",
    "external_id": "bank-1",
}


class CreateTestCase(ApiTestCase):
    def test_it_stores_every_field(self) -> None:
        found = self.post(PATH, FULL | {"user": self.alice.pk})
        row = Transaction.objects.get()
        self.assertEqual(self.answer["Location"], f"{PATH}/{row.pk}")
        self.assertEqual(
            found,
            FULL | {"id": row.pk, "user": self.alice.pk, "alerts": {"opened": [], "resolved": []}},
        )
        self.assertEqual(self.get(f"{PATH}/{row.pk}") | {"alerts": found["alerts"]}, found)

    def test_what_may_be_missing_has_defaults(self) -> None:
        found = self.post(PATH, {"date": "2018-03-05", "amount": 5})
        self.assertEqual(found["category"], "Uncategorised")
        self.assertEqual(found["type"], "expense")
        self.assertEqual(found["description"], "")
        self.assertIsNone(found["external_id"])

    def test_blank_and_null_category_are_uncategorised(self) -> None:
        for name in (None, "", " \t "):
            body = {"date": "2018-03-05", "amount": "1.00", "category": name}
            self.assertEqual(self.post(PATH, body)["category"], "Uncategorised")
        self.assertEqual(Category.objects.filter(user=self.alice).count(), 1)

    def test_a_new_category_is_made_once_whatever_its_spelling(self) -> None:
        for name in ("Café  Paris", "café paris", "CAFE\u0301 PARIS"):
            found = self.post(PATH, FULL | {"category": name, "external_id": None})
            self.assertEqual(found["category"], "Café Paris")

    def test_the_answer_lists_the_alerts_it_opened(self) -> None:
        limit(self.alice, "150.00", of="Groceries")
        alerts = self.post(PATH, FULL | {"type": "expense"})["alerts"]
        self.assertEqual(alerts["resolved"], [])
        self.assertEqual([alert["level"] for alert in alerts["opened"]], [80, 100])
        self.assertEqual(
            alerts["opened"][1]["message"],
            "Groceries: limit reached, 162.40 of 150.00 USD spent in March 2018, 108 %",
        )
        self.assertEqual(alerts["opened"][1]["transaction"], Transaction.objects.get().pk)

    def test_all_errors_come_at_once(self) -> None:
        body = {
            "date": "2018-02-29",
            "category": 7,
            "description": None,
            "amount": "1e3",
            "type": "gift",
            "external_id": 5,
            "bar": 1,
            "a/b~c": 2,
        }
        self.assertEqual(
            self.wrong("POST", PATH, body),
            {
                "#/date": "There is no such date.",
                "#/category": "Must be a string.",
                "#/description": "Must be a string.",
                "#/amount": 'Must be an amount such as "12.50": at most 12 digits, '
                "then at most 2 after a point, and nothing else.",
                "#/type": "There is no such transaction type.",
                "#/external_id": "Must be a string.",
                "#/bar": "There is no such field.",
                "#/a~1b~0c": "There is no such field.",
            },
        )
        self.assertFalse(Transaction.objects.exists())
        self.assertFalse(Category.objects.filter(user=self.alice, builtin=False).exists())

    def test_required_fields_are_named(self) -> None:
        missing = "This field is required."
        self.assertEqual(self.wrong("POST", PATH, {}), {"#/date": missing, "#/amount": missing})

    def test_dates_are_calendar_dates_within_bounds(self) -> None:
        for day in ("1900-01-01", "2199-12-31", "2024-02-29"):
            self.assertEqual(self.post(PATH, {"date": day, "amount": 1})["date"], day)
        wrong: tuple[object, ...] = (
            *("1899-12-31", "2200-01-01", "2023-02-29", "2018-3-5", "20180305", "2018-W10-1"),
            *("2018-03-05T00:00:00", " 2018-03-05", "२०१८-०३-०५", "", "today", 20180305, None),
            *(1.5, True, ["2018-03-05"]),
        )
        for value in wrong:
            with self.subTest(value):
                self.assertEqual(
                    list(self.wrong("POST", PATH, {"date": value, "amount": 1})), ["#/date"]
                )

    def test_lengths_are_bounded(self) -> None:
        body = FULL | {"description": "é" * 500, "external_id": "x" * 200, "category": "c" * 100}
        found = self.post(PATH, body)
        self.assertEqual(found["description"], "é" * 500)
        too_long = {"description": "x" * 501, "external_id": "x" * 201, "category": "c" * 101}
        self.assertEqual(
            set(self.wrong("POST", PATH, FULL | too_long)),
            {"#/description", "#/external_id", "#/category"},
        )

    def test_a_description_is_measured_as_it_is_stored(self) -> None:
        # U+0958 is two characters in NFC, e with a combining accent is one.
        self.assertEqual(
            list(self.wrong("POST", PATH, FULL | {"description": "\u0958" * 251})),
            ["#/description"],
        )
        found = self.post(PATH, FULL | {"description": "e\u0301" * 500})
        self.assertEqual(found["description"], "é" * 500)

    def test_any_script_comes_back_as_it_was(self) -> None:
        text = "שלום 👩\u200d👩\u200d👧 日本 \u202e' OR 1=1; -- <b>"
        found = self.post(PATH, FULL | {"description": text, "category": "日本 👩\u200d👩\u200d👧"})
        self.assertEqual(found["description"], text)
        self.assertEqual(found["category"], "日本 👩\u200d👩\u200d👧")

    def test_a_taken_external_id_is_a_conflict(self) -> None:
        self.post(PATH, FULL)
        self.post(PATH, FULL, status=409)
        self.post(PATH, FULL, who="charlie")
        self.assertEqual(Transaction.objects.filter(user=self.alice).count(), 1)

    def test_a_total_beyond_what_is_exact_is_refused(self) -> None:
        rows = [transaction_of(self.alice, "999999999999.99") for _ in range(90)]
        engine.record_transactions(self.alice.pk, rows)
        found = self.post(PATH, FULL | {"amount": "999999999999.99", "type": "expense"}, status=422)
        self.assertEqual(found["type"], "/problems/overflow")
        self.assertEqual(Transaction.objects.count(), 90)

    def test_too_many_categories_are_a_conflict(self) -> None:
        self.post(PATH, FULL | {"external_id": None})
        with mock.patch.object(Category, "MAX_A_USER", 2):
            self.post(PATH, FULL | {"category": "One more"}, status=409)
        self.assertEqual(Transaction.objects.count(), 1)

    def test_nobody_writes_for_somebody_else(self) -> None:
        for other in (self.charlie.pk, 0, -1, 2**63, 10**30):
            with self.subTest(other):
                self.post(PATH, FULL | {"user": other}, status=404)
        wrong: tuple[object, ...] = ("1", True, 1.5, [], {})
        for nobody in wrong:
            with self.subTest(nobody):
                self.assertEqual(
                    list(self.wrong("POST", PATH, FULL | {"user": nobody})), ["#/user"]
                )
        self.assertFalse(Transaction.objects.exists())

    def test_a_type_of_somebody_else_is_none(self) -> None:
        TransactionType(user=self.charlie, name="Gift", effect="spending").save()
        self.assertEqual(
            self.wrong("POST", PATH, FULL | {"type": "gift"}),
            {"#/type": "There is no such transaction type."},
        )

    def test_a_category_of_somebody_else_is_not_taken(self) -> None:
        spend(self.charlie, "1.00", to="Secret")
        self.post(PATH, FULL | {"category": "Secret"})
        self.assertEqual(Category.objects.filter(key="secret").count(), 2)

    def test_it_costs_the_same_with_ten_rows_and_with_ten_thousand(self) -> None:
        for name in ("daily", "weekly", "monthly", "quarterly", "yearly", "transaction"):
            limit(self.alice, "900000.00", name, name=name)
        body = {"date": "2018-03-05", "amount": 1, "category": "Groceries"}
        for _ in range(2):  # the first one makes the category, the second one remembers its name
            self.post(PATH, body)
        for rows in (10, 10_000):
            missing = rows - Transaction.objects.count()
            self.record(missing, "2018-03-05")
            with self.subTest(rows), self.assertNumQueries(at_cost(sqlite=7, postgresql=6)):
                self.post(PATH, body)
            Transaction.objects.order_by("-id")[0].delete()

    def record(self, rows: int, day: str) -> None:
        """Store many rows of one day at once."""
        one = transaction_of(self.alice, "0.01", day)
        columns = {"category": one.category, "amount": one.amount, "type": one.type}
        many = [Transaction(user=self.alice, date=one.date, **columns) for _ in range(rows)]
        engine.record_transactions(self.alice.pk, many)


class OneTestCase(ApiTestCase):
    def setUp(self) -> None:
        self.row = spend(
            self.alice, "12.00", description="Market", external_id="bank-1", type="refund"
        )
        self.path = f"{PATH}/{self.row.pk}"

    def test_put_replaces_everything(self) -> None:
        found = self.put(self.path, {"date": "2018-03-06", "amount": "13.5"})
        del found["alerts"]
        self.assertEqual(
            found,
            {
                "id": self.row.pk,
                "user": self.alice.pk,
                "date": "2018-03-06",
                "category": "Uncategorised",
                "description": "",
                "amount": "13.50",
                "type": "expense",
                "external_id": None,
            },
        )
        self.assertEqual(self.get(self.path), found)

    def test_put_needs_what_post_needs(self) -> None:
        self.assertEqual(set(self.wrong("PUT", self.path, {})), {"#/date", "#/amount"})

    def test_patch_changes_only_what_is_sent(self) -> None:
        before = self.get(self.path)
        found = self.patch(self.path, {})
        self.assertEqual({name: found[name] for name in before}, before)
        for change in (
            {"amount": "13.50"},
            {"date": "2019-01-01"},
            {"category": "Rent"},
            {"description": ""},
            {"type": "income"},
            {"external_id": None},
        ):
            before |= change
            found = self.patch(self.path, change)
            self.assertEqual({name: found[name] for name in before}, before)
            self.assertEqual(self.get(self.path), before)

    def test_patch_of_a_category_to_null_is_uncategorised(self) -> None:
        self.assertEqual(self.patch(self.path, {"category": None})["category"], "Uncategorised")

    def test_patch_validates_as_post_does(self) -> None:
        body = {"date": None, "amount": None, "type": None, "description": None, "id": 7}
        self.assertEqual(
            set(self.wrong("PATCH", self.path, body)),
            {"#/date", "#/amount", "#/type", "#/description", "#/id"},
        )

    def test_an_edit_resolves_and_opens_alerts(self) -> None:
        limit(self.alice, "100.00")
        row = self.post(PATH, {"date": "2018-03-05", "amount": "130"})
        alerts = self.patch(f"{PATH}/{row['id']}", {"date": "2018-04-05"})["alerts"]
        periods = {side: [alert["period_start"] for alert in alerts[side]] for side in alerts}
        self.assertEqual(periods, {"opened": ["2018-04-01"] * 2, "resolved": ["2018-03-01"] * 2})

    def test_delete_resolves_alerts_and_says_so(self) -> None:
        limit(self.alice, "10.00")
        row = self.post(PATH, {"date": "2018-04-05", "amount": "13"})
        found = self.delete(f"{PATH}/{row['id']}")
        self.assertEqual(found["id"], row["id"])
        self.assertEqual([alert["level"] for alert in found["alerts"]["resolved"]], [80, 100])
        for alert in found["alerts"]["resolved"]:
            without = {name: alert[name] for name in alert if name != "as_of"}
            self.assertIsNone(without["transaction"])
            self.assertEqual(alert, self.get(f"/api/alert/{alert['id']}"))
        self.get(f"{PATH}/{row['id']}", status=404)
        self.delete(f"{PATH}/{row['id']}", status=404)

    def test_an_external_id_of_another_row_is_a_conflict(self) -> None:
        other = spend(self.alice, "1.00", external_id="bank-2")
        self.patch(self.path, {"external_id": "bank-2"}, status=409)
        self.patch(f"{PATH}/{other.pk}", {"external_id": "bank-2"})

    def test_rows_of_somebody_else_are_not_there(self) -> None:
        body = {"date": "2018-03-06", "amount": "1"}
        for method, sent in (("GET", None), ("PUT", body), ("PATCH", {}), ("DELETE", None)):
            self.call(method, self.path, sent, who="charlie", status=404)
        self.assertEqual(Transaction.objects.get().amount, self.row.amount)

    def test_ids_that_cannot_be_are_not_there(self) -> None:
        for key in (0, 2**63 - 1, 2**63, 10**30, "9" * 5000, "-1", "1.0", "abc", "%00", "%D9%A1"):
            with self.subTest(str(key)[:9]):
                self.get(f"{PATH}/{key}", status=404)


class ListTestCase(ApiTestCase):
    def setUp(self) -> None:
        self.rows = {
            name: spend(self.alice, "1.00", day, to=to, type=type, external_id=name).pk
            for name, day, to, type in (
                ("a", "2018-03-05", "Groceries", "expense"),
                ("b", "2018-03-06", "Rent", "expense"),
                ("c", "2018-03-06", "Groceries", "refund"),
                ("d", "2017-12-31", "Groceries", "expense"),
            )
        }
        spend(self.charlie, "1.00", to="Secret", external_id="s")

    def names(self, query: str) -> str:
        by_id = {pk: name for name, pk in self.rows.items()}
        return "".join(by_id[pk] for pk in self.ids(f"{PATH}?{query}"))

    def test_it_lists_the_newest_first_and_nobody_elses(self) -> None:
        self.assertEqual(self.names(""), "cbad")
        found = self.get(PATH)
        self.assertEqual(set(found), {"items", "next", "previous"})
        self.assertEqual(found["items"][3], self.get(f"{PATH}/{self.rows['d']}"))
        self.assertEqual(len(self.ids(PATH, who="charlie")), 1)

    def test_it_filters(self) -> None:
        for query, expected in (
            ("category=groceries", "cad"),
            ("category=%20GROCERIES%20", "cad"),
            ("type=refund", "c"),
            ("type=transfer", ""),
            ("date_from=2018-03-05", "cba"),
            ("date_to=2018-03-05", "ad"),
            ("date_from=2018-03-05&date_to=2018-03-05", "a"),
            ("external_id=b", "b"),
            ("external_id=s", ""),
            ("category=Groceries&type=expense&date_from=2018-01-01", "a"),
            (f"user={self.alice.pk}", "cbad"),
        ):
            with self.subTest(query):
                self.assertEqual(self.names(query), expected)

    def test_filters_name_what_is_not_there(self) -> None:
        for user_id in (self.charlie.pk, 2**63):
            self.get(f"{PATH}?user={user_id}", status=404)
        self.assertEqual(
            self.wrong_parameters(f"{PATH}?category=Secret&type=gift"),
            {
                "category": 'There is no category "Secret".',
                "type": 'There is no transaction type "gift".',
            },
        )

    def test_wrong_parameters_are_named_all_at_once(self) -> None:
        self.assertEqual(
            set(
                self.wrong_parameters(
                    f"{PATH}?foo=1&limit=201&date_from=x&date_to=&user=me&words=a"
                )
            ),
            {"foo", "limit", "date_from", "date_to", "user", "words"},
        )

    def test_odd_parameters_are_refused(self) -> None:
        for query, name in (
            ("limit=0", "limit"),
            ("limit=-1", "limit"),
            ("limit=1e1", "limit"),
            ("limit=%D9%A1", "limit"),
            ("limit=" + "9" * 5000, "limit"),
            ("limit=", "limit"),
            ("limit=1&limit=2", "limit"),
            ("cursor=", "cursor"),
            ("cursor=abc", "cursor"),
            ("category=a%00", "category"),
            ("category__name=Rent", "category__name"),
            ("date_from=2018-03-06&date_to=2018-03-05", "date_to"),
        ):
            with self.subTest(query):
                self.assertEqual(list(self.wrong_parameters(f"{PATH}?{query}")), [name])
