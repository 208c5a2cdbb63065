"""How fast a file is imported: rows a second, memory, and how long the user's lock is held.

Each import runs in a separate process, which is started in the folder of a build. So another
build can take its turns beside this one, with the same file and on a separate database.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import NamedTuple

from tqdm import tqdm

from benchmarks.crowds import Bases
from benchmarks.measure import Scale, Spread, ratios
from benchmarks.start import environment_of
from benchmarks.table import Row, Table, in_rate, in_times

HERE = Path(__file__).parents[1]
LAST, DAYS = date(2024, 12, 31), 1095
HEADER = "Date,Description,Original Description,Amount,Transaction Type,Category,Account Name\n"
SHOPS = ("Corner Shop", "Market Hall", "Book House", "Gym One", "Coffee Bar", "Railway")
CATEGORIES = ("Groceries", "Restaurants", "Rent", "Travel", "Books", "Gym", "Paycheck", "Transfer")
# What both builds run: six thresholds, then one import. The lock is taken by the statement that
# counts the ledger's version, and held until the end of the transaction.
SCRIPT = """
import json, os, resource, sys, time
from decimal import Decimal
import django
django.setup()
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection
from budget.models import Category, Threshold
file, name = sys.argv[1:]
call_command("migrate", verbosity=0)
user = User.objects.create(username=name)
groceries = Category(user=user, name="Groceries")
groceries.save()
far, near, large = Decimal(10) ** 11, Decimal(1), Decimal(50000)
limits = [("daily", None, far), ("weekly", None, near), ("monthly", None, near),
          ("monthly", groceries, far), ("yearly", None, near), ("transaction", None, large)]
for number, (type, category, amount) in enumerate(limits):
    Threshold(user=user, name=f"Limit {number}", type=type, category=category, amount=amount).save()
taken, held = [], []
def watch(execute, sql, params, many, context):
    result = execute(sql, params, many, context)
    if "UPDATE budget_ledger SET version" in sql and not taken:
        taken.append(time.perf_counter())
    return result
def ending(end):
    def ended():
        result = end()
        if taken:
            held.append(time.perf_counter() - taken.pop())
        return result
    return ended
connection.ensure_connection()
connection._commit, connection._rollback = ending(connection._commit), ending(connection._rollback)
server = None
if connection.vendor == "postgresql":
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (server,) = cursor.fetchone()
def processor():
    spent = time.process_time()
    if server:
        with open(f"/proc/{server}/stat") as stat:
            ticks = stat.read().rpartition(")")[2].split()[11:13]
        spent += sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")
    return spent
begun, used = time.perf_counter(), processor()
with connection.execute_wrapper(watch), open(os.devnull, "w") as nowhere:
    call_command("import_transactions", file, user=name, stdout=nowhere)
seconds, used = time.perf_counter() - begun, processor() - used
rows = user.transactions.count()
memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps([rows, seconds, used, memory, max(held)]))
"""


class Took(NamedTuple):
    """What one import took. used: processor seconds, with those of PostgreSQL for it. memory: of
    the process, MB, at most.

    locked: the longest time that the user's lock was held, in seconds.
    """

    rows: int
    seconds: float
    used: float
    memory: float
    locked: float

    @property
    def pace(self) -> float:
        return self.rows / self.seconds


def imports(bases: Bases, scale: Scale) -> Table:
    """A file of one user with six thresholds, by this build and by another if there is one."""
    builds = {"this": HERE} | ({"other": Path(scale.other)} if scale.other else {})
    urls = {name: bases.make() for name in builds}
    took: dict[str, list[Took]] = {name: [] for name in builds}
    with tempfile.TemporaryDirectory(prefix="financial-alerts-bench-") as folder:
        file = Path(folder, "export.csv")
        with file.open("w", encoding="utf-8") as text:
            text.writelines(lines_of(scale.imported))
        for number in tqdm(range(scale.import_rounds), desc="imports", leave=False, disable=None):
            for name, build in builds.items():
                took[name].append(import_once(build, urls[name], file, f"user-{number}"))
    paces = {name: [one.pace for one in found] for name, found in took.items()}
    costs = {name: [one.used / one.rows * 1e6 for one in found] for name, found in took.items()}
    rows: list[Row] = [
        (
            bases.kind.name,
            name,
            f"{scale.imported:,}",
            in_rate(Spread.of(paces[name])),
            in_times(ratios(paces["this"], paces[name])),
            f"{Spread.of(costs[name]).middle:.1f}",
            in_times(ratios(costs[name], costs["this"])),
            f"{max(one.memory for one in found):.0f}",
            f"{max(one.locked for one in found):.2f}",
        )
        for name, found in took.items()
    ]
    headings = (
        "database",
        "build",
        "rows",
        "rows a second",
        "this build / it",
        "processor, µs a row",
        "processor, against this",
        "memory at most, MB",
        "lock held at most, s",
    )
    return Table("An import of one user with six thresholds", headings, rows)


def import_once(build: Path, url: str, file: Path, user: str) -> Took:
    """Raises RuntimeError for an import that fails or leaves rows out."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(file), user],
        cwd=build,
        env={**os.environ, **environment_of(url)},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"An import failed: {done.stderr[-2000:]}")
    return Took(*json.loads(done.stdout.splitlines()[-1]))


def lines_of(rows: int) -> Iterator[str]:
    """A Mint export, the newest day first, as Mint writes it."""
    some = random.Random(rows)  # noqa: S311
    yield HEADER
    for number in range(rows):
        day = LAST - timedelta(days=number * DAYS // rows)
        shop, category = some.choice(SHOPS), some.choice(CATEGORIES)
        side = "credit" if category == "Paycheck" else "debit"
        amount = f"{some.randrange(100, 20_000) / 100:.2f}"
        yield (
            f'"{day.month}/{day.day:02}/{day.year}","{shop}","{shop.upper()} #{number % 100_000}",'
            f'"{amount}","{side}","{category}","Checking"\n'
        )
