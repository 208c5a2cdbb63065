"""/api/profile"""

from __future__ import annotations

from api.http import Answer, ApiRequest, endpoint
from api.http.ledgered import check_match
from api.schemas import ProfileBody, partial
from api.views.rows import read_row, row_answer, store
from budget.models import Profile
from budget.models.settings import PROFILES, ProfileDict, describe_profile


def mine(request: ApiRequest) -> Profile:
    return Profile.objects.get(user=request.user)


def seen(request: ApiRequest) -> Profile:
    """The settings to change, if the client has seen the current ones (If-Match)."""
    profile = mine(request)
    check_match(request, profile)
    return profile


@endpoint(answer=ProfileDict)
def get_profile(request: ApiRequest) -> Answer:
    """The user's settings."""
    return read_row(request, PROFILES, Profile, describe_profile)


@endpoint(body=ProfileBody, answer=ProfileDict)
def replace_profile(request: ApiRequest, body: ProfileBody) -> Answer:
    """Set all settings; all periods are cut again in the same commit."""
    return row_answer(store(seen(request), body.to_store()))


@endpoint(body=partial(ProfileBody, {"month_start": 25}), answer=ProfileDict)
def change_profile(request: ApiRequest, body: ProfileBody) -> Answer:
    """Set the settings that are sent; all periods are cut again in the same commit."""
    return row_answer(store(seen(request), body.to_store()))
