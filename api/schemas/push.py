"""What a browser sends of its subscription to web push."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Annotated, Any

from pydantic import AfterValidator, Field, PlainValidator

from api.schemas.base import Body, Validator, example, text
from api.schemas.endpoint import outside
from lib.outside import URL_LENGTH
from lib.schema import Schema
from lib.web_push import AUTH, POINT, bytes_of, point_of, text_of

SUBSCRIPTION = {
    "endpoint": "https://push.example.com/send/dGhlIGJyb3dzZXI",
    "expirationTime": None,
    "keys": {
        "p256dh": "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcx"
        "aOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
        "auth": "BTBZMqHH6r4Tts7J_aSIgg",
    },
}


def base64url(size: int, check: Callable[[str], object], what: str) -> Validator:
    """Bytes as browsers write them. check: raises ValueError where they are not what it takes."""

    def read(value: object) -> str:
        if not isinstance(value, str):
            raise ValueError("Must be a string.")
        try:
            check(value)
            raw = bytes_of(value)
        except ValueError:
            raise ValueError(f"Must be {what} in base64url.") from None
        if len(raw) != size:
            raise ValueError(f"Must be {what} in base64url.")
        # One way to write it, so that the same browser is the same row.
        return text_of(raw)

    length = len(text_of(bytes(size)))
    return Validator(
        PlainValidator(read),
        type="string",
        minLength=length,
        maxLength=length + 2,
        pattern="^[A-Za-z0-9_-]+=*$",
    )


def to_time(value: object) -> None:
    """When the browser expects an end: not kept, because its push service tells of the end."""
    number = isinstance(value, (int, Decimal)) and not isinstance(value, bool)
    if value is not None and not number:
        raise ValueError("Must be a number of milliseconds, or null.")


class PushKeys(Schema):
    """With what messages are sealed, so that the push service cannot read them."""

    p256dh: Annotated[
        str,
        base64url(POINT, point_of, "an uncompressed point of P-256"),
        Field(description="The browser's public key."),
    ]
    auth: Annotated[
        str,
        base64url(AUTH, bytes_of, f"{AUTH} bytes"),
        Field(description="The browser's secret."),
    ]


class PushBody(Body):
    """What `PushSubscription.toJSON()` of a browser gives."""

    model_config = example(SUBSCRIPTION)

    endpoint: Annotated[
        str,
        text(URL_LENGTH, shortest=1),
        AfterValidator(outside),
        Field(
            description="The URL of its push service: https, on the public network.",
            json_schema_extra={"format": "uri", "pattern": "^https://"},
        ),
    ]
    expirationTime: Annotated[
        Any,
        Validator(PlainValidator(to_time), type=["number", "null"]),
        Field(description="Not kept: the push service tells when it is over."),
    ] = None
    keys: PushKeys
