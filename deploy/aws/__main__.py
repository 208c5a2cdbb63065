"""Checks all that is deployed to AWS, each step named with its time: `make aws`."""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from deploy.aws import linters, roles, rules, tools
from deploy.aws.stacks import HERE, NAMES, Stacks
from deploy.guide import runner

# A step says in one line what it looked at, or raises Wrong with a line for each fault.
Step = Callable[[], str]

# A port beside the one that it should be, an open door, and a wildcard: each tool must see its own.
BAD_TEMPLATE = ("app", "ContainerPort: 8000, Protocol", "ContainerPort: 8000, Protocoll")
OPEN_DATABASE = ("data", "PubliclyAccessible: false", "PubliclyAccessible: true")
WIDE_POLICY = ("app", "Action: ecr:GetAuthorizationToken", 'Action: "ecr:*"')
# Right, wrong, and an answer that has nothing in it.
BROKEN_GUIDE = """```sh run=ministack
aws s3api list-buckets
aws s3api list-bucketz
VPC=$(aws ec2 describe-vpcs --region eu-west-1 --query 'Vpcs[9].VpcId' --output text)
```
"""


class Wrong(Exception):
    """Something is wrong; its text has a line for each fault."""


def main() -> None:
    """Run the steps and leave with 1 where any failed."""
    options = argparse.ArgumentParser(prog="python -m deploy.aws", description=__doc__)
    options.add_argument(
        "--only", choices=STEPS, action="append", help="this step alone; repeatable"
    )
    only = options.parse_args().only
    # Leave as after an error, so that what was started is ended.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    failed, left_out = [], []
    for name, step in STEPS.items():
        if only and name not in only:
            continue
        begun = time.monotonic()
        try:
            word, text = "ok", step()
        except Wrong as error:
            word, text = "FAILED", str(error)
            failed.append(name)
        except tools.LeftOut as error:
            word, text = "LEFT OUT", str(error)
            left_out.append(f"{name}: {error}")
        print(f"{name:<14}{word:<10}{time.monotonic() - begun:6.1f} s  {text}", flush=True)
    for line in left_out:
        print(f"LEFT OUT, so not shown to be right: {line}")
    if failed:
        sys.exit(f"make aws: {', '.join(failed)} failed")


def install() -> str:
    """Install the tools, or find them; both environments at once, which takes most of a minute."""
    with ThreadPoolExecutor() as pool:
        for done in [pool.submit(tools.checks), pool.submit(tools.standins)]:
            done.result()
    return f"the tools are in {tools.TOOLS.name}/"


def our_rules() -> str:
    """Hold the templates against rules.py, with every size and every switch."""
    ways = list(rules.variants())
    hold(fault for _, stacks in ways for fault in rules.faults(stacks))
    return f"{len(rules.RULES)} rules on {len(NAMES)} templates, {len(ways)} ways to answer them"


def cfn_lint() -> str:
    """Ask cfn-lint, and see that it finds what is wrong in a broken template."""
    binaries = tools.checks()
    hold(linters.cfn_lint(binaries))
    with tempfile.TemporaryDirectory() as folder:
        broken = broken_by(*BAD_TEMPLATE)
        for name in NAMES:
            text = broken.get(name) or (HERE / f"{name}.yaml").read_text()
            Path(folder, f"{name}.yaml").write_text(text)
        if not any(linters.cfn_lint(binaries, Path(folder))):
            raise Wrong("a misspelt property went by unseen")
    return f"{len(NAMES)} templates, nothing to say; a misspelt property is seen"


def checkov() -> str:
    """Ask checkov, and see that it finds a database open to the world."""
    binaries = tools.checks()
    passed = 0
    found: set[linters.Finding] = set()
    for answers in ({}, dict(rules.EVERYTHING)):
        with tempfile.TemporaryDirectory() as folder:
            linters.write(Stacks(answers), Path(folder))
            count, findings = linters.checkov(binaries, Path(folder))
            passed, found = max(passed, count), found | findings
    hold(linters.unexplained(found))
    with tempfile.TemporaryDirectory() as folder:
        linters.write(Stacks(texts=broken_by(*OPEN_DATABASE)), Path(folder))
        _, findings = linters.checkov(binaries, Path(folder))
        if linters.Finding("CKV_AWS_17", "data.Database") not in findings:
            raise Wrong("a database open to the world went by unseen")
    return f"{passed} checks pass, {len(found)} are explained; an open database is seen"


def iam() -> str:
    """Hold each role against its table, and see that a widened one is found."""
    node = tools.node()
    hold(roles.faults(Stacks(roles.ANSWERS), node))
    widened = roles.faults(Stacks(roles.ANSWERS, broken_by(*WIDE_POLICY)), node)
    if not any("is allowed" in fault for fault in widened):
        raise Wrong("a widened policy went by unseen")
    asked = list(roles.requests(roles.tables()))
    allowed = sum(request.allowed for request in asked)
    count = len({request.role for request in asked})
    told = f"{count} roles, {allowed} requests allowed, {len(asked) - allowed} refused"
    return f"{told}; a widened policy is seen"


def guide() -> str:
    """Run the guide's commands."""
    report = runner.run(tools.standins(), tell=lambda line: print(line, flush=True))
    hold(report.faults())
    control = runner.run(tools.standins(), BROKEN_GUIDE, least=0)
    if [bool(found.status) for found in control.outcomes] != [False, True, True]:
        raise Wrong("a wrong command, or an empty answer, went by unseen")
    return f"{report.summary()}; a wrong command is seen"


def broken_by(stack: str, old: str, new: str) -> dict[str, str]:
    """Give a template with one thing made wrong, for a control."""
    text = (HERE / f"{stack}.yaml").read_text()
    if old not in text:
        raise Wrong(f"the control of {stack} changes nothing: {old}")
    return {stack: text.replace(old, new)}


def hold(faults: Iterator[str]) -> None:
    """Raise Wrong where there is any fault; each once."""
    if lines := list(dict.fromkeys(faults)):
        raise Wrong("\n".join(["", *(f"    {line}" for line in lines)]))


STEPS: dict[str, Step] = {
    "install": install,
    "rules": our_rules,
    "cfn-lint": cfn_lint,
    "checkov": checkov,
    "iam": iam,
    "guide": guide,
}

if __name__ == "__main__":
    main()
