"""/api/summary"""

from __future__ import annotations

from api.http import Answer, ApiRequest, Problem, endpoint, wrong
from api.schemas.summary import SummaryQuery
from budget.answers.shapes import SummaryDict
from budget.answers.summary import DayRange, periods_of, summarize

MAX_PERIODS = 400
# With groups an answer is that many times as long.
MAX_GROUPED_PERIODS = 100


@endpoint(query=SummaryQuery, answer=SummaryDict, replica=True, cached=True)
def get_summary(request: ApiRequest, query: SummaryQuery) -> Answer:
    """Spending, income and net between two dates, beside those of the span before.

    The span before ends on the day before date_from. If the dates span whole months of the user's
    calendar (also a quarter or a year), it has as many months; otherwise it has as many days.
    Periods are cut as the user's thresholds are, and those at the ends to the two dates; empty
    ones are there, too. At most 400 periods, 100 with groups.
    """
    dates = DayRange(query.date_from, query.date_to)
    most = MAX_GROUPED_PERIODS if query.group_by else MAX_PERIODS
    periods = periods_of(dates, query.period, request.ledger, most)
    if periods is None:
        detail = f"Must be within {most} periods of date_from."
        raise wrong(Problem.PARAMETERS, [{"detail": detail, "parameter": "date_to"}])
    spans = [dates, dates.previous(request.ledger), *periods]
    whole, previous, *rest = summarize(request.reading, spans, query.group_by)
    return Answer({**whole, "previous": previous, "periods": rest})
