"""/api/token"""

from __future__ import annotations

from accounts.authentication import PEOPLE, SESSION_ONLY, check_recent
from accounts.models import (
    TOKENS,
    ApiToken,
    NewTokenDict,
    TokenDict,
    TokenQuerySet,
    describe_token,
)
from api.http import Answer, ApiRequest, endpoint
from api.http.shapes import PageDict
from api.paging import Order, each, page
from api.schemas import ListQuery
from api.schemas.base import pick
from api.schemas.token import TokenBody
from budget.models.search import words_like

NEWEST_FIRST = Order(("id",), descending=True)


def mine(request: ApiRequest) -> TokenQuerySet:
    return ApiToken.objects.filter(user=request.user)


@endpoint(query=ListQuery, kinds=PEOPLE, etag=False, answer=PageDict[TokenDict])
def list_tokens(request: ApiRequest, query: ListQuery) -> Answer:
    """The user's tokens, newest first, those that open nothing any more included.

    `q` looks through name and hint.
    """
    rows = TOKENS.where("r.user_id = %s", request.user.pk)
    if query.q:
        condition, words = words_like(query.q, "r.key")
        rows = rows.where(condition, *words)
    return page(request, query, rows, NEWEST_FIRST, each(describe_token))


@endpoint(body=TokenBody, kinds=SESSION_ONLY, etag=False, answer=NewTokenDict, status=201)
def create_token(request: ApiRequest, body: TokenBody) -> Answer:
    """A new token; `token` in the answer is the secret, which cannot be had again."""
    check_recent(request.credential)
    token, secret = ApiToken.issue_personal(request.user, **body.to_store())
    return Answer({**token.to_dict(), "token": secret}, headers={"Cache-Control": "no-store"})


@endpoint(kinds=PEOPLE, etag=False, answer=TokenDict)
def get_token(request: ApiRequest, key: int) -> Answer:
    """One token, without its secret."""
    return Answer({**pick(mine(request), key).to_dict()})


@endpoint(kinds=PEOPLE, etag=False, answer=TokenDict)
def revoke_token(request: ApiRequest, key: int) -> Answer:
    """Revoke a token, at once and for good; it stays in the list."""
    token: ApiToken = pick(mine(request), key)
    token.revoke()
    return Answer({**token.to_dict()})
