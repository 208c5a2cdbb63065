"""A budget file: CSV with Category and Budget, the limit of each category in a month."""

from __future__ import annotations

from pathlib import Path

from budget.imports.csv_table import Cells, Layout, open_text, read_table
from budget.imports.rows import BadFile, BadLine, BudgetLine
from budget.imports.values import parse_amount, parse_category
from lib.text import fold

LAYOUT = Layout(required=("Category", "Budget"))


def read_budget(path: Path) -> list[BudgetLine]:
    """The lines of a budget file. Raises OSError, and BadFile with all bad lines at once."""
    found: dict[str, BudgetLine] = {}
    bad: list[BadLine] = []
    with open_text(path) as text:
        for record in read_table(text, LAYOUT):
            line = record if isinstance(record, BadLine) else read_line(*record)
            if isinstance(line, BadLine):
                bad.append(line)
            elif (first := found.setdefault(fold(line.category), line)) is not line:
                reason = f"{line.category} has a budget already, on line {first.line}"
                bad.append(BadLine(line.line, reason))
    if bad:
        raise BadFile(bad)
    return list(found.values())


def read_line(line: int, cells: Cells) -> BudgetLine | BadLine:
    """One line; every problem that it has is named at once."""
    problems = [] if cells["Category"] else ["no category"]
    category, amount = "", None
    try:
        category = parse_category(cells["Category"])
    except ValueError as error:
        problems.append(str(error))
    try:
        amount = parse_amount(cells["Budget"])
    except ValueError as error:
        problems.append(str(error))
    if problems or amount is None:
        return BadLine(line, "; ".join(problems))
    return BudgetLine(line, category, amount)
