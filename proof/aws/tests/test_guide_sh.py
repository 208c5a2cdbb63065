"""The words of the guide: what they need, and what they refuse."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from proof.aws.stacks import TEMPLATES, parse
from proof.guide.runner import guides
from tools.packages import ROOT

pytestmark = pytest.mark.once

VALUES = {
    "AWS_REGION": "eu-west-1",
    "NAME": "financial-alerts",
    "ZONE": "example.com",
    "DOMAIN": "alerts.example.com",
    "OPS": "ops@example.com",
}
DIGEST = "sha256:" + "0123456789abcdef" * 4
# What stands in for the commands that ask the world: each answers, and notes that it was called.
COMMANDS = {
    "aws": 'case "$1 $2" in "sts get-caller-identity") echo 123456789012;; *) echo asked;; esac',
    "curl": 'cat "$FOLDER/repository.json"',
    "docker": """case "$1 $2" in
"buildx imagetools") echo "$FOUND";;
"image inspect") echo "$BUILT_ON";;
"login --username") cat >/dev/null;;
esac""",
}


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path)


class Shell:
    """A strict bash in a folder like the project's, which has sourced the file."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.given = dict(VALUES)
        (folder / "deploy").symlink_to(ROOT / "deploy")
        (folder / "Dockerfile").symlink_to(ROOT / "Dockerfile")
        for name, answer in COMMANDS.items():
            command = folder / name
            command.write_text(f'#!/bin/sh\necho "{name} $*" >>"$FOLDER/calls"\n{answer}\n')
            command.chmod(0o755)

    def run(
        self, text: str = "", program: str = "bash", **environ: str
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [program, "-euc", f". deploy/aws/guide.sh; {text}"],
            cwd=self.folder,
            env={
                "PATH": f"{self.folder}:{os.environ['PATH']}",
                "FOLDER": str(self.folder),
                **self.given,
                **environ,
            },
            capture_output=True,
            text=True,
            check=False,
        )

    def calls(self) -> list[str]:
        return (self.folder / "calls").read_text().splitlines()


@pytest.mark.parametrize("missing", VALUES)
def test_a_value_that_is_missing_is_named(shell: Shell, missing: str) -> None:
    del shell.given[missing]
    done = shell.run("echo never")
    assert done.returncode == 1
    assert done.stderr == f"guide.sh: {missing} is not set; write it into .guide\n"
    assert done.stdout == ""
    assert not (shell.folder / "calls").exists()


def test_another_folder_and_another_shell_are_named(shell: Shell) -> None:
    assert "for bash" in shell.run(program="dash").stderr
    (shell.folder / "deploy").unlink()
    (shell.folder / "deploy" / "aws").mkdir(parents=True)
    shutil.copy(TEMPLATES / "guide.sh", shell.folder / "deploy" / "aws")
    assert "folder of the project" in shell.run().stderr


def test_an_image_is_built_on_the_digest_that_the_tag_has_now(shell: Shell) -> None:
    done = shell.run("build here/app:1.0.0", FOUND=DIGEST)
    name = re.search(r"^ARG PYTHON_IMAGE=(\S+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert name
    base = f"{name[1]}@{DIGEST}"
    assert done.stdout.splitlines()[1:] == [f"on {base}"]
    *_, asked, built = shell.calls()
    assert asked.startswith(f"docker buildx imagetools inspect {name[1]} ")
    assert f"--build-arg PYTHON_IMAGE={base} -t here/app:1.0.0 " in built


@pytest.mark.parametrize("found", ["", "latest", "sha256:0123"])
def test_no_image_is_built_on_a_base_without_a_digest(shell: Shell, found: str) -> None:
    done = shell.run("build here/app:1.0.0", FOUND=found)
    assert done.returncode == 1
    assert "has no digest" in done.stderr
    assert not any(call.startswith("docker build ") for call in shell.calls())


@pytest.mark.parametrize(
    ("built_on", "pushed"),
    [(f"python:3.13@{DIGEST}", True), ("python:3.13-slim-bookworm", False), ("", False)],
)
def test_only_an_image_on_a_digest_is_pushed(shell: Shell, built_on: str, pushed: bool) -> None:
    done = shell.run("push here/app:1.0.0", BUILT_ON=built_on)
    assert (done.returncode == 0) is pushed
    assert ("docker push here/app:1.0.0" in shell.calls()) is pushed
    assert pushed or "use build" in done.stderr


def test_the_subject_is_one_that_the_template_takes(shell: Shell) -> None:
    repository = {
        "id": 1296269,
        "name": "my-repo",
        "default_branch": "main",
        "owner": {"login": "octocat", "id": 583231},
    }
    (shell.folder / "repository.json").write_text(json.dumps(repository))
    _, subject = shell.run("subject octocat/my-repo").stdout.splitlines()
    assert subject == "repo:octocat@583231/my-repo@1296269:ref:refs/heads/main"
    pattern = parse((TEMPLATES / "ci.yaml").read_text())["Parameters"]["Subject"]["AllowedPattern"]
    assert re.fullmatch(pattern, subject)
    assert shell.calls()[-1].endswith("https://api.github.com/repos/octocat/my-repo")


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="shellcheck is not installed")
def test_shellcheck_finds_nothing() -> None:
    done = subprocess.run(
        ["shellcheck", str(TEMPLATES / "guide.sh")], capture_output=True, text=True, check=False
    )
    assert done.stdout == ""


def test_no_word_is_left_that_the_guide_does_not_use() -> None:
    text = (TEMPLATES / "guide.sh").read_text()
    guide = "".join(guides().values())
    for word in re.findall(r"^(\w+)\(\)", text, re.MULTILINE):
        used = rf"(?<![\w-]){word}(?![\w(-])"
        assert re.search(used, guide) or len(re.findall(used, text)) > 1, word
