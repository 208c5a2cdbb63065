"""The command line: what to measure, on which databases, and where the tables go."""

from __future__ import annotations

import argparse
import os
import platform
import re
import shlex
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import django
from tqdm import tqdm

from benchmarks.comparison import compare
from benchmarks.crowds import Bases
from benchmarks.databases import Kind, kinds, scratch, version_of
from benchmarks.deliveries import deliveries
from benchmarks.growth import GROWTH
from benchmarks.imports import imports
from benchmarks.measure import FULL, QUICK, Scale
from benchmarks.picture import draw
from benchmarks.saves import every_rule, six_rules
from benchmarks.sweeps import audits, midnights
from benchmarks.table import Table
from benchmarks.worker import memory, shares, start_up

Measure = Callable[[Bases, Scale], Table]
Tables = Mapping[str, Table]
# Over HTTP, and of many users, on PostgreSQL only.
SERVED: Mapping[str, Measure] = {
    "peers": compare,
    **GROWTH,
    "start": start_up,
    "memory": memory,
    "shares": shares,
    "audit": audits,
    "midnight": midnights,
    "deliveries": deliveries,
}
# In a process, on SQLite, too.
SAVED: Mapping[str, Measure] = {"history": six_rules, "kinds": every_rule, "imports": imports}
PARTS = {**SERVED, **SAVED}


def main() -> int:
    """Measure and print the tables; gives the exit code."""
    # Take everything away again, also where a time limit ends the run.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("Ended."))
    given = parser().parse_args()
    scale = chosen_scale(given)
    chosen = [kind for kind in kinds() if given.database in (None, kind.name.lower())]
    where = machine(chosen)

    def keep(tables: Tables) -> None:
        if given.write:
            write(given.write, where, tables)

    try:
        tables = measure(chosen, given.only or list(PARTS), scale, keep)
    except RuntimeError as error:
        # The service's log names no message of an error, because there may be a user's data in it.
        sys.exit(str(error))
    print("\n\n".join([call(), where, *map(str, tables.values())]))
    return 0


def parser() -> argparse.ArgumentParser:
    found = argparse.ArgumentParser(
        prog="python -m benchmarks", description="Measure what the service costs."
    )
    found.add_argument(
        "--quick",
        action="store_true",
        default=os.environ.get("QUICK", "0") not in ("", "0"),
        help="less of everything; shows that it runs, not how fast",
    )
    found.add_argument("--database", choices=("sqlite", "postgresql"), help="only this one")
    found.add_argument("--only", choices=tuple(PARTS), action="append", help="only this part")
    found.add_argument("--case", metavar="TEXT", help="of peers, only cases with this in the name")
    found.add_argument(
        "--rows",
        type=number,
        nargs="+",
        metavar="N",
        help="sizes for rows, history, kinds and imports",
    )
    found.add_argument(
        "--other",
        type=Path,
        metavar="FOLDER",
        help="of imports, another build to compare with, such as a git worktree",
    )
    found.add_argument(
        "--requests", type=number, nargs="+", metavar="N", help="when memory is read, a worker"
    )
    found.add_argument(
        "--write",
        type=Path,
        metavar="FILE",
        help="put the tables into a document, and their pictures into the folder of its name",
    )
    return found


def number(text: str) -> int:
    """1 to 10,000,000."""
    if not (text.isdecimal() and 1 <= int(text) <= 10_000_000):
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 to 10,000,000.")
    return int(text)


def chosen_scale(given: argparse.Namespace) -> Scale:
    scale = QUICK if given.quick else FULL
    if given.case:
        scale = replace(scale, case=given.case)
    if given.rows:
        sizes = tuple(given.rows)
        scale = replace(scale, totals=sizes, histories=sizes, imported=sizes[0])
    if given.other:
        scale = replace(scale, other=str(given.other.resolve()))
    if given.requests:
        scale = replace(scale, lives=tuple(given.requests))
    return scale


def measure(
    chosen: Sequence[Kind], parts: Sequence[str], scale: Scale, keep: Callable[[Tables], None]
) -> dict[str, Table]:
    """Each part on each kind of database, one after another, on databases made for it.

    keep: gets each table as soon as it is measured, by its part, so that a run that ends halfway
    loses nothing.
    """
    found: dict[str, Table] = {}
    for kind in chosen:
        with scratch(kind) as make:
            bases = Bases(kind, make)
            asked = [part for part in parts if kind.server or part in SAVED]
            for part in tqdm(asked, unit="part", disable=None):
                table = PARTS[part](bases, scale)
                known = found.get(part)
                found[part] = replace(known, rows=[*known.rows, *table.rows]) if known else table
                keep({part: found[part]})
    return found


def write(document: Path, where: str, tables: Tables) -> None:
    """Replace the tables of a document between their marks, with their pictures beside it.

    Raises ValueError for a document without the marks.
    """
    text = between(document.read_text(encoding="utf-8"), "machine", where)
    folder = document.with_suffix("")
    for part, table in tables.items():
        content = f"{table}\n\n{call()}"
        if table.panel is not None:
            content = f"![{table.title}]({folder.name}/{part}.svg)\n\n{content}"
            folder.mkdir(exist_ok=True)
            (folder / f"{part}.svg").write_text(draw(table.panel), encoding="utf-8")
        text = between(text, part, content)
    document.write_text(text, encoding="utf-8")


def between(text: str, part: str, content: str) -> str:
    """Put content between <!-- part --> and <!-- /part -->."""
    marks = re.compile(rf"(<!-- {part} -->\n).*?(<!-- /{part} -->)", re.DOTALL)
    text, found = marks.subn(lambda mark: f"{mark[1]}\n{content}\n\n{mark[2]}", text)
    if found != 1:
        raise ValueError(f"The document needs one <!-- {part} --> and its end.")
    return text


def call() -> str:
    """The command, to have the numbers again, and the day."""
    words = shlex.join(["python", "-m", "benchmarks", *sys.argv[1:]])
    return f"`{words.partition(' --write')[0]}` on {datetime.now(UTC).date()}"


def machine(chosen: Sequence[Kind]) -> str:
    """Where the numbers come from."""
    databases = ", ".join(f"{kind.name} {version_of(kind)}" for kind in chosen)
    return (
        f"{processor()}, {os.cpu_count()} cores shared by clients and server, {platform.system()}, "
        f"Python {platform.python_version()}, Django {django.__version__}, {databases}. Medians, "
        "with the least and the most of ratios taken round by round."
    )


def processor() -> str:
    """The processor's name, where the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
