from __future__ import annotations

from typing import Annotated

from pydantic import Field

from api.schemas.base import Body, example, text


class DeletionBody(Body):
    """Says that it is meant: with the account goes everything in it."""

    model_config = example({"confirm": "alice@example.org"})

    confirm: Annotated[
        str, text(254, shortest=1), Field(description="The user's own name or e-mail address.")
    ]
