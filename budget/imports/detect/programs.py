"""What is known of programs and banks whose exports do not say all by themselves.

A program is known by its columns. What is said here of it comes before what detection would find.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from budget.imports.detect.table import Table
from budget.imports.detect.words import plain


@dataclass(frozen=True)
class Known:
    """What is known of one program's export.

    has: the columns by which it is recognised. roles: what some columns are. signs: bank where
    what is spent is negative. transfers, left_out: rules, as the column and the words that a cell
    begins with. american: time zones in which dates begin with the month. dates: the order of the
    parts of a date, where a file leaves it open.
    """

    title: str
    has: Sequence[str]
    roles: dict[str, str] = field(default_factory=dict)
    signs: str = "bank"
    minor_units: bool = False
    transfers: dict[str, Sequence[str]] = field(default_factory=dict)
    left_out: dict[str, Sequence[str]] = field(default_factory=dict)
    american: Sequence[str] = ()
    dates: str = ""


PROGRAMS: Sequence[Known] = (
    Known(
        "Monzo export",
        ("id", "created", "amount", "currency", "local_amount", "local_currency"),
        roles={"local_amount": "foreign", "local_currency": "foreign", "address": "other"},
        minor_units=True,
    ),
    Known(
        "Monzo export",
        ("transaction id", "date", "time", "type", "name", "emoji", "category", "amount"),
        roles={"type": "other", "money out": "other", "money in": "other", "time": "time"},
        dates="day-first",
        transfers={"type": ("pot transfer",)},
    ),
    Known(
        "N26 export",
        ("booking date", "value date", "partner name", "partner iban", "amount eur"),
        roles={"type": "other"},
    ),
    Known(
        "N26 export",
        ("date", "payee", "account number", "transaction type", "payment reference", "amount eur"),
        roles={"transaction type": "other", "account number": "other"},
    ),
    Known(
        "PayPal activity",
        ("date", "time zone", "name", "type", "status", "currency", "gross", "fee", "net"),
        roles={"gross": "foreign", "net": "amount", "fee": "foreign", "type": "other",
               "item title": "text", "transaction id": "id", "time zone": "other"},
        transfers={"type": ("charge from debit card", "charge from credit card",
                            "bank deposit to pp account", "general card deposit",
                            "general withdrawal", "user initiated withdrawal",
                            "withdraw funds", "add funds", "transfer to bank",
                            "transfer from bank")},
        left_out={"type": ("general authorization", "authorization", "account hold",
                           "reversal of general account hold", "void of authorization"),
                  "balance impact": ("memo",)},
        american=("PDT", "PST", "EDT", "EST", "CDT", "CST", "MDT", "MST"),
    ),
    Known(
        "Revolut export",
        ("type", "started date", "completed date", "description", "amount", "fee", "currency",
         "state"),
        roles={"started date": "time", "completed date": "day", "type": "account"},
        transfers={"type": ("topup", "exchange")},
    ),
    Known(
        "Venmo statement",
        ("id", "datetime", "type", "status", "note", "from", "to", "amount (total)"),
        roles={"type": "other", "from": "who", "to": "who", "note": "text",
               "funding source": "other", "destination": "other"},
        transfers={"type": ("standard transfer", "instant transfer", "add funds")},
    ),
    Known(
        "Wise statement",
        ("transferwise id", "date", "amount", "currency", "description"),
        roles={"total fees": "foreign", "exchange rate": "foreign", "exchange from": "other",
               "exchange to": "other", "payer name": "other", "payee name": "other",
               "payee account number": "other", "transaction type": "other",
               "merchant": "other"},
        dates="day-first",
    ),
    Known(
        "YNAB register",
        ("account", "flag", "payee", "outflow", "inflow"),
        roles={"category group category": "other", "category group": "other",
               "category": "category", "cleared": "other", "flag": "other"},
        transfers={"payee": ("transfer :", "transfer:")},
        left_out={"payee": ("starting balance",)},
    ),
    Known(
        "Firefly III export",
        ("journal_id", "type", "amount", "source_name", "destination_name", "description"),
        roles={"journal_id": "id", "type": "side", "source_name": "account",
               "destination_name": "account", "created_at": "other", "updated_at": "other",
               "foreign_amount": "foreign", "foreign_currency_code": "foreign",
               "currency_code": "currency", "user_id": "other", "group_id": "other",
               "budget": "other", "bill": "other", "notes": "note", "group_title": "other",
               "interest_date": "other", "book_date": "other", "process_date": "other",
               "due_date": "other", "payment_date": "other", "invoice_date": "other"},
        left_out={"type": ("opening balance", "reconciliation", "liability credit")},
    ),
    Known(
        "Actual export",
        ("account", "date", "payee", "notes", "category", "amount", "cleared"),
        roles={"notes": "text", "split_amount": "foreign", "category_group": "other"},
    ),
    Known(
        "GnuCash export",
        ("date", "account name", "description", "type", "action", "reconcile", "to num",
         "from num"),
        roles={"type": "other", "to num": "", "from num": "", "to with sym": "other",
               "from with sym": "other", "to rate price": "other", "from rate price": "other",
               "action": "other"},
        left_out={"type": ("s",)},
    ),
    Known(
        "Monarch export",
        ("date", "merchant", "category", "account", "original statement", "amount"),
        roles={"original statement": "reference", "notes": "note"},
        transfers={"category": ("transfer", "credit card payment")},
    ),
)  # fmt: skip


def find_program(table: Table) -> Known | None:
    """The program that has all its columns in a table."""
    headers = {plain(column.header) for column in table.columns}
    found = [known for known in PROGRAMS if {plain(name) for name in known.has} <= headers]
    return max(found, key=lambda known: len(known.has), default=None)


def teach(table: Table, known: Known) -> None:
    """Give the columns of a table the roles that they have in a program's export."""
    roles = {plain(name): role for name, role in known.roles.items()}
    for column in table.columns:
        if plain(column.header) in roles:
            column.role, column.sure = roles[plain(column.header)], 4
