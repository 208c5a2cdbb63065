"""A database engine for Django's settings: Django's for PostgreSQL, with fewer round trips.

A kept connection is checked only where it may be broken (base.py), and a Prepared statement is
planned once for a connection, not once for a request (prepared.py). Both make no difference to what
is read.
"""

from __future__ import annotations

from typing import Self


class Prepared(str):
    """A statement that comes often enough for PostgreSQL to keep its plan.

    Other databases run it as any other. Its text is made of constants, with %s for each value. A
    value takes the type of what it is compared with, or has a cast where there is nothing.
    """

    __slots__ = ()


class Message(str):
    """Statements of a database transaction that are sent at once; Prepared ones run as such.

    No value is a fraction. After an error that prepared.is_forgotten() names, begin the transaction
    again.
    """

    parts: tuple[str, ...]

    def __new__(cls, *parts: str) -> Self:
        message = super().__new__(cls, ";".join(parts))
        message.parts = parts
        return message
