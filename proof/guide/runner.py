"""Runs the commands of the AWS guides, in order, with the real aws command.

Each section has a new shell in which only the blocks of "A new shell" were typed, as for
somebody who comes back a day later. The first line of a block says where it runs: ```sh
run=ministack or run=moto, the two stand-ins for AWS, or run=none why="...". A comment before a
block prepares what a stand-in cannot do, such as take an image: <!-- stand-in: COMMAND -->.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import select
import shlex
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, cast

from tools.programs import ROOT, Broken, free_port, listens, wait_for

# The guide to a deployment, then what is done with one.
GUIDES = [ROOT / "docs" / name for name in ("aws-deployment.md", "aws-more.md")]
HERE = Path(__file__).parent
# Hands a call, with what it reads and writes, to the process that has the aws command loaded.
CALLER = """#!{python} -IS
import json, os, socket, sys
call = {{"arguments": sys.argv[1:], "folder": os.getcwd(), "environment": dict(os.environ)}}
with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as door:
    door.connect("{door}")
    socket.send_fds(door, [json.dumps(call).encode()], [0, 1, 2])
    status = door.recv(1)
sys.exit(status[0] if status else 255)
"""
# Nothing that a stand-in does takes so long that a loop has to wait.
SLEEP = "#!/bin/sh\nexec /bin/sleep 0.1\n"
PLACES = ("ministack", "moto", "none")
ACCOUNT = "123456789012"
# Seconds that a command may take.
PATIENCE = 120

FENCE = re.compile(r"```(sh|bash|shell|console)\b(.*)")
PREPARATION = re.compile(r"<!-- stand-in: (.*) -->")
INVOCATION = re.compile(r"(?:^|[\s(|&;!])aws (?:--\S+ +\S+ +)*([a-z0-9-]+ [a-z0-9-]+)")
ASSIGNMENT = re.compile(r"([A-Z_]+)=\$\(")
HEADING = re.compile(r"(##+) (.*)")
OPENING = "A new shell"
ROW = re.compile(r"^\| `aws ([a-z0-9-]+ [a-z0-9-]+)` \|", re.MULTILINE)


class Misspelt(Exception):
    """A block cannot be understood; the text says where and why."""


@dataclass
class Command:
    """One command of a block: a line of the shell with what continues it."""

    place: str
    text: str

    def __str__(self) -> str:
        """Its place and the beginning of its text."""
        return f"{self.place}: {self.text.splitlines()[0][:90]}"


@dataclass
class Block:
    """A block of commands, where it runs, and what prepares the stand-in for it."""

    place: str
    commands: list[Command]
    # The second-level heading above it, and whether every shell begins with this block.
    section: str
    opens: bool


@dataclass
class Report:
    """What became of a guide. calls: service and operation of each aws command that was run."""

    faults: list[str] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)


def guides() -> dict[str, str]:
    """Give the text of each page by its name."""
    return {path.name: path.read_text() for path in GUIDES}


def blocks(page: str, guide: str) -> Iterator[Block]:
    """Give the blocks of a page. Raises Misspelt."""
    preparations: list[Command] = []
    section = heading = ""
    lines = ((f"{page} line {number}", line) for number, line in enumerate(guide.splitlines(), 1))
    for at, line in lines:
        if title := HEADING.match(line):
            heading = title[2]
            section = heading if title[1] == "##" else section
        elif found := PREPARATION.fullmatch(line):
            preparations.append(Command(at, found[1]))
        elif fence := FENCE.match(line):
            tags = dict(part.partition("=")[::2] for part in shlex.split(fence[2]))
            place, why = tags.get("run", ""), tags.get("why", "")
            if place not in PLACES or (place == "none") != bool(why):
                raise Misspelt(f"{at}: {line} does not say where it runs, or why nowhere")
            if place == "none" and preparations:
                raise Misspelt(f"{at}: a preparation of what is not run")
            body = itertools.takewhile(lambda item: item[1] != "```", lines)
            yield Block(place, [*preparations, *commands(body)], section, heading == OPENING)
            preparations = []


def commands(body: Iterator[tuple[str, str]]) -> Iterator[Command]:
    """Give the commands of a block: lines are joined until the shell finds them complete."""
    gathered: list[str] = []
    begun = ""
    for at, text in body:
        if not gathered and (not text.strip() or text.startswith("#")):
            continue
        begun = begun if gathered else at
        gathered.append(text)
        if not text.endswith("\\") and is_complete("\n".join(gathered)):
            yield Command(begun, "\n".join(gathered))
            gathered = []
    if gathered:
        raise Misspelt(f"{begun}: a command that does not end")


def is_complete(text: str) -> bool:
    done = subprocess.run(["bash", "-n"], input=text, text=True, capture_output=True, check=False)
    return done.returncode == 0


class Shell:
    """One bash for a section, so that a command can use what an earlier one has set."""

    def __init__(self, environment: dict[str, str], folder: Path) -> None:
        self.process = subprocess.Popen(
            ["bash", "--noprofile", "--norc"],
            env=environment,
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self.mark = f"mark-{os.urandom(8).hex()}"
        self.run("set -uo pipefail")

    def run(self, text: str) -> tuple[int, str]:
        """Run a command; give its status and output. Raises Broken if it takes too long."""
        stdin, stdout = cast(IO[bytes], self.process.stdin), cast(IO[bytes], self.process.stdout)
        stdin.write(f"{{ {text}\n}} </dev/null; printf '\\n{self.mark} %s\\n' $?\n".encode())
        stdin.flush()
        said, until = b"", time.monotonic() + PATIENCE
        end = re.compile(rf"\n{self.mark} (\d+)\n".encode())
        while not (found := end.search(said)):
            ready, _, _ = select.select([stdout], [], [], max(0.0, until - time.monotonic()))
            piece = os.read(stdout.fileno(), 65536) if ready else b""
            if not piece:
                heard = said.decode(errors="replace")
                raise Broken(f"no answer in {PATIENCE} s, or the shell ended: {text}\n{heard}")
            said += piece
        return int(found[1]), said[: found.start()].decode(errors="replace")

    def fault(self, text: str) -> str:
        """Run a command; say how it failed, also if what it assigns is empty. "" for success."""
        status, said = self.run(text)
        if status:
            return f"status {status}\n{said[-1500:]}"
        if found := ASSIGNMENT.match(text):
            empty, _ = self.run(f'[ -n "${found[1]}" ] && [ "${found[1]}" != None ]')
            return f"{found[1]} is empty\n{said[-1500:]}" if empty else ""
        return ""

    def close(self) -> None:
        """End the shell and everything it left running."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.communicate()


@contextlib.contextmanager
def served(
    words: list[str], ready: Callable[[], bool], environment: dict[str, str]
) -> Iterator[None]:
    """Run a process while it is needed. Raises Broken, with its output, if it does not answer."""
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            words, env=environment, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
        )
        try:
            wait_for(lambda: ready() or process.poll() is not None, words[0])
            if process.poll() is not None:
                log.seek(0)
                raise Broken(log.read().decode(errors="replace")[-2000:])
            yield
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@contextlib.contextmanager
def stand_ins(binaries: Path, home: Path) -> Iterator[dict[str, str]]:
    """Run both stand-ins; give the address of each."""
    bare = {"PATH": os.environ["PATH"], "HOME": str(home), "PYTHONUNBUFFERED": "1"}
    mini, moto = free_port(), free_port()
    settings = {
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(mini),
        "IOT_MTLS_ENABLED": "0",
        "MINISTACK_ACCOUNT_ID": ACCOUNT,
        "MINISTACK_REGION": "eu-west-1",
    }
    first = [str(binaries / "python"), str(HERE / "standin.py")]
    other = [str(binaries / "moto_server"), "-H", "127.0.0.1", "-p", str(moto)]
    with (
        served(first, lambda: listens(mini), bare | settings),
        served(other, lambda: listens(moto), bare),
    ):
        yield {"ministack": f"http://127.0.0.1:{mini}", "moto": f"http://127.0.0.1:{moto}"}


@contextlib.contextmanager
def loaded_aws(binaries: Path, folder: Path) -> Iterator[Path]:
    """Load the aws command once; give a folder with a command aws that is a call of it."""
    place, door = folder / "aws", folder / "aws" / "door"
    place.mkdir()
    for name, text in (
        ("aws", CALLER.format(python=binaries / "python", door=door)),
        ("sleep", SLEEP),
    ):
        (place / name).write_text(text)
        (place / name).chmod(0o755)
    bare = {"PATH": os.environ["PATH"], "HOME": str(folder), "LANG": "C.UTF-8"}
    words = [str(binaries / "python"), str(HERE / "loaded.py"), str(door), str(folder / "calls")]
    with served(words, door.exists, bare):
        yield place


def run(binaries: Path, pages: dict[str, str]) -> Report:
    """Run the pages of a guide, one after the other.

    binaries: the folder with aws, moto_server and a Python that has ministack.
    """
    report = Report()
    try:
        found = [block for page, text in pages.items() for block in blocks(page, text)]
    except Misspelt as error:
        report.faults.append(str(error))
        return report
    listed = set(ROW.findall("\n".join(pages.values())))
    report.faults += [
        f"aws {call} is not run, and not in the table" for call in left(found) - listed
    ]
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        for name in ("deploy", "docs"):
            (home / name).symlink_to(ROOT / name)
        with stand_ins(binaries, home) as addresses, loaded_aws(binaries, home) as aws:
            given = environment([aws, binaries], home, addresses["ministack"])
            opening: list[Block] = []
            for _, section in itertools.groupby(found, key=lambda block: block.section):
                with new_shell(given, home, opening) as shell:
                    for block in section:
                        if block.place == "none":
                            continue
                        opening += [block] if block.opens else []
                        shell.run(f"export AWS_ENDPOINT_URL={addresses[block.place]}")
                        for command in block.commands:
                            if fault := shell.fault(command.text):
                                report.faults.append(f"{command}: {fault}")
        report.calls = (home / "calls").read_text().splitlines()
    report.faults += [f"aws {call} is in the table, and run" for call in listed & {*report.calls}]
    return report


@contextlib.contextmanager
def new_shell(given: dict[str, str], folder: Path, opening: list[Block]) -> Iterator[Shell]:
    """Open a shell and type what opens each."""
    shell = Shell(given, folder)
    try:
        for block in opening:
            for command in block.commands:
                shell.run(command.text)
        yield shell
    finally:
        shell.close()


def environment(commands: list[Path], home: Path, address: str) -> dict[str, str]:
    """Give the shell's environment: nothing of this machine's, and keys that open nothing."""
    return {
        "AWS_ACCESS_KEY_ID": ACCOUNT,
        "AWS_ENDPOINT_URL": address,
        "AWS_MAX_ATTEMPTS": "2",
        "AWS_PAGER": "",
        "AWS_SECRET_ACCESS_KEY": "none",
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "PATH": ":".join([*map(str, commands), os.environ["PATH"]]),
    }


def left(found: list[Block]) -> set[str]:
    """Give service and operation of the aws commands that are not run."""
    return {
        call
        for block in found
        if block.place == "none"
        for command in block.commands
        for call in INVOCATION.findall(re.sub(r"\\\n\s*", "", command.text))
    }
