"""The types that fields are made of: exact, bounded, and worded for whoever sends them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, NoReturn, Self, cast

from annotated_types import GroupedMetadata
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db.models import Model, QuerySet
from django.http import Http404
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from pydantic import AfterValidator, PlainValidator, ValidationInfo, WithJsonSchema

from budget.models import Threshold, TransactionType
from budget.models.category import NAME_LENGTH, tidy_name
from budget.models.ledger import MAX_DATE, MIN_DATE
from budget.models.money import MAX_AMOUNT
from budget.models.shapes import MAX_ID
from budget.models.text import NOT_A_SLUG, SLUG, SLUG_LENGTH, fold

MONEY = re.compile(r"[0-9]{1,12}(\.[0-9]{1,2})?")
DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d)", re.ASCII)
DIGITS = re.compile(r"[0-9]{1,19}")

# The same rules as JSON Schema has them, for the description of the API.
NO_NUL = r"^[^\u0000]*$"
# What Python takes for white space; regular expressions of other languages take a little less.
SPACES = r"\u0009-\u000d\u001c-\u0020\u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
NOT_BLANK = rf"^[^\u0000]*[^\u0000{SPACES}][^\u0000]*$"
SLUG_SCHEMA = {
    "type": "string",
    "pattern": rf"^[a-z][a-z0-9_-]{{0,{SLUG_LENGTH - 1}}}$",
    "not": {"enum": sorted(NOT_A_SLUG)},
}
NAME_SCHEMA = {"type": "string", "minLength": 1, "maxLength": NAME_LENGTH, "pattern": NOT_BLANK}
ID_SCHEMA = {"type": "integer", "minimum": 1, "maximum": MAX_ID}
ID_OR_NAME_SCHEMA = {"anyOf": [ID_SCHEMA, NAME_SCHEMA]}
ID_OR_SLUG_SCHEMA = {"anyOf": [ID_SCHEMA, SLUG_SCHEMA]}
DAY_SCHEMA = {
    "type": "string",
    "format": "date",
    "pattern": "^(19|20|21)[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$",
}


class Rule(GroupedMetadata):
    """A check and what the description of the API says of it; stands in Annotated as one."""

    def __init__(self, check: AfterValidator | PlainValidator, **schema: Any) -> None:
        self.check = check
        self.schema = schema

    def __iter__(self) -> Iterator[object]:
        return iter((self.check, WithJsonSchema(self.schema)))


def money_schema(least: str) -> dict[str, Any]:
    """An amount as a string, or as a number of no more than two decimals."""
    some = "" if Decimal(least) == 0 else r"(?!0+(\.0+)?$)"
    literal = {"type": "string", "pattern": rf"^{some}{MONEY.pattern}$"}
    bounds = {"minimum": float(least), "maximum": float(MAX_AMOUNT)}
    return {"anyOf": [literal, {"type": "number", "multipleOf": 0.01, **bounds}]}


class Misplaced(ValueError):
    """What is wrong with one field, found by a check of several. place: its path from there."""

    def __init__(self, detail: str, *place: str) -> None:
        super().__init__(detail)
        self.place = place


class NoSuchRow(Http404):
    """A field of a body has the id of a row that is not there, or is somebody else's."""

    def __init__(self, field: str) -> None:
        super().__init__()
        self.field = field


class Number(Decimal):
    """A JSON number with a point or an exponent, exact, with the characters that were sent."""

    literal: str

    def __new__(cls, literal: str) -> Self:
        number = super().__new__(cls, literal)
        number.literal = literal
        return number


def to_money(value: object) -> Decimal:
    """An exact amount from the characters of a JSON string or number, with two places.

    Never by way of a float, and 10.10 stays 10.10. At most 12 digits before the point, 2 after.
    """
    if isinstance(value, Number):
        literal = value.literal
    elif isinstance(value, (str, int)) and not isinstance(value, bool):
        literal = str(value)
    else:
        raise ValueError('Must be an amount such as "12.50".')
    if literal.startswith("-") and MONEY.fullmatch(literal[1:]):
        raise ValueError("Must not be negative.")
    if not MONEY.fullmatch(literal):
        raise ValueError(
            'Must be an amount such as "12.50": '
            "at most 12 digits, then at most 2 after a point, and nothing else."
        )
    return Decimal(literal).quantize(Decimal("0.01"))


def above_zero(amount: Decimal) -> Decimal:
    if not amount:
        raise ValueError("Must be more than 0.")
    return amount


def to_whole(value: object) -> int:
    """A whole number; 80.0 is one, too, as JSON knows no difference."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    # Looked at before it becomes an int, which 1e999999 would fill the memory with.
    if isinstance(value, Number) and value.adjusted() < 19 and value == int(value):
        return int(value)
    raise ValueError("Must be a whole number.")


def between(low: int, high: int) -> Rule:
    def check(number: int) -> int:
        if not low <= number <= high:
            raise ValueError(f"Must be a whole number from {low} to {high}.")
        return number

    return Rule(AfterValidator(check), type="integer", minimum=low, maximum=high)


def to_date(value: object) -> date:
    """A calendar date, written YYYY-MM-DD."""
    if not isinstance(value, str) or not DATE.fullmatch(value):
        raise ValueError("Must be a date written YYYY-MM-DD.")
    try:
        day = date.fromisoformat(value)
    except ValueError:
        raise ValueError("There is no such date.") from None
    if not MIN_DATE <= day <= MAX_DATE:
        raise ValueError(f"Must lie between {MIN_DATE} and {MAX_DATE}.")
    return day


def dates_in_order(date_to: date, info: ValidationInfo) -> date:
    """The check of a date_to that stands after a date_from; a wrong one is refused as it is."""
    if date_to < (info.data.get("date_from") or date_to):
        raise ValueError("Must not lie before date_from.")
    return date_to


def coming(longest: timedelta, words: str) -> Rule:
    """A point in time that is still to come, at most so far ahead, in words too; null for none."""

    def check(value: object) -> datetime | None:
        if value is None:
            return None
        if not isinstance(value, str) or not INSTANT.fullmatch(value):
            raise ValueError("Must be a time with its zone, such as 2030-01-31T12:00:00Z.")
        try:
            moment = parse_datetime(value)
        except ValueError:
            moment = None
        if moment is None:
            raise ValueError("There is no such time.")
        if not timezone.now() < moment <= timezone.now() + longest:
            raise ValueError(f"Must lie in the future, within {words}.")
        return moment

    return Rule(PlainValidator(check), type=["string", "null"], format="date-time")


def text(longest: int, *, shortest: int = 0) -> Rule:
    """A string whose NFC form, which is what is stored, has so many characters."""

    def check(value: object) -> str:
        if not isinstance(value, str):
            raise ValueError("Must be a string.")
        normal = unicodedata.normalize("NFC", value)
        if len(normal) > longest:
            raise ValueError(f"Must have at most {longest} characters.")
        if len(normal.strip()) < shortest:
            raise ValueError("Must not be blank.")
        return normal

    return Rule(
        PlainValidator(check),
        type="string",
        minLength=shortest,
        maxLength=longest,
        pattern=NOT_BLANK if shortest else NO_NUL,
    )


def to_name(value: object) -> str:
    """The name of a threshold, category or type, as it is shown."""
    if not isinstance(value, str):
        raise ValueError("Must be a string.")
    try:
        return tidy_name(value, "row")[0]
    except ValidationError as error:
        raise ValueError("Must not be blank." if not value.strip() else error.messages[0]) from None


def name_or_none(value: object) -> str | None:
    """A category's name; null and blank say that there is none."""
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    return to_name(value)


def to_slug(value: object) -> str:
    if not isinstance(value, str) or len(value) > SLUG_LENGTH or not SLUG.fullmatch(value):
        raise ValueError(
            f"Must be 1 to {SLUG_LENGTH} of a-z, 0-9, _ and -, and start with a letter."
        )
    if value in NOT_A_SLUG:
        raise ValueError(f"{value} is reserved.")
    return value


def one_of(values: Collection[str]) -> Rule:
    def check(value: object) -> str:
        if isinstance(value, str) and value in values:
            return str(value)
        raise ValueError(f"Must be one of {', '.join(values)}.")

    return Rule(PlainValidator(check), type="string", enum=list(values))


def nothing_here() -> NoReturn:
    """Say nothing on whether a row of somebody else's has this id."""
    raise Http404


def pick(rows: QuerySet[Any], key: int | str) -> Any:
    """The one row that an id or a slug names. Raises Http404."""
    if isinstance(key, int):
        found = rows.filter(pk=key).first()
    else:
        found = rows.filter(slug=key).first() if SLUG.fullmatch(key) else None
    return found if isinstance(found, Model) else nothing_here()


def pick_named(rows: QuerySet[Any], key: int | str, info: ValidationInfo) -> Any:
    """The one row that a field of a body names. Raises NoSuchRow."""
    try:
        return pick(rows, key)
    except Http404:
        raise NoSuchRow(info.field_name or "") from None


def asker(info: ValidationInfo) -> User:
    """The user whose request is validated."""
    return cast(User, info.context)


def own_id(value: object, info: ValidationInfo) -> int:
    """The asking user's id, and nobody else's."""
    user_id = to_whole(value)
    return user_id if user_id == asker(info).pk else nothing_here()


def own_id_in_query(value: str, info: ValidationInfo) -> int:
    return own_id(to_number(value), info)


def to_signed(value: str) -> int:
    """Digits as a query string has them, with or without a minus."""
    if not DIGITS.fullmatch(value.removeprefix("-")):
        raise ValueError("Must be a whole number.")
    return int(value)


def to_number(value: str) -> int:
    """Digits as a query string has them."""
    number = to_signed(value)
    if value.startswith("-"):
        raise ValueError("Must be 0 or more.")
    return number


def to_flag(value: str) -> bool:
    if value not in ("true", "false"):
        raise ValueError("Must be true or false.")
    return value == "true"


def id_or_slug(value: object) -> int | str:
    if isinstance(value, str):
        return value
    return to_whole(value)


def own_threshold(value: object, info: ValidationInfo) -> Threshold:
    """A threshold that the body names by id or slug."""
    mine = Threshold.objects.kept().filter(user=asker(info))
    found: Threshold = pick_named(mine, id_or_slug(value), info)
    return found


def own_types(user: User) -> list[TransactionType]:
    """The user's types, read once a request, however many rows it brings."""
    types: list[TransactionType] = user.__dict__.setdefault("own_types", [])
    if not types:
        types.extend(TransactionType.objects.filter(user=user))
    return types


def own_type(value: object, info: ValidationInfo) -> TransactionType:
    """A transaction type that the body names by its slug, or by its name."""
    if not isinstance(value, str):
        raise ValueError("Must be a string.")
    types = own_types(asker(info))
    found = next((row for row in types if row.slug == value), None)
    if found is None:
        key = fold(value)
        found = next((row for row in types if row.key == key), None)
    if found is None:
        raise ValueError("There is no such transaction type.")
    return found


Amount = Annotated[
    Decimal,
    PlainValidator(to_money),
    AfterValidator(above_zero),
    WithJsonSchema(money_schema("0.01")),
]
AmountOrZero = Annotated[Decimal, Rule(PlainValidator(to_money), **money_schema("0"))]
Whole = Annotated[int, Rule(PlainValidator(to_whole), type="integer")]
Day = Annotated[date, Rule(PlainValidator(to_date), **DAY_SCHEMA)]
Name = Annotated[str, Rule(PlainValidator(to_name), **NAME_SCHEMA)]
NameOrNone = Annotated[
    str | None,
    Rule(
        PlainValidator(name_or_none),
        type=["string", "null"],
        maxLength=NAME_LENGTH,
        pattern=NO_NUL,
    ),
]
Slug = Annotated[str, Rule(PlainValidator(to_slug), **SLUG_SCHEMA)]
OwnId = Annotated[int, Rule(PlainValidator(own_id), **ID_SCHEMA)]
OwnThreshold = Annotated[Threshold, Rule(PlainValidator(own_threshold), **ID_OR_SLUG_SCHEMA)]
OwnType = Annotated[
    TransactionType,
    Rule(
        PlainValidator(own_type),
        type="string",
        format="transaction-type",
        description="The slug of one of the user's transaction types, or its name.",
    ),
]

OwnIdInQuery = Annotated[int, Rule(PlainValidator(own_id_in_query), **ID_SCHEMA)]
WholeInQuery = Annotated[int, Rule(PlainValidator(to_signed), type="integer")]
NumberInQuery = Annotated[int, Rule(PlainValidator(to_number), type="integer", minimum=0)]
FlagInQuery = Annotated[bool, Rule(PlainValidator(to_flag), type="boolean")]
