"""What the formats of banks have in common: accounts, movements with a sign, balances to check."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from hashlib import blake2b
from pathlib import Path

from budget.imports.rows import NO_MONEY, BadFile, BadLine, LeftOut, Note, ParsedRow
from budget.imports.values import cut_description, parse_category, storable
from budget.models.deleted_id import EXTERNAL_ID_LENGTH
from lib.text import fold, tidy

# What is read into memory as a whole.
MOST_BYTES = 50 * 1024 * 1024
PENDING = "it is pending: not booked yet"
# Texts that mean: no id.
NO_ID = frozenset(
    {"", "nonref", "notprovided", "not provided", "none", "unknown", "0", "-", "n/a", "null"}
)
# What a card's statement says of a payment of its bill, which is no money back.
BILL_PAID = re.compile(
    r"\b(auto ?pay|payment received|payment[ -]*thank you|thank you for your payment"
    r"|payment from|online payment|mobile payment|bill payment|direct debit payment|e-?payment"
    r"|pymt|directpay|card payment received|balance transfer)\b"
    r"|^(payment|automatic payment|payment/credit|payments? (&|and) credits?)$"
    r"|einzahlung|ausgleich|lastschrifteinzug|prelevement|pago recibido|betaling ontvangen",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Account:
    """An account of a file. key: what tells it from others, such as an IBAN; "" where unknown.

    currency: ISO 4217, "" where unknown. card: whether it is a credit card.
    """

    key: str = ""
    currency: str = ""
    card: bool = False

    @property
    def mark(self) -> str:
        """A hash of its number, so that ids show no number."""
        return blake2b(fold(self.key).encode(), digest_size=4).hexdigest()

    @property
    def name(self) -> str:
        """How a message calls it: the end of its number."""
        return f"the account ending in {self.key[-4:]}" if self.key else "the account"


@dataclass(frozen=True)
class Movement:
    """Money into (+) or out of (-) an account, as a format tells it.

    own_id: the bank's. marks: what else distinguishes it. back: whether it undoes a debit.
    """

    line: int
    account: Account
    date: date
    amount: Decimal
    texts: Sequence[str]
    category: str = ""
    own_id: str = ""
    marks: Sequence[str] = ()
    back: bool = False
    transfer: bool = False
    currency: str = ""

    def row(self) -> ParsedRow | LeftOut | BadLine:
        """The row to store, or why it is left out."""
        if not self.amount:
            return LeftOut(self.line, NO_MONEY)
        description, cut = cut_description(joined(self.texts))
        try:
            category = parse_category(self.category)
            storable(self.date, str(self.date))
        except ValueError as error:
            return BadLine(self.line, str(error))
        said = (self.account.mark, str(self.date), str(self.amount), *map(fold, self.marks))
        return ParsedRow(
            line=self.line,
            date=self.date,
            description=description,
            amount=abs(self.amount),
            type=self.slug(description),
            category=category,
            identity="\n".join((*said, fold(description))),
            external_id=self.external_id,
            cut=cut,
            currency=self.currency or self.account.currency,
        )

    @property
    def external_id(self) -> str | None:
        """The bank's id within the account; None if it is missing or does not fit."""
        if fold(self.own_id) in NO_ID:
            return None
        text = f"{self.account.mark}:{tidy(self.own_id)}"
        return text if len(text) <= EXTERNAL_ID_LENGTH - 10 else None

    def slug(self, description: str) -> str:
        """The type: by the sign. What comes to a card is no income: money back, or its bill."""
        if self.transfer:
            return "transfer"
        if self.amount < 0:
            return "expense"
        if self.account.card:
            return "transfer" if BILL_PAID.search(fold(description)) else "refund"
        return "refund" if self.back else "income"


def joined(texts: Sequence[str]) -> str:
    """Texts in a row, none that another has in it already."""
    kept: list[str] = []
    for text in filter(None, map(tidy, texts)):
        if any(fold(text) in fold(other) for other in kept):
            continue
        kept = [other for other in kept if fold(other) not in fold(text)]
        kept.append(text)
    return ", ".join(kept)


def balance_note(
    account: Account, opening: Decimal, moved: Decimal, closing: Decimal
) -> Note | None:
    """What to say where the balances of a statement do not agree with its movements."""
    if opening + moved == closing:
        return None
    return Note(
        f"{account.name}: {opening} at the beginning and movements of {moved} make "
        f"{opening + moved}, and the statement ends with {closing}; "
        f"{abs(closing - opening - moved)} is missing or too much"
    )


def read_bytes(path: Path) -> bytes:
    """The whole of a file. Raises OSError, and BadFile for one too large to be read at once."""
    if path.stat().st_size > MOST_BYTES:
        raise BadFile([BadLine(1, f"the file has more than {MOST_BYTES // 1024 // 1024} MiB")])
    return path.read_bytes()
