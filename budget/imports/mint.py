"""The CSV export of Mint (mint.intuit.com).

Dates are month/day/year, amounts bear no sign: the transaction type says which way money went, and
the category whether what came in is income or money back. The full export has nine columns; those
that a user may have taken out are optional here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from zoneinfo import ZoneInfo

from budget.imports.csv_table import (
    Cells,
    Layout,
    Record,
    open_text,
    read_table,
)
from budget.imports.rows import NO_MONEY, BadLine, Item, LeftOut, ParsedRow
from budget.imports.values import (
    cut_description,
    parse_amount,
    parse_category,
    parse_us_date,
    shown,
)
from lib.text import fold, fold_once, tidy

NAME = "mint"
TITLE = "Mint export"
LAYOUT = Layout(
    required=(
        "Date",
        "Description",
        "Amount",
        "Transaction Type",
        "Category",
        "Account Name",
    ),
    optional=("Original Description", "Labels", "Notes"),
    advice="it looks like a Mint export; another file is read by --mapping FILE (docs/imports.md)",
)
SIDES = frozenset({"debit", "credit"})
# Both sides of a movement between own accounts are in the export, and neither is spending; what is
# hidden from budgets counts nowhere in Mint.
UNCOUNTED = frozenset(
    {
        "transfer",
        "credit card payment",
        "transfer for cash spending",
        "hide from budgets & trends",
    }
)
# Mint's own categories of spending: what comes back in one of them is a refund. What comes in under
# another name, a user's own ones included, is income.
SPENDING = frozenset(
    fold(name)
    for names in (
        "Auto & Transport|Auto Insurance|Auto Payment|Gas & Fuel|Parking|Public Transportation",
        "Ride Share|Service & Parts|Bills & Utilities|Home Phone|Internet|Mobile Phone|Television",
        "Utilities|Business Services|Advertising|Legal|Office Supplies|Printing|Shipping",
        "Education|Books & Supplies|Tuition|Entertainment|Amusement|Arts",
        "Movies & DVDs|Music|Newspapers & Magazines|Fees & Charges|ATM Fee|Bank Fee",
        "Finance Charge|Late Fee|Service Fee|Trade Commissions|Financial Advisor",
        "Life Insurance|Food & Dining|Alcohol & Bars|Coffee Shops|Fast Food|Food Delivery",
        "Groceries|Restaurants|Charity|Health & Fitness|Dentist|Doctor",
        "Eyecare|Gym|Health Insurance|Pharmacy|Sports|Home|Furnishings|Home Improvement",
        "Home Insurance|Home Services|Home Supplies|Lawn & Garden|Mortgage & Rent|Kids",
        "Baby Supplies|Babysitter & Daycare|Kids Activities|Toys|Loan Fees and Charges",
        "Loan Insurance|Loan Interest|Loan Payment|Misc Expenses|Personal Care|Hair|Haircut",
        "Laundry|Spa & Massage|Pets|Pet Food & Supplies|Pet Grooming|Veterinary|Shopping|Books",
        "Clothing|Electronics & Software|Hobbies|Sporting Goods|Taxes|Federal Tax",
        "State Tax|Local Tax|Property Tax|Sales Tax",
        "Travel|Air Travel|Hotel|Rental Car & Taxi|Vacation|Returned Purchase",
    )
    for name in names.split("|")
)


def recognises(header: Record) -> bool:
    """Whether the file looks like such an export, though its columns may not be all right."""
    return LAYOUT.recognises(header[1])


def read(path: Path, zone: ZoneInfo) -> Iterator[Item]:
    """What each line of an export says, in the order of the file. Raises BadFile for its header.

    Mint writes days without a time, so the zone decides nothing.
    """
    # Some programs write a minus before each credit, which then says nothing more.
    signs: set[bool] = set()
    with open_text(path) as text:
        for record in read_table(text, LAYOUT):
            if isinstance(record, BadLine):
                yield record
                continue
            line, cells = record
            amount = cells["Amount"]
            if fold_once(cells["Transaction Type"]) == "credit" and not amount.startswith("0"):
                signs.add(amount.startswith("-"))
                if len(signs) == 1:
                    cells["Amount"] = amount.removeprefix("-")
            yield read_row(line, cells)


def read_row(line: int, cells: Cells) -> ParsedRow | BadLine | LeftOut:
    """One line; every problem that it has is named at once."""
    try:
        day = parse_us_date(cells["Date"])
        amount = parse_amount(cells["Amount"])
        side = read_side(cells["Transaction Type"])
        category = parse_category(cells["Category"])
    except ValueError:
        return what_is_wrong(line, cells)
    if not amount:
        return LeftOut(line, NO_MONEY)
    description, cut = cut_description(cells["Description"])
    # What the bank wrote stays when a user renames the payee in Mint.
    text = cells.get("Original Description") or tidy(cells["Description"])
    return ParsedRow(
        line,
        day,
        description,
        amount,
        type_of(category, side),
        category,
        f"{day}\n{amount}\n{side}\n{fold_once(cells['Account Name'])}\n{fold(text)}",
        cut=cut,
    )


def what_is_wrong(line: int, cells: Cells) -> BadLine | LeftOut:
    """A line that cannot be read; nothing need be right of one that moves no money."""
    readers: dict[str, Callable[[str], object]] = {
        "Date": parse_us_date,
        "Amount": parse_amount,
        "Transaction Type": read_side,
        "Category": parse_category,
    }
    problems = []
    for column, read_value in readers.items():
        try:
            found = read_value(cells[column])
        except ValueError as error:
            problems.append(str(error))
        else:
            if column == "Amount" and not found:
                return LeftOut(line, NO_MONEY)
    return BadLine(line, "; ".join(problems))


@lru_cache(maxsize=4096)
def type_of(category: str, side: str) -> str:
    """The transaction type of a row by its category and its side."""
    key = fold(category)
    if key in UNCOUNTED:
        return "transfer"
    if side == "debit":
        return "expense"
    return "refund" if key in SPENDING else "income"


@lru_cache(maxsize=64)
def read_side(text: str) -> str:
    """debit or credit. Raises ValueError."""
    if (side := fold(text)) not in SIDES:
        raise ValueError(f"transaction type {shown(text)} is neither debit nor credit")
    return side
