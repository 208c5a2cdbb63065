"""/api/profile"""

from __future__ import annotations

from accounts.models import Profile
from budget.http import Answer, ApiRequest, takes
from budget.schemas import ProfileBody, partial
from budget.views.rows import store


def mine(request: ApiRequest) -> Profile:
    return Profile.objects.get(user=request.user)


def get_profile(request: ApiRequest) -> Answer:
    return Answer(mine(request).to_dict())


@takes(body=ProfileBody)
def replace_profile(request: ApiRequest, body: ProfileBody) -> Answer:
    """Set all settings; every period is cut anew in the same commit."""
    return Answer(store(mine(request), body.to_store()).to_dict())


@takes(body=partial(ProfileBody))
def change_profile(request: ApiRequest, body: ProfileBody) -> Answer:
    return Answer(store(mine(request), body.to_store()).to_dict())
