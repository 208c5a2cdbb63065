"""Entity tags: "row.ledger.as_of", so that a client knows what it has and what it changes.

The row part is the row itself; the rest is the state of the user's ledger that the totals beside
it are true for. If-None-Match compares all of it, If-Match the row part alone.
"""

from __future__ import annotations

import hashlib
import json
import re

from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import Model
from django.http import HttpRequest

from budget.http.problems import ApiError, Problem
from budget.models import LedgerState

# An ETag as this API makes it, W/ allowed: proxies weaken the tags of what they compress.
TAG = re.compile(r'(?:W/)?"([^".]*)\.(\d+)\.(\d{4}-\d\d-\d\d)"')
LIST = "list"


def digest(value: object) -> str:
    text = json.dumps(value, cls=DjangoJSONEncoder, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def row_part(row: Model | None) -> str:
    """A digest of the stored columns; lists and computed answers have none of their own."""
    if row is None:
        return LIST
    return digest(
        {field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields}
    )


def tag_of(part: str, ledger: LedgerState) -> str:
    """The ETag of an answer whose own part this is, as of a state of the ledger."""
    return f'"{part}.{ledger.version}.{ledger.as_of.isoformat()}"'


def matches(request: HttpRequest, tag: str) -> bool:
    """Whether If-None-Match has this very tag."""
    header = request.headers.get("If-None-Match", "")
    return tag in {found[0].removeprefix("W/") for found in TAG.finditer(header)}


def still_good(request: HttpRequest, ledger: LedgerState) -> str | None:
    """The tag in If-None-Match that is of this very state; None where there is none.

    Nothing of the user's has been committed since then and the day is the same, so the answer to
    the same address is the same too, and need not be made to be compared.
    """
    for found in TAG.finditer(request.headers.get("If-None-Match", "")):
        if found[2] == str(ledger.version) and found[3] == ledger.as_of.isoformat():
            return found[0].removeprefix("W/")
    return None


def check_match(request: HttpRequest, row: Model) -> None:
    """Refuse a write to a row that is no longer the one the client saw. Raises ApiError 412."""
    header = request.headers.get("If-Match")
    if header is None or header.strip() == "*":
        return
    if row_part(row) not in {found[1] for found in TAG.finditer(header)}:
        raise ApiError(
            Problem.PRECONDITION, "The row has changed since you read it; read it again."
        )
