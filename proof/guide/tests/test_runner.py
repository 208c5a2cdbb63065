"""The guide's runner sees each way in which a guide can be wrong, and the guide can be pasted."""

from __future__ import annotations

import base64
import json
import re
import subprocess
import sys

import pytest

from proof.guide import runner
from tools.packages import TOOLS

pytestmark = pytest.mark.once

BINARIES = TOOLS / "standins" / "bin"
installed = pytest.mark.skipif(
    not BINARIES.exists(), reason="the AWS stand-ins are not installed: make aws"
)
GUIDE = "\n".join(runner.guides().values())
BLOCKS = [block for page in runner.guides().items() for block in runner.blocks(*page)]


def block(tags: str, *lines: str) -> str:
    return "\n".join([f"```sh {tags}".rstrip(), *lines, "```"])


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        (block("", "aws s3 ls"), "line 1: ```sh does not say where it runs"),
        (block("run=aws", "aws s3 ls"), "does not say where it runs"),
        (block("run=none", "aws s3 ls"), "or why nowhere"),
        (block("run=moto why=later", "aws s3 ls"), "or why nowhere"),
        (block("run=moto", "echo 'never closed"), "line 2: a command that does not end"),
        ("<!-- stand-in: true -->\n" + block('run=none why="x"', "true"), "of what is not run"),
    ],
)
def test_a_block_that_is_not_tagged_right_is_named(text: str, seen: str) -> None:
    (fault,) = runner.run(BINARIES, {"page": text}).faults
    assert seen in fault


def test_lines_that_belong_together_are_one_command() -> None:
    text = block(
        "run=moto", "# why", "aws ec2 \\", "  run", "", "for X in a; do", "  aws s3 ls", "done"
    )
    (found,) = runner.blocks("page", text)
    assert [(command.place, len(command.text.splitlines())) for command in found.commands] == [
        ("page line 3", 2),
        ("page line 6", 3),
    ]


@installed
def test_sections_have_shells_of_their_own_and_the_table_lists_what_is_not_run() -> None:
    text = "\n".join(
        [
            "## One",
            "### A new shell",
            block("run=moto", "NAME=$(echo known)", "say() { echo said; }"),
            "### More",
            block("run=moto", "LOST=$(echo for ever)", '[ "$NAME $(say)" = "known said" ]'),
            block("run=moto", "aws s3api list-buckets --region eu-west-1"),
            block('run=none why="no plugin"', "aws ecs execute-command --cluster a"),
            "## Two",
            block("run=moto", '[ "$NAME $(say)" = "known said" ]', '[ -n "${LOST-}" ]'),
            "| `aws s3api list-buckets` | why |",
        ]
    )
    report = runner.run(BINARIES, {"page": text})
    assert report.calls == ["s3api list-buckets"]
    unlisted, lost, listed = report.faults
    assert unlisted == "aws ecs execute-command is not run, and not in the table"
    assert lost.startswith('page line 21: [ -n "${LOST-}" ]: status 1')
    assert listed == "aws s3api list-buckets is in the table, and run"


def test_the_blocks_of_the_guide_can_be_pasted() -> None:
    for found in BLOCKS:
        for command in found.commands:
            # Where somebody types, bash takes ! for a line of its history, but in single quotes.
            bare = re.sub(r"'[^']*'", "", command.text)
            assert not re.search(r"!(?![\s=(]|$)", bare), command.text
            # RDS's default keeps a version that has ended, for a price per processor and hour.
            if "aws rds restore-" in command.text:
                assert "open-source-rds-extended-support-disabled" in command.text, command.text
        # It reads the next line of the block, if there is one.
        assert not any(" read -" in f" {command.text}" for command in found.commands[:-1])


def test_the_workflow_can_print_the_subject_of_its_token() -> None:
    found = re.search(r"python3 -c '(import base64.*)'$", GUIDE, re.MULTILINE)
    assert found
    subject = "repo:octocat@583231/my-repo@1296269:ref:refs/heads/main"
    for padding in range(4):
        claims = json.dumps({"sub": subject, "jti": "x" * padding}).encode()
        payload = base64.urlsafe_b64encode(claims).rstrip(b"=").decode()
        done = subprocess.run(
            [sys.executable, "-c", found[1]],
            input=json.dumps({"value": f"header.{payload}.signature"}),
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.strip() == subject


def test_the_costs_add_up() -> None:
    rows = re.findall(
        r"^\| .* \| \**(\d+)\** \| \**(\d+)\** \| \**(\d+)\** \|$", GUIDE, re.MULTILINE
    )
    *parts, total = [[int(amount) for amount in row] for row in rows]
    assert len(parts) >= 10
    assert [sum(column) for column in zip(*parts, strict=True)] == total
