"""Why an alert is open: the picture, the rows that sum to the total, its life, and for whom."""

from __future__ import annotations

from datetime import date

import pytest

from budget.models import Alert, AlertStatus
from budget.tests.people import at, combine, limit, spend
from web.chart import HEIGHT, WIDTH, chart_of
from web.tests.test_overview import PageTestCase


class WhyTest(PageTestCase):
    def test_the_rows_sum_to_the_total_and_the_tipping_one_is_marked(self) -> None:
        limit(self.alice, "100", of="Food", name="Eating", levels=[100])
        for amount, day in (("30", "2018-03-01"), ("50", "2018-03-04"), ("25", "2018-03-04")):
            spend(self.alice, amount, day, to="Food", description=f"row of {amount}")
        spend(self.alice, "70", "2018-03-05", to="Books")
        spend(self.alice, "4", "2018-03-07", to="Food", type="refund")
        alert = Alert.objects.get()
        text = self.text(f"/alert/{alert.pk}")
        self.assertIn("Eating limit reached March 2018", text)
        self.assertIn("limit 100.00 USD tipped it: 105.00 USD on 4 March", text)
        self.assertIn("Now 101.00 USD of 100.00 USD spent When it opened, 10 March 2018", text)
        self.assertIn("row of 25 tipped it 4 March 2018 · Food 25.00 USD makes 105.00 USD", text)
        self.assertIn("MINUS4.00 USD makes 101.00 USD".replace("MINUS", "\N{MINUS SIGN}"), text)
        self.assertNotIn("Books", text)
        self.assertIn("What happened opened by a transaction: 105.00 USD of 100.00 USD", text)

    def test_its_life_is_told_newest_first(self) -> None:
        limit(self.alice, "100", levels=[100])
        row = spend(self.alice, "120", "2018-03-02")
        row.delete()
        spend(self.alice, "150", "2018-03-03")
        alert = Alert.objects.get()
        self.client.post(f"/alert/{alert.pk}/mark", {"mark": "seen"})
        life = self.text(f"/alert/{alert.pk}").partition("What happened")[2]
        found = [life.index(word) for word in ("seen", "150.00", "resolved", "120.00")]
        self.assertEqual(found, sorted(found))

    def test_every_kind_of_alert_has_its_page(self) -> None:
        limit(self.alice, "50", "rolling", days=7, name="Week", levels=[100])
        limit(self.alice, "50", "transaction", name="Large", levels=[100])
        limit(self.alice, "20", measure="count", operator="lte", name="Few", levels=[100])
        limit(self.alice, "100", name="Left", rollover=True, levels=[50])
        limit(self.alice, "100", measure="net", operator="lt", name="Net", levels=[100])
        parts = (("Food", "spending", "gte", "30"), (None, "count", "gte", "1"))
        combine(self.alice, *parts, match="all", name="Both")
        limit(self.alice, "70", name="Ahead", forecast=True, levels=[1000])
        spend(self.alice, "60", "2018-03-09", to="Food")
        with at("2018-04-02"):
            self.client.get("/")
            kinds = {
                alert.threshold.name: alert for alert in Alert.objects.all() if alert.threshold
            }
            wanted = {"Week", "Large", "Few", "Left", "Net", "Both", "Ahead"}
            self.assertEqual(set(kinds), wanted)
            for name, alert in kinds.items():
                self.assertIn(name, self.text(f"/alert/{alert.pk}"))

    def test_a_resolved_alert_stays_explained(self) -> None:
        limit(self.alice, "100", levels=[100])
        spend(self.alice, "120", "2018-03-02").delete()
        alert = Alert.objects.get()
        self.assertEqual(alert.status, AlertStatus.RESOLVED)
        text = self.text(f"/alert/{alert.pk}")
        self.assertIn("resolved", text)
        self.assertIn("No transaction counts in this period.", text)

    def test_nobody_sees_the_alert_of_another(self) -> None:
        limit(self.charlie, "100", levels=[100])
        spend(self.charlie, "120", "2018-03-02")
        self.assertEqual(self.client.get(f"/alert/{Alert.objects.get().pk}").status_code, 404)


DAYS = [(date(2018, 3, day), total) for day, total in enumerate((0, 50, 50, 120, 120, 120), 1)]


@pytest.mark.parametrize("limit", [100, 0, -40, 1000])
def test_all_of_a_picture_lies_within_it(limit: int) -> None:
    chart = chart_of(DAYS, date(2018, 3, 4), limit, (date(2018, 3, 4), 120))
    assert chart.dot is not None
    for x, y in (chart.dot, chart.end):
        assert 0 <= x <= WIDTH
        assert 0 <= y <= HEIGHT
    assert 0 <= chart.limit <= HEIGHT
    # What is more lies higher.
    assert (chart.end[1] < chart.limit) == (limit < 120)


def test_a_picture_ends_today_or_with_what_is_still_to_come() -> None:
    ends = [chart_of(DAYS, date(2018, 3, day), 100, None).end[0] for day in (1, 4, 5, 6, 30)]
    assert ends[0] == ends[1] < ends[2] < ends[3] == ends[4]
