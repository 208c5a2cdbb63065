"""Prints or writes down the description of the API."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser
from django.urls import resolve

from api.http.public import OpenDoor
from api.openapi import Specification
from api.openapi.errors import errors_in_markdown

DOCS = Path(settings.BASE_DIR, "docs")


class Command(BaseCommand):
    help = "Prints the API's description (OpenAPI 3.1), as /api/openapi.json answers it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--write", action="store_true", help="write docs/openapi.json and docs/errors.md"
        )

    def handle(self, **options: Any) -> str | None:
        if not options["write"]:
            return specification().text
        for name, written in copies().items():
            (DOCS / name).write_text(written, encoding="utf-8")
        return f"Written to docs: {', '.join(copies())}"


def copies() -> dict[str, str]:
    """The files that are kept with the code, so that a change of the API shows in its history."""
    return {"openapi.json": specification().text, "errors.md": errors_in_markdown()}


def specification() -> Specification:
    """The one that is served: the routes are above commands, so it is found by its path."""
    door = resolve("/api/openapi.json").func
    if not isinstance(door, OpenDoor) or not isinstance(door.view, Specification):
        raise TypeError("Something else is served at /api/openapi.json.")
    return door.view
