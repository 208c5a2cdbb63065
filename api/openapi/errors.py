"""What each kind of problem means: shown at its path and in docs/errors.md."""

from __future__ import annotations

from typing import NamedTuple

from api.http.door import MAX_DEPTH, MAX_VALUES
from api.http.problems import MAX_ERRORS, Problem
from budget.judge.judgement import MAX_OPENED
from lib.transport import (
    HEADER_FIELD,
    HEADERS,
    READ_TIMEOUT,
    REQUEST_LINE,
    STRANGERS_BODY,
)


class Explanation(NamedTuple):
    """When a problem is answered, and what the client should do; both in Markdown."""

    when: str
    then: str


EXPLAINED: dict[Problem, Explanation] = {
    Problem.MALFORMED: Explanation(
        "The request cannot be read: the body is empty, not JSON, not a JSON object, not UTF-8, "
        f"nested more than {MAX_DEPTH} levels deep, has a key twice, `NaN`, a number of thousands "
        "of digits, a NUL character or half of a surrogate pair; or the host, a header or the path "
        "is malformed.",
        "Fix the client; the same request will fail again.",
    ),
    Problem.PARAMETERS: Explanation(
        "A parameter of the query string is unknown, given twice or out of its bounds, it names a "
        "category, type or threshold that you do not have, or a `cursor` belongs to another list. "
        "Each entry of `errors` names its `parameter`; if two contradict each other, the later "
        "one.",
        "Fix the parameters.",
    ),
    Problem.UNAUTHENTICATED: Explanation(
        "No credential was sent, or one that is malformed, unknown, expired or revoked, or a "
        "session that has ended or still lacks its second factor. `WWW-Authenticate` says more "
        "about a token. If a credential is wrong, no other one is tried.",
        "Log in again, or send another token.",
    ),
    Problem.CSRF: Explanation(
        "A write came with the session cookie and without the CSRF token.",
        "Send the value of the `csrftoken` cookie in the header `X-CSRFToken`.",
    ),
    Problem.SCOPE: Explanation(
        "The credential is valid but does not allow this: a token of scope `read` that writes, "
        "a token where a login is needed, a service's token where a person is needed.",
        "Use another credential; this one will never do.",
    ),
    Problem.REAUTHENTICATE: Explanation(
        "The account has a second factor, and this needs a login, or a proof, of the last five "
        "minutes.",
        "Authenticate again at `/_allauth/{app|browser}/v1/auth/2fa/reauthenticate`, then repeat "
        "the request.",
    ),
    Problem.FORBIDDEN: Explanation(
        "The account may not do this.",
        "Do not repeat it.",
    ),
    Problem.NOT_FOUND: Explanation(
        "The URL or the row does not exist, or the row belongs to another user: the answer "
        "does not say which. The same answer is given if `user` names another user, and if a body "
        "names such a row by its id: then `errors` has the `pointer`.",
        "Remove the row from the screen, or look it up again.",
    ),
    Problem.NO_PUSH: Explanation(
        "The service has no key of web push, `VAPID_PRIVATE_KEY`.",
        "Do not offer web push.",
    ),
    Problem.METHOD: Explanation(
        "The URL does not have this method. `Allow` lists its methods.",
        "Fix the client.",
    ),
    Problem.TIMEOUT: Explanation(
        f"The head and the body of the request did not arrive within {READ_TIMEOUT} seconds. "
        "Nothing was stored.",
        "Repeat it on a better connection, or send less at a time.",
    ),
    Problem.CONFLICT: Explanation(
        "The request is valid, but existing rows forbid it: a name, slug or `external_id` is "
        "taken, the row of an `external_id` was deleted, a category is in use, a built-in row "
        "would be edited, an alert of a threshold would be closed, a maximum is reached; or the "
        "creation of a token is repeated with its `Idempotency-Key`, whose answer is not stored.",
        "Read the rows again and let the user decide; `detail` says what the obstacle is. If it is "
        "an `external_id`, each entry of `errors` has a `pointer` that ends with `/external_id`.",
    ),
    Problem.STALE: Explanation(
        "The pages of an answer add up to its totals, so all of them must show one state of the "
        "data. Since the page before this one something was stored, or a new day began.",
        "Start again at the first page.",
    ),
    Problem.RUNNING: Explanation(
        "A request with the same `Idempotency-Key` is still running.",
        "Repeat it with the same key after `Retry-After` seconds.",
    ),
    Problem.GONE: Explanation(
        "The service was restored from a backup, and the `since` or the `cursor` was given out "
        "after that backup was made: what it refers to is lost. A `since` that the service never "
        "gave out gets the same answer.",
        "Forget what you hold. Read each list again from its first page, and continue with the "
        "`since` of the list of alerts.",
    ),
    Problem.LENGTH: Explanation(
        "The body comes in chunks, without a `Content-Length`.",
        "Send the length.",
    ),
    Problem.PRECONDITION: Explanation(
        "`If-Match` names an earlier state of the row: somebody has changed it since.",
        "Read the row again, apply the change to it, and send it with the new `ETag`.",
    ),
    Problem.TOO_LARGE: Explanation(
        "The body has more than 1 MiB, or more than "
        f"{STRANGERS_BODY:,} bytes without a valid credential, and was not read; or it has more "
        f"than {MAX_VALUES:,} values: objects, lists, and what they contain. Nothing was stored.",
        "Send less at a time.",
    ),
    Problem.URI_TOO_LONG: Explanation(
        f"Method, path and query string together have more than {REQUEST_LINE:,} bytes. An AWS "
        "load balancer accepts no more either; a letter outside ASCII has 6 to 12 bytes there.",
        "Name fewer rows in the query string, or name them by their ids.",
    ),
    Problem.MEDIA_TYPE: Explanation(
        "The body is not declared as JSON in UTF-8.",
        "Send `Content-Type: application/json`.",
    ),
    Problem.KEY_REUSED: Explanation(
        "A request with this `Idempotency-Key` and another body succeeded in the last 24 hours. "
        "Only successful answers (2xx) are kept: after an error, a corrected body may have the "
        "same key.",
        "Use a new key for a new request.",
    ),
    Problem.VALIDATION: Explanation(
        "The JSON can be read, but some of its fields are missing, unknown or out of bounds. All "
        "of them are in `errors`, each with a `pointer` (a JSON Pointer into the body, as a URI "
        f"fragment; `#` is the whole body). If there are more than {MAX_ERRORS} errors, the first "
        f"{MAX_ERRORS} are listed and `more_errors` counts the others. Nothing was stored.",
        "Show each `detail` beside its field.",
    ),
    Problem.OVERFLOW: Explanation(
        "The write would make a total too large to sum exactly. All amounts of a user together may "
        "reach 4,000,000,000,000,000.00, and those of one category and type in one day or month "
        "90,000,000,000,000.00. Nothing was stored.",
        "Check the amounts; one of them is probably a mistake.",
    ),
    Problem.MANY_ALERTS: Explanation(
        f"One request would open more than {MAX_OPENED:,} alerts. `detail` says how many. Nothing "
        "was stored.",
        "Send fewer rows at once; give a threshold a higher amount, fewer levels or one category.",
    ),
    Problem.THROTTLED: Explanation(
        "The credential or the IP address sent too many requests, too many requests from the IP "
        "address had no valid credential, or the user asked for too many examples and replays of "
        "endpoints. `RateLimit-Policy` names the limits, `RateLimit` what is left of each. Nothing "
        "was stored.",
        "Wait for `Retry-After` seconds, then repeat it; send fewer requests with more rows each.",
    ),
    Problem.HEADERS_TOO_LARGE: Explanation(
        f"One header has more than {HEADER_FIELD:,} bytes, all of them have more than "
        f"{HEADERS:,}, or there are more than 100.",
        "Send fewer headers; delete cookies of other services.",
    ),
    Problem.INTERNAL: Explanation(
        "The server failed unexpectedly. It was logged. Nothing was stored.",
        "Repeat it once, a POST with its `Idempotency-Key`; then report it.",
    ),
    Problem.BUSY: Explanation(
        "The database did not answer in time: a lock, or a lost connection. If the connection was "
        "lost at the end of a write, it is not known whether it was stored: send it again with the "
        "same Idempotency-Key.",
        "Repeat it after `Retry-After` seconds, a POST with its `Idempotency-Key`.",
    ),
}

HEAD = """\
# Errors

Every error of the API is `application/problem+json` (RFC 9457): `type`, `title`, `status`, `detail`
and, if several things can be wrong at once, `errors`, each with a `pointer` into the body or the
name of a `parameter`. Branch on `type`, which never changes; `title` and `detail` are for people
and may change. The type is a path of the service, which shows the same text as this page.
Paths under `/_allauth/` use allauth's shape; `/api/docs` has it.

<!-- Written by `manage.py openapi --write` from api/openapi/errors.py. -->
"""


def anchor(problem: Problem) -> str:
    """The last part of the type's path."""
    return problem.type.rpartition("/")[2]


def errors_in_markdown() -> str:
    """docs/errors.md: each kind of problem, by status."""
    parts = [HEAD]
    for problem in Problem:
        explained = EXPLAINED[problem]
        parts.append(
            f"## {anchor(problem)}\n\n"
            f"`{problem.type}`, status {problem.status}: {problem.title}.\n\n"
            f"**When.** {explained.when}\n\n**Then.** {explained.then}\n"
        )
    return "\n".join(parts)
