"""/api/profile"""

from __future__ import annotations

from accounts.models import Profile, ProfileDict
from budget.http import Answer, ApiRequest, takes
from budget.http.etags import check_match
from budget.schemas import ProfileBody, partial
from budget.views.rows import shown, store


def mine(request: ApiRequest) -> Profile:
    return Profile.objects.get(user=request.user)


def seen(request: ApiRequest) -> Profile:
    """The settings to change, if they are still the ones the client saw."""
    profile = mine(request)
    check_match(request, profile)
    return profile


@takes(answer=ProfileDict)
def get_profile(request: ApiRequest) -> Answer:
    """The user's settings."""
    return shown(mine(request))


@takes(body=ProfileBody, answer=ProfileDict)
def replace_profile(request: ApiRequest, body: ProfileBody) -> Answer:
    """Set all settings; every period is cut anew in the same commit."""
    return shown(store(seen(request), body.to_store()))


@takes(body=partial(ProfileBody, {"month_start": 25}), answer=ProfileDict)
def change_profile(request: ApiRequest, body: ProfileBody) -> Answer:
    """Set the settings that are sent; every period is cut anew in the same commit."""
    return shown(store(seen(request), body.to_store()))
