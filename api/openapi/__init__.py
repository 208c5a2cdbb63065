"""The API's own description, made from the declarations that validate requests."""

from __future__ import annotations

from api.openapi.document import Specification, describe

__all__ = ["Specification", "describe"]
