"""Nothing of a run is left behind, even where the run itself is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from deploy.machines.programs import ROOT, Broken, Place, free_port, wait_for

pytestmark = pytest.mark.once

SLEEP = (sys.executable, "-c", "import time; time.sleep(600)")
# Heeds no signal that can be ignored, and tells when it has come so far.
STUBBORN = """
import signal, time
for number in (signal.SIGQUIT, signal.SIGTERM, signal.SIGINT):
    signal.signal(number, signal.SIG_IGN)
print("deaf", flush=True)
time.sleep(600)
"""
# A run of its own: prints its folder and its program's process, and waits to be killed.
RUN = f"""
import signal, time
# Of a job in the background, a shell has the interrupt ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)
from deploy.machines.programs import Place
with Place() as place:
    program = place.program("sleep", *{SLEEP!r})
    program.start()
    print(place.folder, program.running.pid, flush=True)
    time.sleep(600)
"""


def alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and that nobody has waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def soon(condition: Callable[[], bool]) -> bool:
    until = time.monotonic() + 60
    while not (met := condition()) and time.monotonic() < until:
        time.sleep(0.05)
    return met


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_a_run_that_is_ended_leaves_nothing(number: int) -> None:
    run = subprocess.Popen([sys.executable, "-c", RUN], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert run.stdout is not None
    with run.stdout:
        folder, pid = run.stdout.readline().split()
        assert alive(int(pid))
        assert Path(folder).is_dir()
        run.send_signal(number)
        run.wait(60)
    assert soon(lambda: not alive(int(pid)))
    assert soon(lambda: not Path(folder).exists())


def test_what_does_not_heed_a_signal_is_ended_all_the_same() -> None:
    with Place() as place:
        program = place.program("deaf", sys.executable, "-c", STUBBORN)
        program.start()
        wait_for(lambda: "deaf" in program.tail(), "deaf")
        pid = program.running.pid
    assert not alive(pid)
    assert not place.folder.exists()


def test_a_program_is_started_killed_and_started_again() -> None:
    with Place() as place:
        program = place.program("sleep", *SLEEP)
        with pytest.raises(Broken, match="sleep was not started"):
            program.kill()
        program.start()
        first = program.running.pid
        program.kill()
        assert not alive(first)
        program.start()
        assert alive(program.running.pid)
        assert program.end(signal.SIGTERM) == -signal.SIGTERM


def test_a_command_that_fails_says_why() -> None:
    with Place() as place, pytest.raises(Broken, match="no such thing"):
        place.call(sys.executable, "-c", "import sys; sys.exit('no such thing')")


def test_waiting_ends() -> None:
    with pytest.raises(Broken, match="godot: not within"):
        wait_for(lambda: False, "godot", 0.1)
    assert wait_for(lambda: os.getpid() > 0, "now") >= 0


def test_no_two_are_given_one_port() -> None:
    assert len({free_port() for _ in range(1000)}) == 1000
