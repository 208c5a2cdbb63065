"""Named JSON Schemas of what is sent and answered."""

from __future__ import annotations

import copy
from types import UnionType
from typing import Any, Union, get_args, get_origin

from pydantic import TypeAdapter

from api.schemas import Body
from budget.answers.shapes import FlippedDict

Json = dict[str, Any]
REF = "#/components/schemas/"
NO_FLIPS: Json = {"opened": [], "resolved": []}


class Components:
    """Collects the schemas of a document and refers to them."""

    def __init__(self) -> None:
        self.schemas: dict[str, Json] = {}

    def add(self, name: str, schema: Json) -> Json:
        """Add a schema and those it refers to; gives a reference to it."""
        for inner, found in schema.pop("$defs", {}).items():
            self.schemas[public_name(inner)] = tidied(found)
        self.schemas[name] = tidied(schema)
        return {"$ref": REF + name}

    def sent(self, body: type[Body]) -> Json:
        """The schema of a body."""
        schema = body.model_json_schema(ref_template=REF + "{model}")
        if body.partial:
            schema.pop("required", None)
            for field in schema["properties"].values():
                field.pop("default", None)
        return self.add(body.__name__, schema)

    def answered(self, answer: Any, *, write: bool) -> Json:
        """The schema of an answer; a write also answers which alerts it has opened and resolved."""
        if get_origin(answer) in (Union, UnionType):
            return {"anyOf": [self.answered(one, write=write) for one in get_args(answer)]}
        name, schema = name_of(answer), schema_of(answer)
        if not write:
            return self.add(name, schema)
        schema["properties"]["alerts"] = self.add("Flipped", schema_of(FlippedDict))
        schema["required"].append("alerts")
        for example in schema["examples"]:
            example["alerts"] = NO_FLIPS
        return self.add(f"{name}Written", schema)

    def dry_run(self, answer: Any) -> Json:
        """The schema of an answer with dry_run=true: what would be new has no id."""
        if get_origin(answer) in (Union, UnionType):
            return {"anyOf": [self.dry_run(one) for one in get_args(answer)]}
        self.answered(answer, write=True)
        alert = self.without_id("Alert", "AlertTrial")
        flipped = self.without_id("Flipped", "FlippedTrial")
        for side in self.named(flipped)["properties"].values():
            side["items"] = alert
        name = name_of(answer)
        dry_run = self.without_id(f"{name}Written", f"{name}Trial")
        schema = self.named(dry_run)
        schema["properties"] |= {"alerts": flipped, "dry_run": {"const": True}}
        schema["required"].append("dry_run")
        if "items" in schema["properties"]:
            items = schema["properties"]["items"]
            row = items["items"]["$ref"].removeprefix(REF)
            items["items"] = self.without_id(row, f"{row}OfTrial")
        for example in schema["examples"]:
            example["dry_run"] = True
        return dry_run

    def without_id(self, name: str, dry_run: str) -> Json:
        """Add a copy of a schema, under another name, whose id can be null."""
        schema = copy.deepcopy(self.schemas[name])
        if "id" in schema["properties"]:
            schema["properties"]["id"] = {"anyOf": [schema["properties"]["id"], {"type": "null"}]}
        self.schemas[dry_run] = schema
        return {"$ref": REF + dry_run}

    def named(self, reference: Json) -> Json:
        """The schema of a reference."""
        found: Json = self.schemas[reference["$ref"].removeprefix(REF)]
        return found

    def content(self, reference: Json) -> Json:
        """One schema or several alternatives, with an example of each."""
        names = [one["$ref"].removeprefix(REF) for one in reference.get("anyOf", [reference])]
        examples = {name: {"value": self.schemas[name]["examples"][0]} for name in names}
        return {"schema": reference, "examples": examples}


def schema_of(answer: Any) -> Json:
    """The JSON Schema of a TypedDict; the example of a list is made from those of its rows."""
    schema = TypeAdapter(answer).json_schema(mode="serialization", ref_template=REF + "{model}")
    schema = copy.deepcopy(schema)
    if "examples" not in schema and "items" in schema["properties"]:
        item = schema["properties"]["items"]["items"]["$ref"].removeprefix(REF)
        numbers = {name for name in schema["required"] if is_number(schema["properties"][name])}
        example = {name: 17 if name in numbers else None for name in schema["required"]}
        schema["examples"] = [example | {"items": schema["$defs"][item]["examples"]}]
    return schema


def is_number(schema: Json) -> bool:
    return schema.get("type") == "integer"


def name_of(answer: Any) -> str:
    """TransactionDict is named Transaction, PageDict[TransactionDict] TransactionPage."""
    items = "".join(name_of(item) for item in get_args(answer))
    return items + public_name((get_origin(answer) or answer).__name__)


def public_name(name: str) -> str:
    return name.removesuffix("Dict").removeprefix("Described")


def tidied(node: Any) -> Any:
    """Without titles, which only repeat names, and with references to public names."""
    if isinstance(node, list):
        return [tidied(value) for value in node]
    if not isinstance(node, dict):
        return node
    return {
        name: REF + public_name(value.removeprefix(REF)) if name == "$ref" else tidied(value)
        for name, value in node.items()
        if not (name == "title" and isinstance(value, str))
    }
