"""Prints or writes down the description of the API."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser
from django.urls import resolve

from budget.http.public import OpenDoor
from budget.openapi import Specification

COPY = Path(settings.BASE_DIR, "docs", "openapi.json")


class Command(BaseCommand):
    help = "Prints the API's description (OpenAPI 3.1), as /api/openapi.json answers it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--write", action="store_true", help=f"write it to docs/{COPY.name}")

    def handle(self, **options: Any) -> str | None:
        text = specification().text
        if not options["write"]:
            return text
        COPY.write_text(text, encoding="utf-8")
        return f"Written: docs/{COPY.name}"


def specification() -> Specification:
    """The one that is served: the routes are above commands, so it is found by its address."""
    door = resolve("/api/openapi.json").func
    if not isinstance(door, OpenDoor) or not isinstance(door.view, Specification):
        raise TypeError("Something else is served at /api/openapi.json.")
    return door.view
