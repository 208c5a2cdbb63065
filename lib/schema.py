"""Input with named fields, typed strictly, and its errors in plain words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails


class Schema(BaseModel):
    """Input with every field named, typed strictly and bounded; anything else is refused."""

    model_config = ConfigDict(
        extra="forbid", strict=True, frozen=True, arbitrary_types_allowed=True
    )

    @classmethod
    def unknown(cls, name: str) -> str:
        """The error of an unknown field."""
        return "There is no such field."

    @property
    def chosen(self) -> set[str]:
        """The fields that were sent with another value than their default.

        Generated clients send every default, so sending a default is the same as leaving it out.
        """
        fields = type(self).model_fields
        return {
            name
            for name in self.model_fields_set
            if getattr(self, name) != fields[name].get_default(call_default_factory=True)
        }


SENTENCES = {
    "missing": "This field is required.",
    "string_type": "Must be a string.",
    "string_too_short": "Must not be empty.",
    "bool_type": "Must be true or false.",
    "list_type": "Must be a list.",
    "model_type": "Must be an object.",
}


def sentence(schema: type[Schema], error: ErrorDetails) -> str:
    """One of pydantic's errors in plain words, and never in its own."""
    match error["type"]:
        case "extra_forbidden":
            return schema.unknown(str(error["loc"][-1]))
        case "value_error":
            return str(error["ctx"]["error"])
        case "literal_error":
            return f"Must be {error['ctx']['expected']}."
        case "greater_than_equal":
            return f"Must be {error['ctx']['ge']} or more."
    return SENTENCES.get(error["type"], "Is not right.")
