"""What a browser installs: the manifest, the worker that keeps the shell, the page for no net."""

from __future__ import annotations

import hashlib
import json
from functools import cache

from django.contrib.staticfiles import finders
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.templatetags.static import static
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.http import require_safe

# Nothing of anybody's data: the same bytes for everybody.
SHELL = ("web/style.css", "web/shell.js", "web/icon.svg")
WORKER = "web/service-worker.js"
# It fetches for the page: the policy of data would let nothing through.
WORKER_CSP = "default-src 'none'; connect-src 'self'"


@require_safe
def manifest(request: HttpRequest) -> HttpResponse:
    """How the page looks as an app on a phone."""
    sizes = {"web/icon.svg": "any", "web/icon-192.png": "192x192", "web/icon-512.png": "512x512"}
    body = {
        "name": "Financial Alerts",
        "short_name": "Alerts",
        "description": gettext("Limits on what you spend, and alerts that are true."),
        "id": "/",
        "start_url": "/",
        "scope": "/",
        "display": "standalone",
        "background_color": "#f5f7f8",
        "theme_color": "#264b5d",
        "icons": [
            {"src": static(name), "sizes": size, "type": type_of(name), "purpose": "any"}
            for name, size in sizes.items()
        ],
    }
    return HttpResponse(json.dumps(body), content_type="application/manifest+json")


def type_of(name: str) -> str:
    return "image/svg+xml" if name.endswith("svg") else "image/png"


@require_safe
def service_worker(request: HttpRequest) -> HttpResponse:
    """The worker, with the addresses of what it keeps; it lies at the root, to serve all pages."""
    kept = [reverse("web:offline"), *(static(name) for name in SHELL)]
    # As data, so that no address can become code.
    said = json.dumps({"name": f"shell-{shell_digest()}", "offline": kept[0], "kept": kept})
    headers = {"Content-Security-Policy": WORKER_CSP, "Cache-Control": "no-cache"}
    text = f"const SHELL = {said};\n{source(WORKER)}"
    return HttpResponse(text, content_type="text/javascript", headers=headers)


@require_safe
def offline(request: HttpRequest) -> HttpResponse:
    """What is shown where there is no net; the same for everybody."""
    return render(request, "web/offline.html")


@cache
def shell_digest() -> str:
    """Another one for each release of the shell: browsers drop what they kept of the last."""
    found = hashlib.sha256()
    for name in (*SHELL, WORKER):
        found.update(source(name).encode())
    return found.hexdigest()[:12]


@cache
def source(name: str) -> str:
    path = finders.find(name)
    if path is None:
        raise FileNotFoundError(name)
    with open(path, encoding="utf-8") as file:
        return file.read()
