"""/notification/stop: the link in a mail that stops such mails, with no log-in (RFC 8058)."""

from __future__ import annotations

from http import HTTPStatus

from django.core.signing import BadSignature
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from budget.delivering import read_stop, stop_channel

# The page holds one form, which asks for what the signed link already allows: no cookie counts.
POLICY = (
    "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)


@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
def stop_mails(request: HttpRequest, token: str) -> HttpResponse:
    """Ask whether to stop (GET), or stop (POST). Following links stops nothing."""
    try:
        user_id, channel = read_stop(token)
        if request.method == "POST":
            stop_channel(user_id, channel)
            return page(request, "stopped")
    except BadSignature:
        return page(request, "wrong", HTTPStatus.NOT_FOUND)
    return page(request, "ask")


def page(request: HttpRequest, state: str, status: HTTPStatus = HTTPStatus.OK) -> HttpResponse:
    answer = render(request, "api/stop.html", {"state": state}, status=status)
    answer["Content-Security-Policy"] = POLICY
    answer["Cache-Control"] = "no-store"
    answer["Referrer-Policy"] = "no-referrer"
    return answer
