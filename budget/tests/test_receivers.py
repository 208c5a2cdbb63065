"""The receivers of docs/notifications.md take what the service sends, and nothing else."""

from __future__ import annotations

import http.client
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.utils import timezone

from lib.webhook import new_secret, signed
from tools.programs import free_port

pytestmark = pytest.mark.any_postgres

DOCS = Path(__file__).parents[2] / "docs" / "notifications"
NODE = shutil.which("node")
RECEIVERS = {
    "receiver.py": [sys.executable],
    "receiver.js": [NODE or "node"],
}
BODY = b'{"type":"alert.opened","data":{"alert":{"message":"Caf\xc3\xa9: limit reached"}}}'


@contextmanager
def running(name: str, secret: str) -> Iterator[tuple[int, subprocess.Popen[str]]]:
    if name.endswith(".js") and NODE is None:
        pytest.skip("Node.js is not installed")
    port = free_port()
    command = [*RECEIVERS[name], str(DOCS / name), str(port), secret]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, encoding="utf-8")
    try:
        yield port, process
    finally:
        process.terminate()
        process.communicate()


def post(port: int, headers: dict[str, str], body: bytes = BODY) -> int:
    """The status of the answer; waits until somebody listens."""
    ends = time.monotonic() + 30
    while True:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        try:
            connection.request("POST", "/", body, headers)
            return connection.getresponse().status
        except ConnectionRefusedError:
            assert time.monotonic() < ends
            time.sleep(0.05)
        finally:
            connection.close()


@pytest.mark.parametrize("name", RECEIVERS)
def test_a_receiver_takes_each_message_once_and_only_ours(name: str) -> None:
    secret, now = new_secret(), timezone.now()
    with running(name, secret) as (port, process):
        ours = signed("event_7_1", BODY, now, [new_secret(), secret])
        assert post(port, ours) == 204
        assert post(port, ours) == 204
        assert post(port, signed("event_7_2", BODY, now, [new_secret()])) == 400
        assert post(port, ours, BODY.replace(b"limit", b"Limit")) == 400
        assert post(port, signed("event_7_3", BODY, now, [secret])) == 204
        process.terminate()
        assert process.stdout is not None
        said = process.stdout.read().splitlines()
    assert said == ["alert.opened Café: limit reached"] * 2
