"""/api/account"""

from __future__ import annotations

from accounts.authentication import PEOPLE, SESSION_ONLY, check_recent
from api.http import Answer, ApiRequest, Problem, Stream, endpoint, wrong
from api.http.shapes import DeletedDict
from api.schemas.account import DeletionBody
from budget.engine import delete_account, export_account


@endpoint(kinds=PEOPLE, etag=False)
def export_own_account(request: ApiRequest) -> Stream:
    """Everything that is stored of the user, as one JSON file, without the secrets."""
    return Stream(
        chunks=export_account(request.user.pk),
        content_type="application/json",
        filename="account.json",
    )


@endpoint(body=DeletionBody, kinds=SESSION_ONLY, etag=False, answer=DeletedDict)
def delete_own_account(request: ApiRequest, body: DeletionBody) -> Answer:
    """Delete the account with everything in it, at once and for good; `confirm` names the user."""
    check_recent(request.credential)
    names = {name.casefold() for name in (request.user.username, request.user.email) if name}
    if body.confirm.casefold() not in names:
        detail = "Must be your user name or your e-mail address."
        raise wrong(Problem.VALIDATION, [{"detail": detail, "pointer": "#/confirm"}])
    user_id = request.user.pk
    delete_account(user_id)
    if request.credential.session is not None:
        # Otherwise the middleware would save a session that is no longer there, and fail.
        request.credential.session.flush()
    return Answer({"id": user_id})
