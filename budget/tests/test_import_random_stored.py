"""Random statements of each format, imported in parts: each row is stored once, alerts are true."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command

from budget.engine import reconcile
from budget.models import Transaction
from budget.tests.people import limit, make_user, open_levels
from budget.tests.test_import_random import ANSWERS, FORMATS, ORDER, WORDS, Movement

pytestmark = [pytest.mark.any_postgres, pytest.mark.django_db]

# Rows of the service's own export are known by its ids.
NAMES = [name for name in FORMATS if name != "own"]


def load(user: User, path: Path, name: str) -> None:
    options = ANSWERS | ({"dates": ORDER[name]} if name in ORDER else {})
    options |= {"decimal": "comma" if name in ("german", "a column of signs") else "point"}
    call_command("import_transactions", str(path), user=user.username, **options)


def stored(user: User) -> Counter[tuple[date, Decimal, str]]:
    rows = Transaction.objects.filter(user=user).select_related("type")
    return Counter(
        (row.date, -row.amount if row.type.slug == "expense" else row.amount, row.description)
        for row in rows
    )


@pytest.mark.parametrize("name", NAMES)
def test_parts_in_any_order_store_each_row_once(tmp_path: Path, name: str) -> None:
    random = Random(name)  # noqa: S311
    start = date(2024, 1, 1)
    found = [
        Movement(
            start + timedelta(random.randrange(60)),
            Decimal(random.choice((-1250, -1250, -300, 999, -4975))).scaleb(-2),
            random.choice(WORDS),
            number,
        )
        for number in range(1, 25)
    ]
    parts = [found[at : at + random.randrange(8, 16)] for at in (0, 5, 12)]
    parts += [parts[0], random.sample(found, len(found)), found]
    user = make_user()
    user.profile.currency = "EUR"
    user.profile.save()
    limit(user, "60", "monthly", levels=[50, 100])
    for number, part in enumerate(parts):
        path = tmp_path / str(number)
        FORMATS[name](path, part)
        load(user, path, name)
        assert reconcile(user.pk) == []
    assert stored(user) == Counter((each.day, each.amount, each.text) for each in found)
    months = {each.day.replace(day=1) for each in found}
    spent = {
        month: sum(-e.amount for e in found if e.amount < 0 and e.day.replace(day=1) == month)
        for month in months
    }
    wanted = [
        (str(m), level) for m in months for level in (50, 100) if spent[m] * 100 >= 60 * level
    ]
    assert open_levels(user) == sorted(wanted)
