"""XML read piece by piece, over expat: no document type, so no entity, and bounded depth."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from xml.parsers import expat

from budget.imports.rows import BadFile, BadLine

CHUNK = 1 << 16
MOST_DEPTH = 64
MOST_TEXT = 100_000


@dataclass
class Node:
    """An element: its name without the namespace, and what is in it."""

    name: str
    line: int
    attributes: dict[str, str] = field(default_factory=dict)
    children: list[Node] = field(default_factory=list)
    text: str = ""

    def all(self, path: str) -> list[Node]:
        """The elements at a path, such as NtryDtls/TxDtls."""
        found = [self]
        for name in path.split("/"):
            found = [child for node in found for child in node.children if child.name == name]
        return found

    def get(self, *paths: str) -> str:
        """The text of the first element at one of the paths that has any; "" where none has."""
        for path in paths:
            for node in self.all(path):
                if node.text.strip():
                    return node.text.strip()
        return ""


class Builder:
    """Collects the elements that are asked for, each with all that is in it.

    starts: names reported at their start. wholes: names reported at their end, with content.
    """

    def __init__(self, starts: frozenset[str], wholes: frozenset[str]) -> None:
        self.starts, self.wholes = starts, wholes
        self.depth = 0
        self.open: list[Node] = []
        self.done: list[Node] = []
        self.parser = expat.ParserCreate(namespace_separator=" ")
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self.start
        self.parser.EndElementHandler = self.end
        self.parser.CharacterDataHandler = self.characters
        self.parser.StartDoctypeDeclHandler = self.doctype

    def refuse(self, reason: str) -> BadFile:
        return BadFile([BadLine(self.parser.CurrentLineNumber, reason)])

    def doctype(self, *_: object) -> None:
        raise self.refuse("a document type (DOCTYPE), which a statement has no need of")

    def start(self, full: str, attributes: dict[str, str]) -> None:
        self.depth += 1
        if self.depth > MOST_DEPTH:
            raise self.refuse(f"elements within each other more than {MOST_DEPTH} deep")
        name = full.rpartition(" ")[2]
        node = Node(name, self.parser.CurrentLineNumber, attributes)
        if self.open:
            self.open[-1].children.append(node)
            self.open.append(node)
        elif name in self.wholes:
            self.open.append(node)
        elif name in self.starts:
            self.done.append(node)

    def end(self, _: str) -> None:
        self.depth -= 1
        if self.open:
            node = self.open.pop()
            if not self.open:
                self.done.append(node)

    def characters(self, text: str) -> None:
        if self.open:
            node = self.open[-1]
            if len(node.text) + len(text) > MOST_TEXT:
                raise self.refuse(f"a text of more than {MOST_TEXT} characters")
            node.text += text


def elements(path: Path, starts: frozenset[str], wholes: frozenset[str]) -> Iterator[Node]:
    """The elements asked for, in the order of the file. Raises OSError and BadFile."""
    builder = Builder(starts, wholes)
    with path.open("rb") as file:
        while True:
            chunk = file.read(CHUNK)
            try:
                builder.parser.Parse(chunk, not chunk)
            except expat.ExpatError as error:
                reason = (
                    f"no XML from column {error.offset + 1} on: {expat.ErrorString(error.code)}"
                )
                raise BadFile([BadLine(error.lineno, reason)]) from None
            yield from builder.done
            builder.done.clear()
            if not chunk:
                return
