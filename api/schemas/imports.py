"""What a client says beside a file, and later to answer what was asked about it."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, Field

from api.schemas.base import Body, FlagInQuery, Query, example, one_of, text
from budget.imports import BadMapping
from budget.imports.jobs import ANSWERS
from budget.imports.mapping import mapping_in
from budget.models.imports import NAME_LENGTH

ANSWER_LENGTH = 500
MAPPING_LENGTH = 64 * 1024


def is_mapping(value: str | None) -> str | None:
    """Refuse a text that describes no mapping. Raises ValueError."""
    if value is not None:
        try:
            mapping_in(value)
        except BadMapping as error:
            said = "; ".join(problem.rstrip(".") for problem in error.problems)
            raise ValueError(f"Is not a mapping: {said}.") from None
    return value


Words = Annotated[str, text(ANSWER_LENGTH, shortest=1)]
Mapping = Annotated[
    str, text(MAPPING_LENGTH, shortest=1), Field(json_schema_extra={"format": "import-mapping"})
]
Dates = Annotated[str, one_of(("day-first", "month-first", "year-first"))]
Decimal = Annotated[str, one_of(("point", "comma"))]
Signs = Annotated[str, one_of(("spent-is-negative", "spent-is-positive"))]

DATES = Field(description="Which comes first in a date, where no date of the file tells.")
DECIMAL = Field(description="The decimal mark, where no amount of the file tells.")
YEAR = Field(description="The year of the newest row, where the dates have none.")
SIGNS = Field(description="What a negative amount means, where nothing in the file tells.")
MONEY_IN = Field(description="Which words of the column of directions mean money that comes in.")
ACCOUNTS = Field(
    description="Which accounts of a double-entry journal are the user's, parted by commas."
)
SHEET = Field(description="Which sheet of a workbook is meant.")
CURRENCY = Field(description="Take the rows in this currency and leave out those in others.")
ENCODING = Field(description="The encoding of a table, where the one that was found is wrong.")
READING = Field(
    description="Several of these in one, as they were asked: dates=day-first,decimal=point."
)
ACCOUNT = Field(
    description="The user's own name for the account. Answers are kept for the next file of it; "
    "without it, for the next file with such a name and header."
)
MAPPING = Field(description="How to read the columns: TOML, as docs/imports.md says.")
RESTORE = Field(description="Bring back transactions that were deleted here.")
DRY_RUN = Field(description="true: store nothing, and answer what would be stored.")


class ImportQuery(Query):
    """What is said beside a file: in the query string, or as fields of a multipart body."""

    dry_run: Annotated[FlagInQuery, DRY_RUN] = False
    name: Annotated[
        Annotated[str, text(NAME_LENGTH, shortest=1)] | None,
        Field(description="The file's name; that of a multipart body is known."),
    ] = None
    dates: Annotated[Dates | None, DATES] = None
    year: Annotated[Words | None, YEAR] = None
    decimal: Annotated[Decimal | None, DECIMAL] = None
    signs: Annotated[Signs | None, SIGNS] = None
    money_in: Annotated[Words | None, MONEY_IN] = None
    accounts: Annotated[Words | None, ACCOUNTS] = None
    sheet: Annotated[Words | None, SHEET] = None
    currency: Annotated[Words | None, CURRENCY] = None
    encoding: Annotated[Words | None, ENCODING] = None
    reading: Annotated[Words | None, READING] = None
    account: Annotated[Words | None, ACCOUNT] = None
    mapping: Annotated[Mapping | None, AfterValidator(is_mapping), MAPPING] = None
    restore_deleted: Annotated[FlagInQuery, RESTORE] = False

    def options(self) -> dict[str, Any]:
        """What was said, as an import keeps it."""
        return said(self)


class ImportBody(Body):
    """Answers to what was asked, and whether it is to be stored."""

    partial = True
    model_config = example({"dates": "day-first", "dry_run": False})

    dry_run: Annotated[bool, DRY_RUN] = False
    dates: Annotated[Dates, DATES] = ""
    year: Annotated[Words, YEAR] = ""
    decimal: Annotated[Decimal, DECIMAL] = ""
    signs: Annotated[Signs, SIGNS] = ""
    money_in: Annotated[Words, MONEY_IN] = ""
    accounts: Annotated[Words, ACCOUNTS] = ""
    sheet: Annotated[Words, SHEET] = ""
    currency: Annotated[Words, CURRENCY] = ""
    encoding: Annotated[Words, ENCODING] = ""
    reading: Annotated[Words, READING] = ""
    account: Annotated[Words, ACCOUNT] = ""
    mapping: Annotated[Mapping, AfterValidator(is_mapping), MAPPING] = ""
    restore_deleted: Annotated[bool, RESTORE] = False

    def options(self) -> dict[str, Any]:
        """What was said now, as an import keeps it."""
        return {name: value for name, value in said(self).items() if name in self.model_fields_set}


def said(sent: ImportQuery | ImportBody) -> dict[str, Any]:
    names = (*ANSWERS, "account", "mapping", "restore_deleted")
    return {name: value for name in names if (value := getattr(sent, name))}
