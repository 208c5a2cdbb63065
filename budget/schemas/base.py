"""What every schema has in common, and how its errors are worded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, TypeVar, cast

from pydantic import BaseModel, ConfigDict, Field, create_model

from budget.schemas.fields import Misplaced, OwnId, OwnIdInQuery

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails


class Schema(BaseModel):
    """Input with every field named, typed strictly and bounded; anything else is refused.

    Validated with the asking user as context, so that a field which names a row gives that row.
    """

    model_config = ConfigDict(
        extra="forbid", strict=True, frozen=True, arbitrary_types_allowed=True
    )

    @classmethod
    def unknown(cls, name: str) -> str:
        """What to say of a field that there is not."""
        return "There is no such field."


class Query(Schema):
    """A query string. user: may be said, and is the user whose rows these are."""

    user: Annotated[
        OwnIdInQuery | None,
        Field(
            description="The user whose rows are meant. Only a service names another than itself."
        ),
    ] = None

    @classmethod
    def unknown(cls, name: str) -> str:
        return "There is no such parameter."

    @classmethod
    def repeatable(cls) -> set[str]:
        """The parameters that may be given more than once: those whose default is ()."""
        return {name for name, info in cls.model_fields.items() if info.default == ()}


class Body(Schema):
    """A JSON body. user: may be said, and is the asking user."""

    partial: ClassVar[bool] = False

    user: Annotated[
        OwnId | None,
        Field(description="The user whose row it is. Only a service names another than itself."),
    ] = None

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


def place(error: ErrorDetails) -> tuple[int | str, ...]:
    """Where one of pydantic's errors is, as a path; () is all of what was sent."""
    said = error.get("ctx", {}).get("error")
    return (*error["loc"], *(said.place if isinstance(said, Misplaced) else ()))
