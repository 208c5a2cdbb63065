"""/api/import"""

from __future__ import annotations

from django.db.models import QuerySet

from api.http import Answer, ApiError, ApiRequest, Problem, endpoint
from api.http.problems import FieldError
from api.http.shapes import PageDict
from api.http.uploads import Upload
from api.paging import Order, each, page
from api.schemas import PageQuery
from api.schemas.base import pick
from api.schemas.imports import ImportBody, ImportQuery
from budget.answers.imports import (
    IMPORTS,
    ImportDict,
    ImportRowDict,
    describe_import,
    describe_import_row,
)
from budget.engine import open_book
from budget.imports.jobs import hand_in, start_again, undo_later
from budget.imports.undo import undo
from budget.models import Import, ImportState
from budget.models.imports import MOST_UNDONE_AT_ONCE

NEWEST_FIRST = Order(("id",), descending=True)
WITHOUT_A_NAME = "file"


def mine(request: ApiRequest) -> QuerySet[Import]:
    return Import.objects.filter(user=request.user)


def answer_of(found: Import, status: int | None = None) -> Answer:
    return Answer({**describe_import(found)}, status)


@endpoint(query=PageQuery, etag=False, answer=PageDict[ImportRowDict])
def list_imports(request: ApiRequest, query: PageQuery) -> Answer:
    """The files that the user has handed in, newest first."""
    rows = IMPORTS.where("r.user_id = %s", request.user.pk)
    return page(request, query, rows, NEWEST_FIRST, each(describe_import_row))


@endpoint(
    query=ImportQuery,
    upload=True,
    etag=False,
    answer=ImportDict,
    status=202,
    raises=(Problem.LENGTH, Problem.TOO_LARGE, Problem.VALIDATION),
)
def create_import(request: ApiRequest, query: ImportQuery, upload: Upload) -> Answer:
    """Hand in a file of a bank or another program, up to 50 MiB; a worker stores what is new in it.

    The body is the file, or multipart/form-data with the field `file`. The answer is a job: read it
    again until its `state` is neither waiting nor running. With `dry_run=true` nothing is stored; a
    small file is answered at once then (200), also with what it asks. A file that cannot be read is
    422 in a dry run, with the lines; else the job's `failure` says so.
    """
    name = query.name or upload.name or WITHOUT_A_NAME
    found, over = hand_in(request.user, name, upload.file, query.options(), query.dry_run)
    if not over:
        return answer_of(found)
    if found.state == ImportState.FAILED:
        raise refusal(found)
    return answer_of(found, 200)


def refusal(found: Import) -> ApiError:
    """Why a file was not taken, as a problem."""
    failure = found.failure or {"detail": "", "errors": [], "more_errors": 0}
    errors: list[FieldError] = [
        {
            "detail": f"Line {each['line']}: {each['detail']}"
            if "line" in each
            else each["detail"],
            "parameter": "file",
        }
        for each in failure["errors"]
    ]
    return ApiError(Problem.VALIDATION, failure["detail"], errors=errors)


@endpoint(etag=False, answer=ImportDict)
def get_import(request: ApiRequest, key: int) -> Answer:
    """One import: its progress, what it asks, and its report."""
    return answer_of(pick(mine(request), key))


@endpoint(body=ImportBody, etag=False, answer=ImportDict)
def change_import(request: ApiRequest, body: ImportBody, key: int) -> Answer:
    """Answer what was asked, or store what was tried; the file is read again.

    Without `dry_run` it is stored. The file is kept for a week, and of each user's last five.
    """
    found: Import = pick(mine(request), key)
    start_again(found, body.options(), body.dry_run)
    return answer_of(found)


@endpoint(answer=ImportDict, raises=(Problem.CONFLICT,))
def undo_import(request: ApiRequest, key: int) -> Answer:
    """Take an import back in one commit: its rows, what it updated, and every alert.

    Refused (409) where a row was changed since, by hand or by a later import; `detail` names them.
    One of more than 10,000 rows is undone by a worker: `state` is undoing until then.
    """
    found: Import = pick(mine(request), key)
    if found.stored > MOST_UNDONE_AT_ONCE:
        undo_later(found)
        return answer_of(found)
    with open_book(request.user.pk) as book:
        undo(book, found)
    return answer_of(found)
