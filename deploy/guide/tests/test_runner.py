"""The guide's runner sees every way in which a guide can be wrong."""

from __future__ import annotations

import http.server
import os
import re
import subprocess
import threading
import urllib.parse
from pathlib import Path
from typing import ClassVar

import pytest

from deploy.aws.tools import TOOLS
from deploy.guide import runner

pytestmark = pytest.mark.once

BINARIES = TOOLS / "standins" / "bin"
installed = pytest.mark.skipif(
    not BINARIES.exists(), reason="the AWS stand-ins are not installed: make aws"
)


def guide(*blocks: str) -> str:
    return "\n\n".join(["# A guide", *blocks])


def block(tags: str, *lines: str) -> str:
    return "\n".join([f"```sh {tags}".rstrip(), *lines, "```"])


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        (block("", "aws s3 ls"), "line 3: ```sh does not say where it runs"),
        (block("run=aws", "aws s3 ls"), "does not say where it runs"),
        (block("run=none", "aws s3 ls"), "or why nowhere"),
        (block("run=moto why=later", "aws s3 ls"), "or why nowhere"),
        (block("run=moto", "echo 'never closed"), "line 4: a command that does not end"),
        ("<!-- stand-in: true -->\n" + block('run=none why="x"', "true"), "nothing is made ready"),
    ],
)
def test_a_block_that_is_not_tagged_right_is_named(text: str, seen: str) -> None:
    (fault, *_) = runner.run(BINARIES, guide(text)).faults()
    assert seen in fault


def test_lines_that_belong_together_are_one_command() -> None:
    text = block(
        "run=moto", "# why", "aws ec2 \\", "  run", "", "for X in a; do", "  aws s3 ls", "done"
    )
    (found,) = runner.blocks(guide(text))
    first, loop = found.commands
    assert (first.line, first.calls) == (5, ["ec2 run"])
    assert (loop.line, loop.calls) == (8, ["s3 ls"])


def test_what_a_function_calls_counts_where_it_is_called() -> None:
    text = block(
        "run=moto",
        "one() { aws s3 ls; }",
        "two() {",
        '  aws ec2 run "$(one)"',
        "}",
        "two one && one || one-more; phone",
    )
    (found,) = runner.blocks(guide(text))
    one, two, call = found.commands
    assert (one.calls, two.calls) == ([], [])
    assert sorted(call.calls) == ["ec2 run", "s3 ls", "s3 ls"]


def test_what_is_not_run_stands_in_the_table_and_nothing_else_does() -> None:
    left = block('run=none why="no plugin"', "aws ecs execute-command --cluster a")
    row = "| `aws ecs execute-command` | no plugin |"

    def faults(text: str) -> list[str]:
        return list(runner.unlisted(text, list(runner.blocks(text))))

    assert faults(guide(left, row)) == []
    assert faults(guide(left)) == ["aws ecs execute-command is not run, and not in the table"]
    assert faults(guide(row)) == ["aws ecs execute-command is in the table, and run"]


@installed
def test_a_wrong_command_and_an_empty_answer_fail() -> None:
    text = guide(
        block(
            "run=ministack",
            "NAME=$(aws sts get-caller-identity --region eu-west-1 --query Account --output text)",
        ),
        block("run=ministack", "aws s3api list-bucketz", "NONE=$(printf '')"),
        "<!-- stand-in: false -->",
        block("run=moto", '[ "$NAME" = 123456789012 ] && aws s3 ls --region eu-west-1'),
    )
    report = runner.run(BINARIES, text)
    assert [bool(found.status) for found in report.outcomes] == [False, True, True, True, False]
    faults = list(report.faults())
    assert [fault.partition(":")[0] for fault in faults[:3]] == ["line 8", "line 9", "line 14"]
    assert faults[3:] == ["2 aws commands ran; at least 60 must"]


@installed
def test_each_section_has_a_shell_that_knows_only_what_opens_each() -> None:
    text = guide(
        "## One",
        "### A new shell",
        block("run=moto", "NAME=$(echo known)", "say() { echo said; }"),
        "### More",
        block("run=moto", "LOST=$(echo for ever)", '[ "$NAME $(say)" = "known said" ]'),
        "## Two",
        block("run=moto", '[ "$NAME $(say)" = "known said" ]', '[ -n "$LOST" ]'),
    )
    *rest, lost = runner.run(BINARIES, text).outcomes
    assert [found.status for found in rest] == [0] * 5
    assert lost.status == 1


def test_the_guide_says_how_many_commands_run_and_how_many_do_not() -> None:
    text = runner.GUIDE.read_text()
    said = re.search(r"(\d+) aws commands run,.*?and (\d+) do not", text, re.DOTALL)
    assert said
    counted = {True: 0, False: 0}
    for found in runner.blocks(text):
        counted[found.place != "none"] += sum(len(command.calls) for command in found.commands)
    assert [int(number) for number in said.groups()] == [counted[True], counted[False]]


def test_the_blocks_of_the_guide_can_be_pasted() -> None:
    for found in runner.blocks(runner.GUIDE.read_text()):
        for command in found.commands:
            # Where somebody types, bash takes ! for a line of its history, but in single quotes.
            bare = re.sub(r"'[^']*'", "", command.text)
            assert not re.search(r"!(?![\s=(]|$)", bare), command.text
        # It reads the next line of the block, if there is one.
        assert not any(" read -" in f" {command.text}" for command in found.commands[:-1])


def test_the_costs_add_up() -> None:
    text = runner.GUIDE.read_text()
    rows = re.findall(
        r"^\| .* \| \**(\d+)\** \| \**(\d+)\** \| \**(\d+)\** \|$", text, re.MULTILINE
    )
    *parts, total = [[int(amount) for amount in row] for row in rows]
    assert len(parts) >= 10
    assert [sum(column) for column in zip(*parts, strict=True)] == total


def test_every_anchor_of_the_guide_leads_somewhere() -> None:
    text = runner.GUIDE.read_text()
    titles = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    places = {re.sub(r"[^a-z0-9 -]", "", title.lower()).replace(" ", "-") for title in titles}
    anchors = set(re.findall(r"\]\(#([^)]+)\)", text))
    assert anchors
    assert anchors - places == set()
    for name, anchor in re.findall(r"\]\(([a-z.-]+)(?:#([^)]+))?\)", text):
        other = Path(runner.GUIDE.parent, name).read_text()
        assert not anchor or f"\n## {anchor.replace('-', ' ')}\n" in other.lower()


@installed
def test_the_loaded_aws_is_the_aws_command(tmp_path: Path) -> None:
    (tmp_path / "settings").write_text("[default]\nregion = eu-north-1\n")
    given = {"AWS_CONFIG_FILE": "settings", "HOME": str(tmp_path), "PATH": os.environ["PATH"]}
    with runner.loaded_aws(BINARIES, tmp_path) as place:
        for words in (
            "--version",
            "configure get region",
            "configure get output",
            "s3api list-bucketz",
            "sts get-caller-identity --endpoint-url http://127.0.0.1:9",
        ):
            loaded, real = (
                subprocess.run(
                    [str(folder / "aws"), *words.split()],
                    cwd=tmp_path,
                    env=given,
                    capture_output=True,
                    text=True,
                    check=False,
                )
                for folder in (place, BINARIES)
            )
            assert (loaded.returncode, loaded.stdout, loaded.stderr) == (
                real.returncode,
                real.stdout,
                real.stderr,
            ), words


class Refusing(http.server.BaseHTTPRequestHandler):
    """A CloudFormation that has no stack and makes none; names: of the change sets asked for."""

    names: ClassVar[list[str]] = []
    answer = b"""<ErrorResponse><Error><Code>ValidationError</Code>
        <Message>Stack with id one does not exist</Message></Error></ErrorResponse>"""

    def do_POST(self) -> None:
        sent = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.names.extend(urllib.parse.parse_qs(sent).get("ChangeSetName", ()))
        self.send_response(400)
        self.send_header("Content-Length", str(len(self.answer)))
        self.end_headers()
        self.wfile.write(self.answer)

    def log_message(self, *args: object) -> None:
        pass


@installed
def test_two_updates_in_one_second_are_two_change_sets(tmp_path: Path) -> None:
    (tmp_path / "stack.yaml").write_text("Resources: {Topic: {Type: AWS::SNS::Topic}}")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Refusing) as server:
        threading.Thread(target=server.serve_forever).start()
        address = f"http://127.0.0.1:{server.server_port}"
        with runner.loaded_aws(BINARIES, tmp_path) as place:
            for _ in range(3):
                subprocess.run(
                    [
                        *(str(place / "aws"), "cloudformation", "deploy", "--stack-name", "one"),
                        *("--template-file", "stack.yaml", "--endpoint-url", address),
                    ],
                    cwd=tmp_path,
                    env={
                        "AWS_ACCESS_KEY_ID": "x",
                        "AWS_SECRET_ACCESS_KEY": "x",
                        "AWS_DEFAULT_REGION": "eu-north-1",
                        "PATH": os.environ["PATH"],
                    },
                    capture_output=True,
                    check=False,
                )
        server.shutdown()
    assert len(Refusing.names) == len(set(Refusing.names)) == 3
