"""allauth's addresses: all of its JSON API, and of its pages those that the admin's login needs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from http import HTTPStatus
from typing import Any

from allauth import urls as page_urls
from allauth.headless import urls as headless_urls
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponseBase
from django.urls import URLPattern, URLResolver, include, path, re_path
from django.views.decorators.csrf import csrf_exempt

from accounts.guard import View, mailing, passkeys, strict
from accounts.refusals import bare_refusal

# A password or a passkey, a code from a mail, a second factor, and the way out.
PAGES = frozenset(
    {
        "account_login",
        "account_logout",
        "account_inactive",
        "account_email_verification_sent",
        "mfa_authenticate",
        "mfa_login_webauthn",
    }
)
# Telephone numbers are no part of an account here.
ABSENT = frozenset({"manage_phone", "verify_phone", "resend_phone_verification_code"})
# Stored as a whole, or not at all where its mail cannot be sent.
WHOLE = frozenset({"signup", "signup_webauthn"})


def no_page(request: HttpRequest, **keys: Any) -> HttpResponseBase:
    raise Http404


@csrf_exempt
def no_endpoint(request: HttpRequest, **keys: Any) -> HttpResponseBase:
    """JSON even in DEBUG, where Django's own page would list every address."""
    return bare_refusal(HTTPStatus.NOT_FOUND)


def page(pattern: URLPattern) -> View:
    """A page; one that is not there keeps its name, which allauth looks up all the same."""
    return mailing(pattern.callback) if pattern.name in PAGES else no_page


def endpoint(pattern: URLPattern) -> View:
    """An endpoint of the JSON API."""
    if pattern.name in ABSENT:
        return no_endpoint
    view: View = pattern.callback
    if pattern.name in WHOLE:
        view = transaction.atomic(view)
    if "webauthn" in (pattern.name or ""):
        view = passkeys(view)
    return strict(mailing(view))


def changed(
    patterns: Sequence[URLPattern | URLResolver], view: Callable[[URLPattern], View]
) -> Iterator[URLPattern | URLResolver]:
    """The same addresses and names, each with the view that it is given."""
    for found in patterns:
        if isinstance(found, URLResolver):
            inner = list(changed(found.url_patterns, view))
            yield URLResolver(
                found.pattern, inner, found.default_kwargs, found.app_name, found.namespace
            )
        else:
            yield URLPattern(found.pattern, view(found), found.default_args, found.name)


urlpatterns = [
    path("accounts/", include(list(changed(page_urls.urlpatterns, page)))),
    path("_allauth/", include((list(changed(headless_urls.urlpatterns, endpoint)), "headless"))),
    re_path("^_allauth/", no_endpoint),
]
