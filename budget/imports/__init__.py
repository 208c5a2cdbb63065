"""Files of banks and other programs, read in any of the known formats and stored as transactions.

understand (formats/, detect/, mint, mapping, mapped, csv_table, values) -> rows and their
external_ids (rows, identity) -> which of them are there (pairing) -> commits (run, store) -> words
(report).
"""

from __future__ import annotations

from budget.imports.budgets import read_budget
from budget.imports.mapping import BadMapping, Mapping, read_mapping
from budget.imports.mapping_text import text_of
from budget.imports.reading import QUESTIONS, Hints, Question, Unclear
from budget.imports.report import Report
from budget.imports.rows import MOST_BAD, BadFile, BadLine, BudgetLine, LeftOut
from budget.imports.run import CHUNK, Job, Refused, rehearse, run
from budget.imports.understand import Export, read_export

__all__ = [
    "CHUNK",
    "MOST_BAD",
    "QUESTIONS",
    "BadFile",
    "BadLine",
    "BadMapping",
    "BudgetLine",
    "Export",
    "Hints",
    "Job",
    "LeftOut",
    "Mapping",
    "Question",
    "Refused",
    "Report",
    "Unclear",
    "read_budget",
    "read_export",
    "read_mapping",
    "rehearse",
    "run",
    "text_of",
]
