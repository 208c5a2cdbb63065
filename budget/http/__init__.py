"""The door: everything between a URL and a view, the same for every route."""

from __future__ import annotations

from budget.http.door import Answer, ApiRequest, Stream, created, rest_path, takes
from budget.http.problems import ApiError, Problem, bad_request, not_found, server_error, wrong

__all__ = [
    "Answer",
    "ApiError",
    "ApiRequest",
    "Problem",
    "Stream",
    "bad_request",
    "created",
    "not_found",
    "rest_path",
    "server_error",
    "takes",
    "wrong",
]
