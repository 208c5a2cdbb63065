"""Runs the guide's command blocks, in order, with the real aws command.

Each section has a shell of its own that has typed the blocks of "A new shell" and nothing else, as
whoever comes back a day later has. A block says in its first line where it runs: ```sh
run=ministack or run=moto, the two that stand in for AWS, or run=none why="...". What a stand-in
cannot do, such as take an image, is put right by a comment before the block: <!-- stand-in: COMMAND
-->.
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

from deploy.machines.programs import free_port, listens

ROOT = Path(__file__).resolve().parent.parent.parent
GUIDE = ROOT / "docs" / "aws-deployment.md"
STANDIN = ROOT / "deploy" / "guide" / "standin.py"
LOADED = ROOT / "deploy" / "guide" / "loaded.py"
# Hands a call, with what it reads and writes, to the process that has the aws command loaded.
CALLER = """#!{python} -IS
import json, os, socket, sys
told = {{"arguments": sys.argv[1:], "folder": os.getcwd(), "environment": dict(os.environ)}}
with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as call:
    call.connect("{door}")
    socket.send_fds(call, [json.dumps(told).encode()], [0, 1, 2])
    status = call.recv(1)
sys.exit(status[0] if status else 255)
"""
PLACES = ("ministack", "moto", "none")
LEAST = 60
ACCOUNT = "123456789012"
# Seconds that a command may take, and that a stand-in may take to start.
PATIENCE = 120
START = 60

FENCE = re.compile(r"```(sh|bash|shell|console)\b(.*)")
PREPARATION = re.compile(r"<!-- stand-in: (.*) -->")
INVOCATION = re.compile(r"(?:^|[\s(|&;!])aws ((?:--\S+ +\S+ +)*)([a-z0-9-]+)(?: ([a-z0-9-]+))?")
ASSIGNMENT = re.compile(r"([A-Z_]+)=\$\(")
DEFINITION = re.compile(r"(\w+)\(\)")
# Where the shell takes a word for a command's name.
STARTS = r"(?:^|\$\(|&&|\|\||[|;{!]|\bdo|\bthen|\buntil|\bwhile)\s*"
HEADING = re.compile(r"(##+) (.*)")
OPENING = "A new shell"
ROW = re.compile(r"^\| `aws ([a-z0-9-]+ [a-z0-9-]+)` \|", re.MULTILINE)


@dataclass
class Command:
    """One command of a block: a line of the shell with what continues it."""

    line: int
    text: str
    # What each function that is defined before it calls.
    functions: dict[str, list[str]] = field(default_factory=dict)

    @property
    def defines(self) -> str:
        """The name of the function that it defines; empty for any other command."""
        found = DEFINITION.match(self.text)
        return found[1] if found else ""

    @property
    def calls(self) -> list[str]:
        """What of aws it calls, as service and operation; a function's where that is called."""
        return [] if self.defines else self.body_calls()

    def body_calls(self) -> list[str]:
        """What of aws stands in it, itself or as a function."""
        line = re.sub(r"\\\n\s*", "", self.text)
        found = [f"{service} {operation}" for _, service, operation in INVOCATION.findall(line)]
        for name, calls in self.functions.items():
            times = len(re.findall(rf"{STARTS}{name}(?![\w(=./-])", line, re.MULTILINE))
            found += calls * times
        return found

    @property
    def title(self) -> str:
        """Its first line, or as much as fits."""
        first = self.text.splitlines()[0].rstrip("\\ ")
        return first if len(first) <= 90 else f"{first[:89]}…"


@dataclass
class Block:
    """A block of commands, where it runs, and what makes the stand-in ready for it."""

    line: int
    place: str
    preparations: list[str]
    commands: list[Command]
    # The second-level heading that it stands under, and whether each shell begins with it.
    section: str = ""
    opens: bool = False


@dataclass
class Outcome:
    """What became of a command. status: the shell's; None where it was not run."""

    command: Command
    place: str
    status: int | None
    seconds: float
    said: str

    def text(self) -> str:
        """Give a line, and where it failed what was said."""
        word = {0: "pass", None: "left"}.get(self.status, "FAIL")
        place = f"{self.place:<9}{self.seconds:5.1f} s"
        lines = [f"  {word}  {place}  line {self.command.line:<4} {self.command.title}"]
        if word == "FAIL":
            lines += [f"        {line}" for line in self.said.strip().splitlines()[-12:]]
        return "\n".join(lines)


@dataclass
class Report:
    """What became of the whole guide."""

    outcomes: list[Outcome] = field(default_factory=list)
    misspelt: list[str] = field(default_factory=list)
    unlisted: list[str] = field(default_factory=list)
    least: int = LEAST

    @property
    def ran(self) -> int:
        """How many calls of aws were made and went well."""
        return sum(len(found.command.calls) for found in self.outcomes if found.status == 0)

    @property
    def left(self) -> int:
        """How many calls of aws no stand-in covers."""
        return sum(len(found.command.calls) for found in self.outcomes if found.status is None)

    def faults(self) -> Iterator[str]:
        """Give a line for each thing that is wrong."""
        yield from self.misspelt
        yield from self.unlisted
        for found in self.outcomes:
            if found.status:
                yield f"line {found.command.line}: {found.command.title}: status {found.status}"
        if self.ran < self.least:
            yield f"{self.ran} aws commands ran; at least {self.least} must"

    def summary(self) -> str:
        """Say in one line what was run."""
        return (
            f"{self.ran} aws commands ran; {self.left} that no stand-in covers stand in its table"
        )


def blocks(guide: str) -> Iterator[Block]:
    """Give the blocks of a guide. Raises ValueError, with the line, for one that is not tagged."""
    preparations: list[str] = []
    functions: dict[str, list[str]] = {}
    section = heading = ""
    lines = enumerate(guide.splitlines(), start=1)
    for number, line in lines:
        if title := HEADING.match(line):
            heading = title[2]
            section = heading if title[1] == "##" else section
        elif found := PREPARATION.fullmatch(line):
            preparations.append(found[1])
        elif fence := FENCE.match(line):
            tags = dict(part.partition("=")[::2] for part in shlex.split(fence[2]))
            place, why = tags.get("run", ""), tags.get("why", "")
            if place not in PLACES or (place == "none") != bool(why):
                raise ValueError(
                    f"line {number}: {line} does not say where it runs, or why nowhere"
                )
            if place == "none" and preparations:
                raise ValueError(f"line {number}: nothing is made ready for what is not run")
            body = list(itertools.takewhile(lambda item: item[1] != "```", lines))
            told = list(commands(body, functions))
            yield Block(number, place, preparations, told, section, heading == OPENING)
            preparations = []


def commands(body: list[tuple[int, str]], functions: dict[str, list[str]]) -> Iterator[Command]:
    """Give the commands of a block: lines are taken together until the shell finds them whole.

    `functions` learns what each function calls that is defined there.
    """
    gathered: list[str] = []
    begun = 0
    for number, text in body:
        if not gathered and (not text.strip() or text.startswith("#")):
            continue
        begun = begun if gathered else number
        gathered.append(text)
        whole = "\n".join(gathered)
        if not text.endswith("\\") and shell_finds_whole(whole):
            command = Command(begun, whole, functions)
            if command.defines:
                functions[command.defines] = command.body_calls()
            yield command
            gathered = []
    if gathered:
        raise ValueError(f"line {begun}: a command that does not end")


def shell_finds_whole(text: str) -> bool:
    """Whether bash finds nothing missing."""
    done = subprocess.run(["bash", "-n"], input=text, text=True, capture_output=True, check=False)
    return done.returncode == 0


class Shell:
    """One bash for a section, so that what one command sets the next can use."""

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
        self.run("set -o pipefail")

    def run(self, text: str) -> tuple[int, str]:
        """Run a command; give its status and what it said. Raises Stuck where it takes too long."""
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
                raise Stuck(f"no answer in {PATIENCE} s, or the shell ended: {text}\n{heard}")
            said += piece
        return int(found[1]), said[: found.start()].decode(errors="replace")

    def check(self, text: str) -> tuple[int, str]:
        """Run a command, and see that what it puts into a variable is something."""
        status, said = self.run(text)
        found = ASSIGNMENT.match(text)
        if status or not found:
            return status, said
        value = f"${found[1]}"
        empty, _ = self.run(f'[ -n "{value}" ] && [ "{value}" != None ]')
        return empty, said + (f"\n{found[1]} is empty" if empty else "")

    def close(self) -> None:
        """End the shell and whatever it left running."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.communicate()


@contextlib.contextmanager
def server(words: list[str], port: int, environment: dict[str, str]) -> Iterator[str]:
    """Run a stand-in on the loopback interface; give its address.

    Raises RuntimeError, with what it said, where it does not answer in time.
    """
    with served(words, lambda: listens(port), environment):
        yield f"http://127.0.0.1:{port}"


@contextlib.contextmanager
def served(
    words: list[str], ready: Callable[[], bool], environment: dict[str, str]
) -> Iterator[None]:
    """Run a process until it is no longer needed, from when it is ready on.

    Raises RuntimeError, with what it said, where it is not in time.
    """
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            words, env=environment, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
        )
        try:
            until = time.monotonic() + START
            while not ready():
                if process.poll() is not None or time.monotonic() > until:
                    log.seek(0)
                    raise RuntimeError(log.read().decode(errors="replace")[-2000:])
                time.sleep(0.1)
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
    with (
        server([str(binaries / "python"), str(STANDIN)], mini, bare | settings) as first,
        server(
            [str(binaries / "moto_server"), "-H", "127.0.0.1", "-p", str(moto)], moto, bare
        ) as other,
    ):
        yield {"ministack": first, "moto": other}


@contextlib.contextmanager
def loaded_aws(binaries: Path, folder: Path) -> Iterator[Path]:
    """Load the aws command once; give the folder of a command aws that is a call of it.

    Raises RuntimeError, with what it said, where it does not load.
    """
    place, door = folder / "aws", folder / "aws" / "door"
    place.mkdir()
    command = place / "aws"
    command.write_text(CALLER.format(python=binaries / "python", door=door))
    command.chmod(0o755)
    bare = {"PATH": os.environ["PATH"], "HOME": str(folder), "LANG": "C.UTF-8"}
    words = [str(binaries / "python"), str(LOADED), str(door)]
    with served(words, door.exists, bare):
        yield place


class Stuck(Exception):
    """A command does not end, so none after it can be run."""


def run(
    binaries: Path,
    guide: str | None = None,
    least: int = LEAST,
    tell: Callable[[str], None] = lambda line: None,
) -> Report:
    """Run a guide, docs/aws-deployment.md unless another text is given.

    `binaries` is the folder with aws, moto_server and a Python that has ministack; `tell` hears of
    each command as it ends.
    """
    text = GUIDE.read_text() if guide is None else guide
    report = Report(least=least)
    try:
        found = list(blocks(text))
    except ValueError as error:
        report.misspelt.append(str(error))
        return report
    report.unlisted = list(unlisted(text, found))
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        for name in ("deploy", "docs"):
            (home / name).symlink_to(ROOT / name)
        with stand_ins(binaries, home) as addresses, loaded_aws(binaries, home) as aws:
            given = environment([aws, binaries], home, addresses["ministack"])
            opening: list[Block] = []
            try:
                for _, section in itertools.groupby(found, key=lambda block: block.section):
                    with new_shell(given, home, opening) as shell:
                        for block in section:
                            opening += [block] if block.opens and block.place != "none" else []
                            for outcome in outcomes(shell, block, addresses):
                                report.outcomes.append(outcome)
                                tell(outcome.text())
            except Stuck as error:
                report.misspelt.append(str(error))
    return report


@contextlib.contextmanager
def new_shell(given: dict[str, str], folder: Path, opening: list[Block]) -> Iterator[Shell]:
    """Open a shell in which what opens each was typed."""
    shell = Shell(given, folder)
    try:
        for block in opening:
            for command in block.commands:
                shell.run(command.text)
        yield shell
    finally:
        shell.close()


def environment(commands: list[Path], home: Path, address: str) -> dict[str, str]:
    """Give the shell's environment: nothing of this machine's own, and keys that open nothing."""
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


def outcomes(shell: Shell, block: Block, addresses: dict[str, str]) -> Iterator[Outcome]:
    """Run a block's commands, one after the other, and go on where one fails."""
    if block.place == "none":
        for command in block.commands:
            yield Outcome(command, "none", None, 0.0, "")
        return
    shell.run(f"export AWS_ENDPOINT_URL={addresses[block.place]}")
    for text in block.preparations:
        status, said = shell.check(text)
        if status:
            yield Outcome(Command(block.line, text), block.place, status, 0.0, said)
    for command in block.commands:
        begun = time.monotonic()
        status, said = shell.check(command.text)
        yield Outcome(command, block.place, status, time.monotonic() - begun, said)


def unlisted(guide: str, found: list[Block]) -> Iterator[str]:
    """Give a line for each difference between what is not run and the guide's table of it."""
    left = {
        call
        for block in found
        if block.place == "none"
        for command in block.commands
        for call in command.calls
    }
    listed = set(ROW.findall(guide))
    yield from (f"aws {call} is not run, and not in the table" for call in sorted(left - listed))
    yield from (f"aws {call} is in the table, and run" for call in sorted(listed - left))
