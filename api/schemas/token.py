"""What a client sends to create a token."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated

from pydantic import Field

from accounts.models import Scope
from api.schemas.base import Body, Name, coming, example, one_of

Expiry = Annotated[datetime | None, coming(timedelta(days=3660), "ten years")]


class TokenBody(Body):
    """A token to make."""

    model_config = example({"name": "Shortcut on my phone", "scope": "write", "expires_at": None})

    name: Annotated[Name, Field(description="What the token is for.")]
    scope: Annotated[
        str,
        one_of((Scope.READ.value, Scope.WRITE.value)),
        Field(description="read: only GET. write: every method."),
    ]
    expires_at: Annotated[
        Expiry, Field(description="When it ends, at most ten years from now; null for never.")
    ] = None
