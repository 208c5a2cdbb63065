"""Runs cfn-lint and checkov, and compares what checkov finds with exceptions.yaml."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import yaml

from proof.aws.stacks import NAMES, TEMPLATES, Stacks


class Finding(NamedTuple):
    """A check of checkov's, and the stack and resource that it failed for."""

    check: str
    resource: str


def cfn_lint(binaries: Path, templates: Path = TEMPLATES) -> Iterator[str]:
    """Give a line for each thing that cfn-lint says of the templates in a folder."""
    files = [str(templates / f"{name}.yaml") for name in NAMES]
    command = [str(binaries / "cfn-lint"), "--format", "parseable", "--", *files]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    yield from done.stdout.splitlines()
    if done.returncode and not done.stdout:
        yield done.stderr


def checkov(binaries: Path, *variants: Stacks) -> tuple[int, set[Finding]]:
    """Give how many checks passed, and what failed, in any variant of the templates.

    They are written as CloudFormation would read them, without conditions and functions. checkov
    fetches nothing.
    """
    with tempfile.TemporaryDirectory() as folder:
        for number, stacks in enumerate(variants):
            for name in NAMES:
                resources = {
                    logical: {key: value for key, value in resource.items() if key != "Condition"}
                    for stack, logical, resource in stacks.resources()
                    if stack == name
                }
                document = {"AWSTemplateFormatVersion": "2010-09-09", "Resources": resources}
                Path(folder, f"{name}.{number}.json").write_text(json.dumps(document))
        command = [
            *(str(binaries / "checkov"), "--directory", folder, "--framework", "cloudformation"),
            *("--output", "json", "--quiet", "--compact", "--skip-download"),
        ]
        environment = {**os.environ, "LOG_LEVEL": "ERROR"}
        done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    try:
        report = json.loads(done.stdout)
    except ValueError:
        raise RuntimeError(done.stderr or done.stdout) from None
    found = {
        Finding(
            entry["check_id"],
            f"{Path(entry['file_path']).name.partition('.')[0]}.{entry['resource'].rpartition('.')[2]}",
        )
        for entry in report["results"]["failed_checks"]
    }
    return int(report["summary"]["passed"]), found


def unexplained(found: set[Finding]) -> Iterator[str]:
    """Give a line for each finding without a reason, and each reason without a finding."""
    document = yaml.safe_load(Path(__file__).with_name("exceptions.yaml").read_text())
    explained = {
        Finding(entry["check"], resource) for entry in document for resource in entry["resources"]
    }
    for finding in sorted(found - explained):
        yield f"{finding.resource} fails {finding.check}, and exceptions.yaml does not say why"
    for finding in sorted(explained - found):
        yield f"exceptions.yaml explains {finding.check} of {finding.resource}, which passes"
