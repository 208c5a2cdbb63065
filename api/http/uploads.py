"""Routes that take a file: its bytes go to the disk as they come, and from there to the database.

The server has let a large body in only where the sender is known (lib/transport.py); nothing here
holds more than a piece of it in memory.
"""

from __future__ import annotations

import errno
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from tempfile import TemporaryFile
from typing import IO, Any

from django.core.exceptions import RequestDataTooBig
from django.db import transaction
from django.http import HttpRequest, QueryDict
from django.http.multipartparser import MultiPartParserError

from api.http import idempotency
from api.http.endpoint import Answer, ApiRequest, Endpoint
from api.http.problems import RETRY_AFTER, ApiError, Problem, wrong
from api.schemas.base import Lookups
from budget.engine import move_to_today
from budget.imports.jobs import MOST_BYTES
from lib.transport import STRANGERS_BODY, UPLOAD

PIECE = 64 * 1024
FILE = "file"
FULL = (errno.ENOSPC, errno.EDQUOT)


@dataclass(frozen=True)
class Upload:
    """A file on this machine's disk. name: as the client calls it, "" if it does not say."""

    file: IO[bytes]
    name: str
    digest: str


def check_length(length: int) -> None:
    """Refuse by the length of the body, before a byte of it is read."""
    if length > UPLOAD:
        raise too_large()
    if not length:
        raise ApiError(Problem.MALFORMED, "The body is empty; send a file.")


def no_room() -> ApiError:
    detail = "There is no room for the file now. Send it again, with the same key."
    return ApiError(Problem.BUSY, detail, headers=RETRY_AFTER)


def too_large() -> ApiError:
    return ApiError(Problem.TOO_LARGE, f"A file has at most {MOST_BYTES:,} bytes.")


def receive(request: ApiRequest, endpoint: Endpoint, keys: dict[str, Any], length: int) -> Answer:
    """Take a file in and call the view with it. Raises ApiError, InvalidQuery.

    length: of the body, in bytes.
    With an Idempotency-Key the view runs in the commit that keeps the answer.
    """
    check_length(length)
    user_id = request.user.pk
    key = idempotency.key_of(request)
    with received(request) as (upload, said):
        request.ledger = move_to_today(user_id, None)
        query = endpoint.query.read(said, Lookups(request.user, request.ledger))
        if getattr(query, "dry_run", False) and key is not None:
            detail = "A dry run stores nothing, so it takes no Idempotency-Key."
            raise wrong(Problem.PARAMETERS, [{"detail": detail, "parameter": "dry_run"}])
        with transaction.atomic() if key is not None else nullcontext():
            sent = [upload.digest, sorted((name, *values) for name, values in said.lists())]
            if key is not None and (done := idempotency.claim(request, user_id, key, sent)):
                headers = {**done.headers, idempotency.REPLAYED: "true"}
                return Answer(done.body or {}, done.status or 200, headers)
            answer = endpoint.view(request, query=query, upload=upload, **keys)
            answer.status = answer.status or endpoint.status
            answer.headers["Location"] = f"{request.path}/{answer.body['id']}"
            answer.body["alerts"] = {"opened": [], "resolved": []}
            if key is not None:
                idempotency.keep(request, user_id, key, answer.status, answer.body, answer.headers)
    return answer


@contextmanager
def received(request: HttpRequest) -> Iterator[tuple[Upload, QueryDict]]:
    """The file of a request, and what is said beside it, in the query string or in fields."""
    said = QueryDict(mutable=True)
    said.update(request.GET)
    with TemporaryFile() as whole:
        file: Any = whole
        try:
            source: Any = request
            name = ""
            if request.content_type == "multipart/form-data":
                # It is on the disk already, and is not put there twice.
                file, name = in_fields(request, said)
                source = file
            digest, size = hashlib.sha256(), 0
            while piece := source.read(PIECE):
                size += len(piece)
                if size > MOST_BYTES:
                    raise too_large()
                digest.update(piece)
                if file is whole:
                    file.write(piece)
        except OSError as error:
            if error.errno not in FULL:
                raise
            raise no_room() from None
        except RequestDataTooBig:
            detail = f"Without a valid credential a body has at most {STRANGERS_BODY} bytes."
            raise ApiError(Problem.TOO_LARGE, detail) from None
        if not size:
            raise ApiError(Problem.MALFORMED, "The file is empty.")
        file.seek(0)
        yield Upload(file, name, digest.hexdigest()), said


def in_fields(request: HttpRequest, said: QueryDict) -> tuple[Any, str]:
    """The one file of a multipart body and its name; the other fields are added to what is said."""
    try:
        files, fields = request.FILES, request.POST
    except (MultiPartParserError, LookupError) as error:
        # The second for what Python knows as a codec, but not as one of texts, such as rot13.
        raise ApiError(Problem.MALFORMED, f"No multipart/form-data: {error}") from None
    found = files.getlist(FILE)
    if len(found) != 1 or len(files) != 1:
        raise ApiError(Problem.MALFORMED, f'Send one file, as the field "{FILE}".')
    for name, values in fields.lists():
        if name != "csrfmiddlewaretoken":
            said.setlistdefault(name).extend(values)
    return found[0], found[0].name or ""
