"""allauth's addresses: all of its JSON API, and of its pages those that have a template of ours."""

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

from accounts import guesses
from accounts.refusals import bare_refusal
from api.guard import View, made_once, mailing, passkeys, strict

# Signing up; a password or a passkey, a code from a mail, a second factor, and the way out; another
# password; setting up an authenticator app with its recovery codes, and keys; and where the user is
# logged in.
PAGES = frozenset(
    {
        "account_signup",
        "account_change_password",
        "account_login",
        "account_logout",
        "account_inactive",
        "account_email_verification_sent",
        "mfa_authenticate",
        "mfa_login_webauthn",
        "account_reset_password",
        "account_confirm_password_reset_code",
        "account_complete_password_reset",
        "account_password_reset_completed",
        "account_reauthenticate",
        "mfa_reauthenticate",
        "mfa_reauthenticate_webauthn",
        "mfa_index",
        "mfa_activate_totp",
        "mfa_deactivate_totp",
        "mfa_view_recovery_codes",
        "mfa_generate_recovery_codes",
        "mfa_download_recovery_codes",
        "mfa_list_webauthn",
        "mfa_add_webauthn",
        "mfa_remove_webauthn",
        "usersessions_list",
    }
)
# Telephone numbers are no part of an account here.
ABSENT = frozenset({"manage_phone", "verify_phone", "resend_phone_verification_code"})
# allauth reads and completes 3,700 lines of YAML for each request for the description of its API.
DESCRIPTIONS = frozenset({"openapi_yaml", "openapi_json"})
# Stored as a whole, or not at all where its mail cannot be sent.
WHOLE = frozenset({"signup", "signup_webauthn", "account_signup"})


def no_page(request: HttpRequest, **keys: Any) -> HttpResponseBase:
    raise Http404


@csrf_exempt
def no_endpoint(request: HttpRequest, **keys: Any) -> HttpResponseBase:
    """JSON even in DEBUG, where Django's own page would list every path."""
    return bare_refusal(HTTPStatus.NOT_FOUND)


def page(pattern: URLPattern) -> View:
    """A page; one that is not there keeps its name, which allauth looks up all the same."""
    if pattern.name not in PAGES:
        return no_page
    view: View = pattern.callback
    if pattern.name in guesses.PAGES:
        view = guesses.counted_page(view, guesses.PAGES[pattern.name])
    if pattern.name in WHOLE:
        view = transaction.atomic(view)
    return mailing(view)


def endpoint(pattern: URLPattern) -> View:
    """An endpoint of the JSON API."""
    if pattern.name in ABSENT:
        return no_endpoint
    view: View = pattern.callback
    if pattern.name in DESCRIPTIONS:
        view = made_once(pattern.callback)
    if pattern.name in guesses.ENDPOINTS:
        view = guesses.counted_endpoint(view, guesses.ENDPOINTS[pattern.name])
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
