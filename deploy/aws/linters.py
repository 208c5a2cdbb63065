"""Runs cfn-lint and checkov, and holds what checkov finds against exceptions.yaml."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import yaml

from deploy.aws.stacks import HERE, NAMES, Stacks


class Finding(NamedTuple):
    """A check of checkov's, and the stack and resource that it failed for."""

    check: str
    resource: str


def cfn_lint(binaries: Path, templates: Path = HERE) -> Iterator[str]:
    """Give a line for each thing that cfn-lint says of the templates in a folder."""
    files = [str(templates / f"{name}.yaml") for name in NAMES]
    done = subprocess.run(
        [str(binaries / "cfn-lint"), "--format", "parseable", "--", *files],
        capture_output=True,
        text=True,
        check=False,
    )
    yield from done.stdout.splitlines()
    if done.returncode and not done.stdout:
        yield done.stderr


def exceptions() -> dict[Finding, str]:
    """Give the reason for each finding that stays."""
    document = yaml.safe_load((HERE / "exceptions.yaml").read_text())
    return {
        Finding(entry["check"], resource): entry["reason"]
        for entry in document
        for resource in entry["resources"]
    }


def write(stacks: Stacks, folder: Path) -> None:
    """Write the templates as CloudFormation would read them: no condition, no function left."""
    for name in NAMES:
        resources = {
            logical: {key: value for key, value in resource.items() if key != "Condition"}
            for stack, logical, resource in stacks.resources()
            if stack == name
        }
        document = {"AWSTemplateFormatVersion": "2010-09-09", "Resources": resources}
        (folder / f"{name}.json").write_text(json.dumps(document))


def checkov(binaries: Path, folder: Path) -> tuple[int, set[Finding]]:
    """Give how many checks passed, and what failed, for the templates written to a folder.

    checkov fetches nothing: what it would ask a platform for is left away.
    """
    done = subprocess.run(
        [
            str(binaries / "checkov"),
            *("--directory", str(folder), "--framework", "cloudformation", "--output", "json"),
            *("--quiet", "--compact", "--skip-download"),
        ],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "LOG_LEVEL": "ERROR"},
    )
    try:
        report = json.loads(done.stdout)
    except ValueError:
        raise RuntimeError(done.stderr or done.stdout) from None
    found = {
        Finding(
            entry["check_id"],
            f"{Path(entry['file_path']).stem}.{entry['resource'].rpartition('.')[2]}",
        )
        for entry in report["results"]["failed_checks"]
    }
    return int(report["summary"]["passed"]), found


def unexplained(found: set[Finding]) -> Iterator[str]:
    """Give a line for each finding without a reason, and each reason without a finding."""
    explained = exceptions()
    for finding in sorted(found - explained.keys()):
        yield f"{finding.resource} fails {finding.check}, and exceptions.yaml does not say why"
    for finding in sorted(explained.keys() - found):
        yield f"exceptions.yaml explains {finding.check} of {finding.resource}, which passes"
