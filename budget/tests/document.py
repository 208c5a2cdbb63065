"""The description of the API as committed; test_openapi.py sees to it that the routes make it.

To make it takes a second, in every process that collects tests.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from django.conf import settings

DOCUMENT: dict[str, Any] = json.loads(
    Path(settings.BASE_DIR, "docs/openapi.json").read_text(encoding="utf-8")
)
