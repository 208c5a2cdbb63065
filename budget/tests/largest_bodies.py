"""The nastiest bodies of the largest size that is allowed, sent to every address that takes one.

Runs as a separate process, on a new empty database, and prints a line of JSON for each
request: what was sent, what was answered, and what it cost. `python -m budget.tests.largest_bodies`
"""

from __future__ import annotations

import gc
import json
import resource
import time
from collections.abc import Iterable, Iterator
from typing import Any

import django
from django.test import Client, override_settings

SIZE = 1024 * 1024
UNITS = ("{}", "[]", "0", "1.5", '""', "null")
# What allauth's endpoints read.
NAMES = ("email", "password", "code", "key", "credential")


def filled(head: str, unit: str, tail: str) -> bytes:
    """A body as large as may be, with as many units between head and tail as go in."""
    count = (SIZE - len(head) - len(tail)) // len(unit)
    return (head + unit * count + tail).encode()


def listed(head: str, unit: str, tail: str) -> bytes:
    """The same with commas between the units."""
    return filled(head, f"{unit},", unit + tail)


def many_names(head: str, tail: str) -> bytes:
    """As many fields that no schema has as go in."""
    names = ",".join(f'"z{number:05x}":0' for number in range(SIZE // 11 - 10))
    return (head + names + tail).encode()


def full_items(count: int, names: int) -> bytes:
    """A list of objects, each with some fields that no schema has."""
    item = "{" + ",".join(f'"z{number}":0' for number in range(names)) + "}"
    return ('{"items":[' + ",".join([item] * count) + "]}").encode()


def bodies(fields: Iterable[str]) -> Iterator[tuple[str, bytes]]:
    """Each body with a name for it. fields: those that the address knows."""
    for field in fields:
        yield f"long {field}", filled(f'{{"{field}":"', "x", '"}')
        yield f"{field} of objects", listed(f'{{"{field}":[', "{}", "]}")
    for field in {"items", "conditions", "levels"} & set(fields):
        for unit in UNITS:
            yield f"{field} of {unit}", listed(f'{{"{field}":[', unit, "]}")
        yield f"unknown fields in {field}", many_names(f'{{"{field}":[{{', "}]}")
    yield "objects that are unknown", listed('{"z":[', "{}", "]}")
    yield "decimal numbers", listed('{"z":[', "1e1", "]}")
    yield "digits", filled('{"amount":', "7", ".5}")
    yield "blanks", filled('{"name":"', " ", '"}')
    yield "escapes", filled('{"name":"', "\\u00e9", '"}')
    yield "unknown fields", many_names("{", "}")
    yield "unknown fields in items", full_items(1000, 100)
    yield "as many errors as the values allow", full_items(1000, 18)
    yield "a long unknown field", filled('{"', "x", '":0}')
    yield "a long unknown field of escapes", filled('{"', "\\ud83d\\ude00", '":0}')


def routes() -> Iterator[tuple[str, str, list[str]]]:
    """Every method and address that reads a body, with the fields that it knows."""
    from allauth.headless import urls as headless

    from api.http.door import Door
    from api.urls import documented

    for pattern in documented:
        assert isinstance(pattern.callback, Door)
        for method, endpoint in pattern.callback.endpoints.items():
            if endpoint.body is not None:
                fields = {*endpoint.body.model_fields, *(["items"] if endpoint.batch_body else [])}
                yield method, f"/api/{with_key(pattern.pattern)}", sorted(fields)
    for path in addresses("/_allauth/", headless.urlpatterns):
        if path.startswith(("/_allauth/app/", "/_allauth/browser/")):
            yield "POST", path, [*NAMES]


def with_key(pattern: object) -> str:
    return str(pattern).replace("<int:key>", "1").replace("<key:key>", "1")


def addresses(prefix: str, patterns: Iterable[Any]) -> Iterator[str]:
    for found in patterns:
        here = prefix + str(found.pattern)
        if hasattr(found, "url_patterns"):
            yield from addresses(here, found.url_patterns)
        else:
            yield here


def peak() -> int:
    """The most memory that this process has ever had, KiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def send(client: Client, method: str, path: str, name: str, body: bytes) -> dict[str, Any]:
    # The test client's requests lie in cycles, each with its body.
    gc.collect()
    before, start = peak(), time.process_time()
    answer = client.generic(method, path, body, content_type="application/json")
    seconds = time.process_time() - start
    problem = answer["Content-Type"] == "application/problem+json"
    found = json.loads(answer.content) if problem else {}
    return {
        "request": f"{method} {path}: {name}",
        "bytes": len(body),
        "status": answer.status_code,
        "errors": len(found.get("errors", ())),
        "more_errors": found.get("more_errors", 0),
        "answer": len(answer.content),
        "seconds": round(seconds, 3),
        "peak": peak(),
        "grown": peak() - before,
    }


def main() -> None:
    from django.contrib.auth.models import User
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    alice = User.objects.create_user("alice", password="swordfish")
    client = Client()
    client.force_login(alice)
    # What is made once for all requests is no part of what one costs.
    for method, path, _ in routes():
        client.generic(method, path, b"{}", content_type="application/json")
    gc.freeze()
    start = peak()
    for method, path, fields in routes():
        for name, body in bodies(fields):
            found = send(client, method, path, name, body)
            print(json.dumps({**found, "start": start}), flush=True)


if __name__ == "__main__":
    django.setup()
    # allauth counts what one address sends; every shape is to be looked at.
    with override_settings(ACCOUNT_RATE_LIMITS=False):
        main()
