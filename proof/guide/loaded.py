"""The aws command, loaded once: each call is a fork of a process that waits for calls.

Loading takes most of a second, and the guide calls it hundreds of times. Runs with the Python of
the stand-ins' environment: .deploy/standins/bin/python proof/guide/loaded.py SOCKET CALLS, where
CALLS is a file that gets service and operation of each call.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import time
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import botocore.waiter
from awscli import clidriver
from awscli.customizations.cloudformation import deploy

LONGEST = 1 << 17
# Where its descriptions of services are, which it sets as it loads.
DATA = {"AWS_DATA_PATH": os.environ["AWS_DATA_PATH"]}


# A stand-in is done at once, so no waiter has to sleep for half a minute.
botocore.waiter.time = SimpleNamespace(sleep=lambda seconds: time.sleep(min(seconds, 0.2)))


def serve(path: str, calls: Path) -> None:
    """Answer the calls that come to a socket, for ever."""
    # Made for what it imports; each call makes another one.
    clidriver.create_clidriver()
    calls.touch()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as door:
        door.bind(path)
        door.listen()
        while True:
            call, _ = door.accept()
            if os.fork() == 0:
                door.close()
                answer(call, calls)
            call.close()


def answer(call: socket.socket, calls: Path) -> None:
    """Be the command that was called, in this process, and end it."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    text, files, _, _ = socket.recv_fds(call, LONGEST, 3)
    told = json.loads(text)
    for number, file in enumerate(files):
        os.dup2(file, number)
    os.chdir(told["folder"])
    os.environ.clear()
    os.environ.update(told["environment"] | DATA)
    sys.argv = ["aws", *told["arguments"]]
    words = [word for word in sys.argv[1:] if not word.startswith("-")]
    with calls.open("a") as log:
        log.write(" ".join(words[:2]) + "\n")
    # Change sets are named by the second: here, where a stack takes none, two would have one name.
    prefix = f"awscli-cloudformation-package-deploy-{os.getpid()}-"
    deploy.Deployer = partial(deploy.Deployer, changeset_prefix=prefix)
    try:
        status = clidriver.main()
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
    sys.stdout.flush()
    sys.stderr.flush()
    call.send(bytes([status or 0]))
    os._exit(0)


if __name__ == "__main__":
    serve(sys.argv[1], Path(sys.argv[2]))
