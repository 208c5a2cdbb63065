"""In which language a page is shown: what the reader has chosen, or what the browser asks for."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponseBase
from django.utils import translation
from django.utils.cache import patch_vary_headers

# What stays in English: the API, allauth's as well, and the admin.
ENGLISH = ("/api", "/_allauth/", "/admin/", "/problems")


class Language:
    """Shows pages in the reader's language, and nothing else: what programs read stays English."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.path_info.startswith(ENGLISH):
            return self.get_response(request)
        language = translation.get_language_from_request(request)
        # Not activated for good: the next request of this thread may be one of the API.
        with translation.override(language):
            response = self.get_response(request)
        patch_vary_headers(response, ("Accept-Language",))
        response.headers.setdefault("Content-Language", language)
        return response
