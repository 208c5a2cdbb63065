"""Refusals under /_allauth/ that are not allauth's own, in the shape that its clients read.

{"status": 403, "errors": [{"code": "csrf", "message": "..."}]}, as its OpenAPI document has it.
"""

from __future__ import annotations

from http import HTTPStatus

from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.views import csrf


class MailFailed(Exception):
    """A mail could not be handed in."""


PREFIX = "/_allauth/"


def within_allauth(request: HttpRequest) -> bool:
    return request.path.startswith(PREFIX)


def refusal(status: HTTPStatus, code: str, message: str) -> JsonResponse:
    errors = [{"code": code, "message": message}]
    return JsonResponse({"status": status, "errors": errors}, status=status)


def bare_refusal(status: HTTPStatus) -> JsonResponse:
    """One that only has a status to tell."""
    return JsonResponse({"status": status}, status=status)


def csrf_failed(request: HttpRequest, reason: str = "") -> HttpResponseBase:
    """Django's CSRF_FAILURE_VIEW. Under /api/ the door looks itself and never comes here."""
    if within_allauth(request):
        message = "Send the value of the csrftoken cookie in the X-CSRFToken header."
        return refusal(HTTPStatus.FORBIDDEN, "csrf", message)
    return csrf.csrf_failure(request, reason)


def mail_failed(request: HttpRequest) -> HttpResponse:
    """The answer to a request whose mail cannot be sent now."""
    status, message = HTTPStatus.SERVICE_UNAVAILABLE, "The mail could not be sent. Try again later."
    if within_allauth(request):
        return refusal(status, "mail_failed", message)
    return HttpResponse(message, content_type="text/plain", status=status)
