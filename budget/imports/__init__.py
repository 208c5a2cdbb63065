"""Files of banks and other programs, read in any of the known formats and stored as transactions.

read (readers, mint, mapping, mapped, budgets, csv_table, values) -> rows and their external_ids
(rows, identity) -> commits (run, store) -> words (report).
"""

from __future__ import annotations

from budget.imports.budgets import read_budget
from budget.imports.mapping import BadMapping, Mapping, read_mapping
from budget.imports.readers import Export, read_export
from budget.imports.report import Report
from budget.imports.rows import BadFile, BadLine, BudgetLine, LeftOut
from budget.imports.run import CHUNK, Job, rehearse, run

__all__ = [
    "CHUNK",
    "BadFile",
    "BadLine",
    "BadMapping",
    "BudgetLine",
    "Export",
    "Job",
    "LeftOut",
    "Mapping",
    "Report",
    "read_budget",
    "read_export",
    "read_mapping",
    "rehearse",
    "run",
]
