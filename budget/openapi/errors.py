"""What each kind of problem means: told at its own address and in docs/errors.md."""

from __future__ import annotations

from typing import NamedTuple

from budget.http.problems import Problem


class Explanation(NamedTuple):
    """When a problem is answered, and what the client does then; both in Markdown."""

    when: str
    then: str


EXPLAINED: dict[Problem, Explanation] = {
    Problem.MALFORMED: Explanation(
        "The request cannot be read at all: the body is empty, no JSON, no JSON object, not UTF-8, "
        "nested too deeply, has a key twice, `NaN`, a number of thousands of digits, a NUL "
        "character or half of a surrogate pair; or the host, a header or the path is malformed.",
        "Mend the client; the same request will fail again.",
    ),
    Problem.PARAMETERS: Explanation(
        "A parameter of the query string is unknown, given twice or out of its bounds, or a "
        "`cursor` is not of this list. Each entry of `errors` names its `parameter`; of two that "
        "contradict each other, the later one.",
        "Mend the parameters. With a stale cursor begin again at the first page.",
    ),
    Problem.UNAUTHENTICATED: Explanation(
        "No credential was sent, or one that is malformed, unknown, expired or revoked, or a "
        "session that has ended or still owes its second factor. `WWW-Authenticate` says more of a "
        "token. A wrong credential is never passed over for another one.",
        "Log in again, or send another token.",
    ),
    Problem.CSRF: Explanation(
        "A write came with the session cookie and without the CSRF token.",
        "Send the value of the `csrftoken` cookie in the header `X-CSRFToken`.",
    ),
    Problem.SCOPE: Explanation(
        "The credential is right and does not reach so far: a token of scope `read` that writes, "
        "a token where a login is needed, a service's token where a person is needed.",
        "Use a credential that reaches so far; this one never will.",
    ),
    Problem.REAUTHENTICATE: Explanation(
        "The account has a second factor, and this takes a proof that is minutes old.",
        "Authenticate again at `/_allauth/{app|browser}/v1/auth/2fa/reauthenticate`, then repeat "
        "the request.",
    ),
    Problem.FORBIDDEN: Explanation(
        "The account may not do this.",
        "Do not repeat it.",
    ),
    Problem.NOT_FOUND: Explanation(
        "There is no such address, or no such row, or it belongs to somebody else: the answer does "
        "not tell which. So it is too where a parameter names such a row, or a body by its id: "
        "then `errors` has the `pointer`.",
        "Take the row off the screen, or look it up again.",
    ),
    Problem.METHOD: Explanation(
        "The address is right and the method is not. `Allow` names those there are.",
        "Mend the client.",
    ),
    Problem.CONFLICT: Explanation(
        "What was asked for is right in itself and the rows that are there forbid it: a name, slug "
        "or `external_id` is taken, a category is in use, a built-in row is to be edited, an alert "
        "of a threshold is to be closed, a maximum is reached; or a token's creation is repeated "
        "with its `Idempotency-Key`, whose answer is not kept.",
        "Read the rows again and let the user decide; `detail` says what stands in the way.",
    ),
    Problem.STALE: Explanation(
        "The pages of an answer add up to its totals, so all of them must be of one state of the "
        "rows. Since the page before this one something has been stored, or a day has begun.",
        "Begin again at the first page.",
    ),
    Problem.RUNNING: Explanation(
        "A request with the same `Idempotency-Key` has not been answered yet.",
        "Repeat it with the same key after `Retry-After` seconds.",
    ),
    Problem.LENGTH: Explanation(
        "The body comes in chunks, without a `Content-Length`.",
        "Send the length.",
    ),
    Problem.PRECONDITION: Explanation(
        "`If-Match` names a state of the row that is no longer the present one: somebody else has "
        "changed it.",
        "Read the row again, apply the change to it, and send it with the new `ETag`.",
    ),
    Problem.TOO_LARGE: Explanation(
        "The body has more than 1 MiB. It was not read.",
        "Send less at a time.",
    ),
    Problem.MEDIA_TYPE: Explanation(
        "The body is not declared as JSON in UTF-8.",
        "Send `Content-Type: application/json`.",
    ),
    Problem.KEY_REUSED: Explanation(
        "The `Idempotency-Key` came with another body before.",
        "Take a new key for a new request.",
    ),
    Problem.VALIDATION: Explanation(
        "The JSON can be read and some of its fields are missing, unknown or out of their bounds. "
        "All of them are in `errors`, each with a `pointer` (a JSON Pointer into the body, as a "
        "URI fragment; `#` is all of it). Nothing was stored.",
        "Show each `detail` beside its field.",
    ),
    Problem.OVERFLOW: Explanation(
        "The write would make a total larger than can be held (9 000 000 000 000 000 minor units). "
        "Nothing was stored.",
        "Look at the amounts; one of them is hardly meant.",
    ),
    Problem.THROTTLED: Explanation(
        "The credential or the address asked too often, or too many requests from the address had "
        "no valid credential. `RateLimit-Policy` names the limits, `RateLimit` what is left of "
        "each. Nothing was stored.",
        "Wait for `Retry-After` seconds, then repeat it; ask less often, and many rows at once.",
    ),
    Problem.INTERNAL: Explanation(
        "The server failed in a way that nobody foresaw. It was logged. Nothing was stored.",
        "Repeat it once, a POST with its `Idempotency-Key`; then report it.",
    ),
    Problem.BUSY: Explanation(
        "The database could not do it in time: a lock, a lost connection. Where the connection was "
        "lost as a write ended, nobody can say whether it was stored: send it again with the same "
        "Idempotency-Key.",
        "Repeat it after `Retry-After` seconds, a POST with its `Idempotency-Key`.",
    ),
}

HEAD = """\
# Errors

Every error of the API is `application/problem+json` (RFC 9457): `type`, `title`, `status`, `detail`
and, where several things can be wrong at once, `errors`, each with a `pointer` into the body or the
name of a `parameter`. Clients branch on `type`, which stays as it is; `title` and `detail` are for
people and may be worded anew. The type is an address of the service itself, which answers with what
stands here. Addresses under `/_allauth/` answer in allauth's own shape; `/api/docs` has it.

<!-- Written by `manage.py openapi --write` from budget/openapi/errors.py. -->
"""


def anchor(problem: Problem) -> str:
    """The last part of the type's address."""
    return problem.type.rpartition("/")[2]


def errors_in_markdown() -> str:
    """docs/errors.md: each kind of problem, by status."""
    parts = [HEAD]
    for problem in Problem:
        told = EXPLAINED[problem]
        parts.append(
            f"## {anchor(problem)}\n\n"
            f"`{problem.type}`, status {problem.status}: {problem.title}.\n\n"
            f"**When.** {told.when}\n\n**Then.** {told.then}\n"
        )
    return "\n".join(parts)
