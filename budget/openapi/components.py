"""JSON Schemas of what is sent and answered, each under a name of its own."""

from __future__ import annotations

import copy
from typing import Any, get_args, get_origin

from pydantic import TypeAdapter

from budget.http.shapes import FlippedDict, PageDict
from budget.schemas import Body

Json = dict[str, Any]
REF = "#/components/schemas/"
NO_FLIPS: Json = {"opened": [], "resolved": []}


class Components:
    """Collects schemas while a document is made, and refers to them."""

    def __init__(self) -> None:
        self.schemas: dict[str, Json] = {}

    def add(self, name: str, schema: Json) -> Json:
        """Keep a schema and those it refers to; a reference to it."""
        for inner, found in schema.pop("$defs", {}).items():
            self.schemas[public_name(inner)] = tidied(found)
        self.schemas[name] = tidied(schema)
        return {"$ref": REF + name}

    def sent(self, body: type[Body]) -> Json:
        """What a body has to be."""
        schema = body.model_json_schema(ref_template=REF + "{model}")
        if body.partial:
            schema.pop("required", None)
            for field in schema["properties"].values():
                field.pop("default", None)
        return self.add(body.__name__, schema)

    def answered(self, answer: Any, *, write: bool) -> Json:
        """What an answer is; a write's says which alerts it has opened and resolved."""
        name = name_of(answer)
        if not write:
            return self.add(name, schema_of(answer))
        schema = schema_of(answer)
        schema["properties"]["alerts"] = self.add("Flipped", schema_of(FlippedDict))
        schema["required"].append("alerts")
        for example in schema.get("examples", ()):
            example["alerts"] = NO_FLIPS
        return self.add(f"{name}Written", schema)

    def example(self, reference: Json) -> Any:
        """The example of a schema that has been added."""
        return self.schemas[reference["$ref"].removeprefix(REF)]["examples"][0]


def schema_of(answer: Any) -> Json:
    """The JSON Schema of a TypedDict, with an example if it is one page of a list."""
    schema = TypeAdapter(answer).json_schema(mode="serialization", ref_template=REF + "{model}")
    schema = copy.deepcopy(schema)
    if get_origin(answer) is PageDict:
        items = schema_of(get_args(answer)[0])["examples"]
        schema["examples"] = [{"items": items, "next": None, "previous": None}]
    return schema


def name_of(answer: Any) -> str:
    """TransactionDict is told of as Transaction, PageDict[TransactionDict] as TransactionPage."""
    if get_origin(answer) is PageDict:
        return f"{name_of(get_args(answer)[0])}Page"
    return public_name(answer.__name__)


def public_name(name: str) -> str:
    return name.removesuffix("Dict").removeprefix("Described")


def tidied(node: Any) -> Any:
    """Without the titles that only repeat names, and with references to public names."""
    if isinstance(node, list):
        return [tidied(value) for value in node]
    if not isinstance(node, dict):
        return node
    return {
        name: REF + public_name(value.removeprefix(REF)) if name == "$ref" else tidied(value)
        for name, value in node.items()
        if not (name == "title" and isinstance(value, str))
    }
