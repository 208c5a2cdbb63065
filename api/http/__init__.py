"""The door: everything between a URL and a view, the same for every route."""

from __future__ import annotations

from api.http.door import rest_path
from api.http.endpoint import Answer, ApiRequest, Stream, endpoint
from api.http.problems import ApiError, Problem, bad_request, not_found, server_error, wrong

__all__ = [
    "Answer",
    "ApiError",
    "ApiRequest",
    "Problem",
    "Stream",
    "bad_request",
    "endpoint",
    "not_found",
    "rest_path",
    "server_error",
    "wrong",
]
