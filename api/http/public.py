"""The few URLs that need no credential; all others go through the door."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.urls import URLPattern, path

from api.http.problems import ApiError, Problem, answer_to

ALLOW = "GET, HEAD, OPTIONS"

PublicView = Callable[[HttpRequest], HttpResponseBase]


class OpenDoor:
    """A public view, GET only. It must show no user data."""

    csrf_exempt = True

    def __init__(self, view: PublicView) -> None:
        self.view = view

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        try:
            return self.respond(request)
        except Exception as error:
            return answer_to(request, error)

    def respond(self, request: HttpRequest) -> HttpResponseBase:
        if request.method == "OPTIONS":
            return HttpResponse(status=204, headers={"Allow": ALLOW})
        if request.method not in ("GET", "HEAD"):
            raise ApiError(Problem.METHOD, f"Allowed here: {ALLOW}.", headers={"Allow": ALLOW})
        return self.view(request)


def open_path(route: str, view: PublicView) -> URLPattern:
    """A URL that needs no credential."""
    return path(route, OpenDoor(view))
