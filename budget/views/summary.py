"""/api/summary"""

from __future__ import annotations

from budget.engine.summary import Dates, SummaryDict, periods_of, summarize
from budget.http import Answer, ApiRequest, Problem, takes, wrong
from budget.schemas.summary import SummaryQuery

MAX_PERIODS = 400
# With groups an answer is that many times as long.
MAX_GROUPED_PERIODS = 100


@takes(query=SummaryQuery, steady=True, answer=SummaryDict, replica=True, kept=True)
def get_summary(request: ApiRequest, query: SummaryQuery) -> Answer:
    """Spending, income and net between two dates, beside those of the span before.

    The span before has as many days. Periods are cut as the user's thresholds are, and those at
    the ends to the two dates; empty ones are there, too. At most 400 periods, 100 with groups.
    """
    dates = Dates(query.date_from, query.date_to)
    most = MAX_GROUPED_PERIODS if query.group_by else MAX_PERIODS
    periods = periods_of(dates, query.period, request.ledger, most)
    if periods is None:
        detail = f"Must lie within {most} periods of date_from."
        raise wrong(Problem.PARAMETERS, [{"detail": detail, "parameter": "date_to"}])
    whole, previous, *rest = summarize(
        request.ledger, [dates, dates.previous, *periods], query.group_by, request.database
    )
    return Answer({**whole, "previous": previous, "periods": rest})
