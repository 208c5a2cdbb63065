"""/api/docs"""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

# Everything comes from here and scripts from files alone. Swagger UI writes styles into elements.
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


def show_docs(request: HttpRequest) -> HttpResponse:
    """The API and the account endpoints to read and to try out, in Swagger UI."""
    headers = {"Content-Security-Policy": POLICY, "Cache-Control": "public, max-age=300"}
    answer = render(request, "budget/docs.html")
    for name, value in headers.items():
        answer[name] = value
    return answer
