"""/api/token"""

from __future__ import annotations

from collections.abc import Sequence

from accounts.authentication import PEOPLE, SESSION_ONLY, check_recent
from accounts.models import ApiToken, NewTokenDict, TokenDict, TokenQuerySet
from accounts.schemas import TokenBody
from budget.http import Answer, ApiRequest, created, takes
from budget.http.shapes import PageDict
from budget.models import Conflict
from budget.models.search import matching
from budget.paging import Order, page
from budget.schemas import ListQuery
from budget.schemas.fields import pick

NEWEST_FIRST = Order(("id",), descending=True)


def mine(request: ApiRequest) -> TokenQuerySet:
    return ApiToken.objects.filter(user=request.user)


def describe(rows: Sequence[ApiToken]) -> list[TokenDict]:
    return [row.to_dict() for row in rows]


@takes(query=ListQuery, kinds=PEOPLE, tagged=False, answer=PageDict[TokenDict])
def list_tokens(request: ApiRequest, query: ListQuery) -> Answer:
    """The user's tokens, newest first, those that open nothing any more included.

    `q` looks through name and hint.
    """
    return page(request, query, matching(mine(request), query.q, "key"), NEWEST_FIRST, describe)


@takes(body=TokenBody, kinds=SESSION_ONLY, tagged=False, answer=NewTokenDict, status=201)
def create_token(request: ApiRequest, body: TokenBody) -> Answer:
    """A new token; `token` in the answer is the secret, which cannot be had again."""
    check_recent(request.credential)
    if mine(request).live().count() >= ApiToken.MAX_LIVE:
        raise Conflict(f"A user has at most {ApiToken.MAX_LIVE} tokens that are in force.")
    token, secret = ApiToken.issue(request.user, **body.to_store())
    answer = created(request, {**token.to_dict(), "token": secret})
    answer.headers["Cache-Control"] = "no-store"
    return answer


@takes(kinds=PEOPLE, tagged=False, answer=TokenDict)
def get_token(request: ApiRequest, key: int) -> Answer:
    """One token, without its secret."""
    return Answer({**pick(mine(request), key).to_dict()})


@takes(kinds=PEOPLE, tagged=False, answer=TokenDict)
def revoke_token(request: ApiRequest, key: int) -> Answer:
    """Revoke a token, at once and for good; it stays in the list."""
    token: ApiToken = pick(mine(request), key)
    token.revoke()
    return Answer({**token.to_dict()})
