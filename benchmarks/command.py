"""The command line: what to measure, on which databases, and where the table goes."""

from __future__ import annotations

import argparse
import os
import platform
import shlex
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import django
from tqdm import tqdm

from benchmarks.crowd import at_once
from benchmarks.databases import Kind, Make, kinds, scratch, version_of
from benchmarks.measure import FULL, QUICK, Scale
from benchmarks.single import growing, growing_with_every_kind, ruled
from benchmarks.table import Row, Table

Measure = Callable[[Kind, Make, Scale], list[Row]]
SINGLE = ("plain, ms", "with the engine, ms", "plain / engine")
PARTS: dict[str, tuple[Measure, str, Row]] = {
    "history": (
        growing,
        "One client, one user, six thresholds of two levels: what a write costs as history grows",
        ("database", "write", "rows", *SINGLE, "against the first size"),
    ),
    "kinds": (
        growing_with_every_kind,
        "One client, one user, fourteen thresholds of every kind: what a write costs as history "
        "grows",
        ("database", "write", "rows", *SINGLE, "against the first size"),
    ),
    "crowd": (
        at_once,
        "Clients at once ({clients}), six thresholds of two levels a user",
        (
            "database",
            "write",
            "on",
            "plain, writes/s",
            "with the engine",
            "engine / plain",
            "CPU, ms a write: client + server",
            "CPU, plain / engine",
            "p99 with the engine, ms",
        ),
    ),
    "rules": (
        ruled,
        "One client, {rows:,} rows of history: what a user's categories and thresholds cost",
        ("database", "write", "user", *SINGLE, "against the first of its kind"),
    ),
}


def main() -> int:
    """Measure and print the tables; gives the exit code."""
    given = parser().parse_args()
    if given.write and given.write.exists():
        parser().error(f"{given.write} is there already.")
    scale = QUICK if given.quick else FULL
    if given.rows:
        scale = replace(scale, histories=tuple(given.rows))
    chosen = [kind for kind in kinds() if given.database in (None, kind.name.lower())]
    tables = measure(chosen, given.only or list(PARTS), scale)
    text = "\n\n".join([machine(chosen), *map(str, tables)])
    print(text)
    if given.write:
        given.write.write_text(f"{text}\n", encoding="utf-8")
    return 0


def parser() -> argparse.ArgumentParser:
    found = argparse.ArgumentParser(
        prog="python -m benchmarks", description="Measure what a write costs."
    )
    found.add_argument(
        "--quick",
        action="store_true",
        default=os.environ.get("QUICK", "0") not in ("", "0"),
        help="less of everything, in less than a minute; shows that it runs, not how fast",
    )
    found.add_argument("--database", choices=("sqlite", "postgresql"), help="this one alone")
    found.add_argument("--only", choices=tuple(PARTS), action="append", help="this part alone")
    found.add_argument(
        "--rows",
        type=length,
        nargs="+",
        metavar="N",
        help="lengths of history, for history and kinds",
    )
    found.add_argument("--write", type=Path, metavar="FILE", help="also write a new file")
    return found


def length(text: str) -> int:
    """A number of rows, 1 to 10,000,000."""
    if not (text.isdecimal() and 1 <= int(text) <= 10_000_000):
        raise argparse.ArgumentTypeError(f"{text!r} is no number of rows, 1 to 10,000,000.")
    return int(text)


def measure(chosen: Sequence[Kind], parts: Sequence[str], scale: Scale) -> list[Table]:
    """Each part on each database, one after another, on databases made for it."""
    tables = []
    with tqdm(total=len(parts) * len(chosen), unit="part", disable=None) as bar:
        for part in parts:
            task, title, headings = PARTS[part]
            table = Table(title.format(rows=scale.rows, clients=scale.clients), headings)
            for kind in chosen:
                bar.set_description(f"{kind.name}, {part}")
                with scratch(kind) as make:
                    table.rows += task(kind, make, scale)
                bar.update()
            tables.append(table)
    return tables


def machine(chosen: Sequence[Kind]) -> str:
    """Where the numbers come from, and how to have them again."""
    databases = ", ".join(f"{kind.name} {version_of(kind)}" for kind in chosen)
    call = shlex.join(["python", "-m", "benchmarks", *sys.argv[1:]])
    return (
        f"`{call}` on {datetime.now(UTC).date()}: {processor()}, {os.cpu_count()} cores shared by "
        f"clients and server, {platform.system()}, Python {platform.python_version()}, "
        f"Django {django.__version__}, {databases}. Medians, with the least and the most of "
        "ratios taken round by round."
    )


def processor() -> str:
    """The processor's name, where the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
