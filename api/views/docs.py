"""/api and /api/docs"""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render

# Everything comes from here, and scripts only from files. Swagger UI writes styles into elements.
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)


PUBLIC = {"Cache-Control": "public, max-age=300"}
# Where each document is: the description for machines, the one for people, and the problem types.
DOCUMENTS = {"openapi": "/api/openapi.json", "docs": "/api/docs", "problems": "/problems"}


def show_index(request: HttpRequest) -> HttpResponse:
    """The documents of the API, by their addresses."""
    body = {"name": "Financial Alerts", "version": "1", **DOCUMENTS}
    return JsonResponse(body, headers=PUBLIC)


def show_docs(request: HttpRequest) -> HttpResponse:
    """The API and the account endpoints to read and to try out, in Swagger UI."""
    headers = {"Content-Security-Policy": POLICY, **PUBLIC}
    answer = render(request, "api/docs.html")
    for name, value in headers.items():
        answer[name] = value
    return answer
