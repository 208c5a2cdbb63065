"""What schemas are made of: types of fields, exact and bounded, and what all schemas share.

First the values (amounts, numbers, dates, texts), then names and slugs, rows of the user, the types
that schemas use, and at the end the schemas of a body and of a query string.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, NoReturn, Self, TypeVar, cast

import pydantic
from annotated_types import GroupedMetadata
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db.models import Model, QuerySet
from django.http import Http404, QueryDict
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainValidator,
    ValidationInfo,
    WithJsonSchema,
    create_model,
)

from budget.judge.periods import MAX_DATE, MIN_DATE
from budget.models import LedgerState, Threshold, TransactionType
from budget.models.money import MAX_AMOUNT
from lib.schema import Schema, sentence
from lib.shapes import MAX_ID
from lib.text import (
    NAME_LENGTH,
    NOT_A_SLUG,
    SLUG,
    SLUG_LENGTH,
    UNSTORABLE,
    fold,
    tidy_name,
    too_long,
)

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

MONEY = re.compile(r"[0-9]{1,12}(\.[0-9]{1,2})?")
DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d)", re.ASCII)
DIGITS = re.compile(r"[0-9]{1,19}")

# The same limits as JSON Schema, for the description of the API.
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


class Validator(GroupedMetadata):
    """A validator with its JSON Schema, as one item of Annotated."""

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
    """What is wrong with one field, found by a validator of several. place: its path from there."""

    def __init__(self, detail: str, *place: str) -> None:
        super().__init__(detail)
        self.place = place


class NoSuchRow(Http404):
    """A body has the id of a row that does not exist or belongs to another user."""

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
    """A whole number, also written 80.0: JSON makes no difference."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    # Checked before it becomes an int: as one, 1e999999 would fill the memory.
    if isinstance(value, Number) and value.adjusted() < 19 and value == int(value):
        return int(value)
    raise ValueError("Must be a whole number.")


def between(low: int, high: int) -> Validator:
    def check(number: int) -> int:
        if not low <= number <= high:
            raise ValueError(f"Must be a whole number from {low} to {high}.")
        return number

    return Validator(AfterValidator(check), type="integer", minimum=low, maximum=high)


def to_date(value: object) -> date:
    """A calendar date, written YYYY-MM-DD."""
    if not isinstance(value, str) or not DATE.fullmatch(value):
        raise ValueError("Must be a date written YYYY-MM-DD.")
    try:
        day = date.fromisoformat(value)
    except ValueError:
        raise ValueError("There is no such date.") from None
    if not MIN_DATE <= day <= MAX_DATE:
        raise ValueError(f"Must be from {MIN_DATE} to {MAX_DATE}.")
    return day


def dates_in_order(date_to: date, info: ValidationInfo) -> date:
    """The validator of a date_to after a date_from; a wrong date_from has its own error."""
    if date_to < (info.data.get("date_from") or date_to):
        raise ValueError("Must not be before date_from.")
    return date_to


def coming(longest: timedelta, words: str) -> Validator:
    """A point in time in the future, or null. longest, words: how far ahead, for the error too."""

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
            raise ValueError(f"Must be in the future, within {words}.")
        return moment

    return Validator(PlainValidator(check), type=["string", "null"], format="date-time")


def some(low: int, high: int, what: str) -> BeforeValidator:
    """The validator of a list's length, which runs before those of its elements.

    what: the elements in words, for the error.
    """
    bounds = f"{low} to {high}" if low else f"at most {high}"

    def check(values: object) -> object:
        if isinstance(values, list) and not low <= len(values) <= high:
            raise ValueError(f"Must have {bounds} {what}.")
        return values

    return BeforeValidator(check)


def text(longest: int, *, shortest: int = 0) -> Validator:
    """A string of some length in NFC, the form that is stored."""

    def check(value: object) -> str:
        if not isinstance(value, str):
            raise ValueError("Must be a string.")
        if too_long(value, longest):
            raise ValueError(f"Must have at most {longest} characters.")
        normal = unicodedata.normalize("NFC", value)
        if len(normal) > longest:
            raise ValueError(f"Must have at most {longest} characters.")
        if len(normal.strip()) < shortest:
            raise ValueError("Must not be blank.")
        return normal

    return Validator(
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
    """A category's name; None for null and blank."""
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


def one_of(values: Collection[str]) -> Validator:
    def check(value: object) -> str:
        if isinstance(value, str) and value in values:
            return str(value)
        raise ValueError(f"Must be one of {', '.join(values)}.")

    return Validator(PlainValidator(check), type="string", enum=list(values))


def nothing_here() -> NoReturn:
    """The same answer whether the row does not exist or belongs to another user."""
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


# How many types of a request are looked for one by one.
FEW = 10


@dataclass
class Lookups:
    """Rows that fields name, all of them the user's; made once for each request.

    ledger: the user's, in the state that the request is answered from.
    """

    user: User
    ledger: LedgerState
    types: dict[str, TransactionType | None] = field(init=False, default_factory=dict)

    def type_named(self, value: str) -> TransactionType | None:
        """The transaction type with a slug, else the one with a name.

        Looked for once, however many transactions of it a request brings.
        """
        if value not in self.types:
            self.types[value] = self.find_type(value)
        return self.types[value]

    def find_type(self, value: str) -> TransactionType | None:
        if len(self.types) < FEW:
            mine = TransactionType.objects
            found = mine.known(self.ledger, "slug", value)
            if found is None and not too_long(value, NAME_LENGTH):
                found = mine.known(self.ledger, "key", fold(value))
            return found
        found = next((row for row in self.all_types if row.slug == value), None)
        if found is None and not too_long(value, NAME_LENGTH):
            key = fold(value)
            found = next((row for row in self.all_types if row.key == key), None)
        return found

    @cached_property
    def all_types(self) -> Sequence[TransactionType]:
        """Read once, where a request names more than a few."""
        return list(TransactionType.objects.filter(user=self.user))


def lookups_of(info: ValidationInfo) -> Lookups:
    """What the schema was read with."""
    return cast(Lookups, info.context)


def user_of(info: ValidationInfo) -> User:
    return lookups_of(info).user


def own_id(value: object, info: ValidationInfo) -> int:
    """The id of the request's user. Raises Http404 for any other."""
    user_id = to_whole(value)
    return user_id if user_id == user_of(info).pk else nothing_here()


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
    mine = Threshold.objects.kept().filter(user=user_of(info))
    found: Threshold = pick_named(mine, id_or_slug(value), info)
    return found


def own_type(value: object, info: ValidationInfo) -> TransactionType:
    """A transaction type that the body names by its slug, or by its name."""
    if not isinstance(value, str):
        raise ValueError("Must be a string.")
    found = lookups_of(info).type_named(value)
    if found is None:
        raise ValueError("There is no such transaction type.")
    return found


Amount = Annotated[
    Decimal,
    PlainValidator(to_money),
    AfterValidator(above_zero),
    WithJsonSchema(money_schema("0.01")),
]
AmountOrZero = Annotated[Decimal, Validator(PlainValidator(to_money), **money_schema("0"))]
Whole = Annotated[int, Validator(PlainValidator(to_whole), type="integer")]
Day = Annotated[date, Validator(PlainValidator(to_date), **DAY_SCHEMA)]
Name = Annotated[str, Validator(PlainValidator(to_name), **NAME_SCHEMA)]
NameOrNone = Annotated[
    str | None,
    Validator(
        PlainValidator(name_or_none),
        type=["string", "null"],
        maxLength=NAME_LENGTH,
        pattern=NO_NUL,
    ),
]
Slug = Annotated[str, Validator(PlainValidator(to_slug), **SLUG_SCHEMA)]
OwnId = Annotated[int, Validator(PlainValidator(own_id), **ID_SCHEMA)]
OwnThreshold = Annotated[Threshold, Validator(PlainValidator(own_threshold), **ID_OR_SLUG_SCHEMA)]
OwnType = Annotated[
    TransactionType,
    Validator(
        PlainValidator(own_type),
        type="string",
        format="transaction-type",
        description="The slug of one of the user's transaction types, or its name.",
    ),
]

OwnIdInQuery = Annotated[int, Validator(PlainValidator(own_id_in_query), **ID_SCHEMA)]
WholeInQuery = Annotated[int, Validator(PlainValidator(to_signed), type="integer")]
NumberInQuery = Annotated[int, Validator(PlainValidator(to_number), type="integer", minimum=0)]
FlagInQuery = Annotated[bool, Validator(PlainValidator(to_flag), type="boolean")]


# Schemas: what a body and a query string have in common

# Characters of a field's name that an error repeats.
LONGEST_NAME = 200


Errors = list[tuple[tuple[int | str, ...], str]]


class Invalid(Exception):
    """What was sent does not fit its schema. errors: every field that is wrong, by its path."""

    def __init__(self, errors: Errors) -> None:
        super().__init__()
        self.errors = errors


class InvalidQuery(Invalid):
    """The query string is wrong."""


class InvalidBody(Invalid):
    """The body is wrong."""


class Query(Schema):
    """A query string. user: optional; the user whose rows these are."""

    user: Annotated[
        OwnIdInQuery | None,
        Field(description="The user whose rows are meant. Only a service names another user."),
    ] = None

    @classmethod
    def unknown(cls, name: str) -> str:
        return "There is no such parameter."

    @classmethod
    def repeatable(cls) -> set[str]:
        """The parameters that may be given more than once: those whose default is ()."""
        return {name for name, info in cls.model_fields.items() if info.default == ()}

    @classmethod
    def read(cls, sent: QueryDict, lookups: Lookups) -> Self:
        """A query string, validated. Raises InvalidQuery with all errors, and Http404."""
        repeatable = cls.repeatable()
        errors: Errors = []
        for name, values in sent.lists():
            if len(values) > 1 and name not in repeatable:
                errors.append(((name,), "Given more than once."))
            elif UNSTORABLE.search("".join([name, *values])):
                errors.append(((name,), "Has a NUL character."))
        if errors:
            raise InvalidQuery(errors)
        fields = {
            name: values if name in repeatable else values[0] for name, values in sent.lists()
        }
        try:
            return cls.model_validate(fields, context=lookups)
        except pydantic.ValidationError as error:
            raise InvalidQuery(wrong_fields(cls, error)) from None


class Body(Schema):
    """A JSON body. user: optional; the user of the request."""

    partial: ClassVar[bool] = False

    user: Annotated[
        OwnId | None,
        Field(description="The user whose row it is. Only a service names another user."),
    ] = None

    @classmethod
    def read(cls, sent: object, lookups: Lookups) -> Self:
        """A JSON body, validated. Raises InvalidBody with all errors, and Http404."""
        try:
            return cls.model_validate(sent, context=lookups)
        except pydantic.ValidationError as error:
            raise InvalidBody(wrong_fields(cls, error)) from None

    def to_store(self) -> dict[str, Any]:
        """The columns to set: of a partial body only what was sent, else all, with defaults."""
        names = self.model_fields_set if self.partial else set(type(self).model_fields)
        return {name: getattr(self, name) for name in names - {"user"}}


B = TypeVar("B", bound=Body)


def example(value: dict[str, Any]) -> ConfigDict:
    """The configuration of a schema whose description shows a body that would do."""
    return ConfigDict(json_schema_extra={"examples": [value]})


def partial(schema: type[B], shown: dict[str, Any]) -> type[B]:
    """The same schema for PATCH: no field is required, and only what was sent counts.

    shown: the example for the description of the API.
    """

    class Partial(schema):  # type: ignore[valid-type, misc]
        partial = True
        model_config = example(shown)

    fields: dict[str, Any] = {
        name: (
            Annotated[
                info.annotation,
                Field(description=info.description, json_schema_extra=info.json_schema_extra),
                *info.metadata,
            ],
            None,
        )
        for name, info in schema.model_fields.items()
    }
    return cast(type[B], create_model(f"Partial{schema.__name__}", __base__=Partial, **fields))


def wrong_fields(schema: type[Schema], error: pydantic.ValidationError) -> Errors:
    """Where each error is and what it says, without the values sent: those may be private."""
    details = error.errors(include_url=False, include_input=False)
    return [(place(detail), sentence(schema, detail)) for detail in details]


def place(error: ErrorDetails) -> tuple[int | str, ...]:
    """Where one of pydantic's errors is, as a path; () is all of what was sent.

    An unknown field of a very long name is placed at its object, so that no answer repeats it.
    """
    said = error.get("ctx", {}).get("error")
    found = (*error["loc"], *(said.place if isinstance(said, Misplaced) else ()))
    return found if len(str(found[-1:])) <= LONGEST_NAME else found[:-1]
