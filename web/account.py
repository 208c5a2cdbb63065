"""The user's account: where to change what, and the API tokens."""

from __future__ import annotations

from datetime import timedelta

from allauth.account.decorators import reauthentication_required
from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.models import ApiToken, Scope
from lib.errors import Conflict
from lib.text import tidy
from web.pages import owner, page, say

SHOWN = 100


class TokenForm(forms.Form):
    """A token to make; days: how long it opens something, "" for ever."""

    name = forms.CharField(
        label=_("What is it for?"),
        max_length=ApiToken.NAME_LENGTH,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    scope = forms.ChoiceField(
        label=_("What may it do?"),
        choices=[(Scope.READ.value, _("read only")), (Scope.WRITE.value, _("read and write"))],
    )
    days = forms.ChoiceField(
        label=_("How long?"),
        required=False,
        choices=[
            ("", _("until I revoke it")),
            ("30", _("30 days")),
            ("90", _("90 days")),
            ("365", _("one year")),
        ],
    )

    def clean_name(self) -> str:
        return tidy(self.cleaned_data["name"])

    def issue(self, request: HttpRequest) -> str | None:
        """The new token's secret; None, with the error in the form, where there are too many."""
        sent = self.cleaned_data
        ends = timezone.now() + timedelta(days=int(sent["days"])) if sent["days"] else None
        try:
            _token, secret = ApiToken.issue_personal(
                owner(request), sent["name"], Scope(sent["scope"]), ends
            )
        except Conflict:
            words = gettext("You have %(n)s tokens in force, which is as many as there may be.")
            self.add_error(None, words % {"n": ApiToken.MAX_LIVE})
            return None
        return secret


@require_safe
@page
def account(request: HttpRequest) -> HttpResponse:
    return render(request, "web/account.html", {"place": "account"})


@require_http_methods(["GET", "HEAD", "POST"])
@page
@reauthentication_required(allow_get=True)  # type: ignore[untyped-decorator] # allauth's
def tokens(request: HttpRequest) -> HttpResponse:
    """The tokens, newest first, and a form for another; its secret is shown only in the answer."""
    form = TokenForm(request.POST or None)
    secret = form.issue(request) if form.is_bound and form.is_valid() else None
    mine = ApiToken.objects.filter(user=owner(request))
    shown = {
        "place": "account",
        "form": TokenForm() if secret else form,
        "secret": secret,
        "tokens": mine.order_by("-id")[:SHOWN],
        "now": timezone.now(),
    }
    return render(request, "web/tokens.html", shown)


@require_POST
@page
def revoke(request: HttpRequest, key: int) -> HttpResponse:
    """Revoke a token, at once and for good."""
    token = get_object_or_404(ApiToken, user=owner(request), pk=key)
    token.revoke()
    say(request, gettext("The token “%(name)s” is revoked.") % {"name": token.name})
    return redirect("web:tokens")
