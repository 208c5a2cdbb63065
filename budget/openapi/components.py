"""JSON Schemas of what is sent and answered, each under a name of its own."""

from __future__ import annotations

import copy
from types import UnionType
from typing import Any, Union, get_args, get_origin

from pydantic import TypeAdapter

from budget.http.shapes import FlippedDict
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

    def tried(self, answer: Any) -> Json:
        """What the answer to a write with dry_run=true is: what would be new has no id."""
        if get_origin(answer) in (Union, UnionType):
            return {"anyOf": [self.tried(one) for one in get_args(answer)]}
        self.answered(answer, write=True)
        alert = self.without_id("Alert", "AlertTrial")
        flipped = self.without_id("Flipped", "FlippedTrial")
        for side in self.named(flipped)["properties"].values():
            side["items"] = alert
        name = name_of(answer)
        trial = self.without_id(f"{name}Written", f"{name}Trial")
        schema = self.named(trial)
        schema["properties"] |= {"alerts": flipped, "dry_run": {"const": True}}
        schema["required"].append("dry_run")
        if "items" in schema["properties"]:
            items = schema["properties"]["items"]
            row = items["items"]["$ref"].removeprefix(REF)
            items["items"] = self.without_id(row, f"{row}OfTrial")
        for example in schema["examples"]:
            example["dry_run"] = True
        return trial

    def without_id(self, name: str, trial: str) -> Json:
        """Keep a copy of a schema whose id may be null under another name."""
        schema = copy.deepcopy(self.schemas[name])
        if "id" in schema["properties"]:
            schema["properties"]["id"] = {"anyOf": [schema["properties"]["id"], {"type": "null"}]}
        self.schemas[trial] = schema
        return {"$ref": REF + trial}

    def named(self, reference: Json) -> Json:
        """The schema that a reference leads to."""
        found: Json = self.schemas[reference["$ref"].removeprefix(REF)]
        return found

    def content(self, reference: Json) -> Json:
        """A schema that has been added, or several to choose from, with an example of each."""
        names = [one["$ref"].removeprefix(REF) for one in reference.get("anyOf", [reference])]
        examples = {name: {"value": self.schemas[name]["examples"][0]} for name in names}
        return {"schema": reference, "examples": examples}


def schema_of(answer: Any) -> Json:
    """The JSON Schema of a TypedDict; a list of rows has its example made from theirs."""
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
    """TransactionDict is told of as Transaction, PageDict[TransactionDict] as TransactionPage."""
    items = "".join(name_of(item) for item in get_args(answer))
    return items + public_name((get_origin(answer) or answer).__name__)


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
