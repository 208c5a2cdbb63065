"""The plans of statements: by which index rows are found, and how many rows that takes.

Plans are chosen by what the database knows of a table, so a test needs many rows, and analyze().
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from django.db import connection
from django.test.utils import CaptureQueriesContext

# What SQLite says of a step: SEARCH r USING COVERING INDEX name (...), SCAN r, and so on.
SEARCH = re.compile(r"SEARCH \S+ USING (?:COVERING )?INDEX (\S+)")
SCAN = re.compile(r"SCAN (\S+)")
# SQLite itself names the index that it makes for a constraint.
OF_CONSTRAINT = re.compile(r"sqlite_autoindex_(\w+)_\d+")
# A statement names r only within: outside it is the table that is made there.
ALIAS = re.compile(r"(?:FROM|JOIN) (?:\"?public\"?\.)?\"?(\w+)\"?(?: AS)? \"?(\w+)\"?")


@dataclass
class Plan:
    """How a statement is run.

    indexes: those by which rows are found. scans: the tables that are read from end to end. most:
    the most rows that any step has handled; only on PostgreSQL, which runs the statement for this.
    sorts: the rows that each sort has taken; on SQLite one of unknown length is 0.
    """

    statement: str
    indexes: set[str] = field(default_factory=set)
    scans: set[str] = field(default_factory=set)
    most: int = 0
    sorts: list[int] = field(default_factory=list)


def analyze() -> None:
    """Let the database learn what is in its tables, and that it reads them from memory.

    By default PostgreSQL takes a page found by an index for four times as dear as the next one,
    so that it may read all of a small table as well.
    """
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET LOCAL random_page_cost = 1.1")
        cursor.execute("ANALYZE")


def plans_of(do: Callable[[], object]) -> list[Plan]:
    """The plans of the SELECTs that something runs, in their order."""
    with CaptureQueriesContext(connection) as queries:
        do()
    texts = [query["sql"].strip() for query in queries]
    return [plan_of(text) for text in texts if re.match("SELECT|WITH", text)]


def plan_of(statement: str) -> Plan:
    """The plan of a statement without parameters."""
    return by_postgresql(statement) if connection.vendor == "postgresql" else by_sqlite(statement)


def by_postgresql(statement: str) -> Plan:
    found = Plan(statement)
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) {statement}")
        (told,) = cursor.fetchone()
    (whole,) = json.loads(told) if isinstance(told, str) else told
    for node in nodes(whole["Plan"]):
        handled = round((node["Actual Rows"] + removed(node)) * node["Actual Loops"])
        found.most = max(found.most, handled)
        if node["Node Type"] == "Seq Scan":
            found.scans.add(node["Relation Name"])
        elif "Index Name" in node:
            found.indexes.add(node["Index Name"])
        elif "Sort" in node["Node Type"]:
            found.sorts.append(max(round(part["Actual Rows"]) for part in node["Plans"]))
    return found


def removed(node: dict[str, Any]) -> int:
    """The rows that a step has read and left out, each time it ran."""
    return sum(count for name, count in node.items() if name.startswith("Rows Removed by"))


def nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for part in node.get("Plans", ()):
        yield from nodes(part)


def by_sqlite(statement: str) -> Plan:
    found = Plan(statement)
    tables = {alias: table for table, alias in ALIAS.findall(statement)}
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN QUERY PLAN {statement}")
        steps = cursor.fetchall()
    # A table that the statement makes is as long as the page, so it may be scanned and sorted.
    made: set[int] = set()
    for pk, parent, _, text in steps:
        if parent in made or text.startswith(("CO-ROUTINE", "MATERIALIZE")):
            made.add(pk)
    for pk, _, _, text in steps:
        if searched := SEARCH.search(text):
            found.indexes.add(name_of(searched[1]))
        elif made and pk not in made:
            continue
        elif scanned := SCAN.search(text):
            found.scans.add(str(tables.get(scanned[1], scanned[1])))
        elif "TEMP B-TREE" in text:
            found.sorts.append(0)
    return found


def name_of(index: str) -> str:
    """The name of an index; of one that SQLite has made for a named constraint, the constraint's,
    as on PostgreSQL."""
    automatic = OF_CONSTRAINT.fullmatch(index)
    if automatic is None:
        return index
    with connection.cursor() as cursor:
        known = connection.introspection.get_constraints(cursor, automatic[1])
        cursor.execute("SELECT name FROM pragma_index_info(%s) ORDER BY seqno", [index])
        columns = [column for (column,) in cursor.fetchall()]
    names = [name for name, made in known.items() if made["unique"] and made["columns"] == columns]
    return names[0] if names else index
