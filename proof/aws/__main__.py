"""Checks what is deployed to AWS: `make aws`. The steps run at the same time."""

from __future__ import annotations

import argparse
import ssl
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

import yaml

from proof import steps
from proof.aws import linters, roles, rules
from proof.aws.stacks import NAMES, TEMPLATES, Stacks
from proof.guide import runner
from proof.steps import Wrong, expect
from tools.packages import environment, node_packages

HERE = Path(__file__).parent
STANDINS = HERE.parent / "guide" / "standins.txt"
BUNDLE = TEMPLATES / "rds-ca" / "global-bundle.pem"
# In a template: what is right, and what a linter must find instead.
MISSPELT = ("app", "ContainerPort: 8000, Protocol", "ContainerPort: 8000, Protocoll")
OPEN_DATABASE = ("data", "PubliclyAccessible: false", "PubliclyAccessible: true")
# Right, wrong, and an answer that has nothing in it.
BROKEN_GUIDE = """```sh run=ministack
aws s3api list-buckets
aws s3api list-bucketz
VPC=$(aws ec2 describe-vpcs --region eu-west-1 --query 'Vpcs[9].VpcId' --output text)
```
"""
LEAST_CALLS = 200


def main() -> None:
    """Run the steps, or those that are named, and leave with 1 if any failed."""
    options = argparse.ArgumentParser(prog="python -m proof.aws", description=__doc__)
    options.add_argument("--only", choices=STEPS, action="append", help="repeatable")
    only = options.parse_args().only or STEPS
    steps.end_on_signals()
    steps.together("make aws", {name: STEPS[name] for name in only})


def our_rules() -> str:
    """Hold the templates against rules.py, with every size and every switch."""
    variants = list(rules.variants())
    none(fault for stacks in variants for fault in rules.faults(stacks))
    controls = yaml.safe_load((HERE / "controls.yaml").read_text())
    for control in controls:
        broken = broken_by(control["stack"], control["old"], control["new"])
        found = [
            fault
            for stacks in variants
            for fault in rules.faults(Stacks(stacks.given, broken), control["rule"])
        ]
        seen = any(control["seen"] in fault for fault in found)
        expect(seen, f"{control['rule']} does not see {control['new']!r}: {found}")
    without = {rule.__name__ for rule in rules.RULES} - {control["rule"] for control in controls}
    expect(not without, f"rules without a control: {without}")
    return f"{len(rules.RULES)} rules, {len(variants)} variants; {len(controls)} faults are seen"


def linter() -> str:
    """Ask cfn-lint and checkov; each finds what is wrong in a broken template."""
    binaries = environment("checks", HERE / "checks.txt")
    none(linters.cfn_lint(binaries))
    with tempfile.TemporaryDirectory() as folder:
        broken = broken_by(*MISSPELT)
        for name in NAMES:
            text = broken.get(name) or (TEMPLATES / f"{name}.yaml").read_text()
            Path(folder, f"{name}.yaml").write_text(text)
        seen = any(linters.cfn_lint(binaries, Path(folder)))
        expect(seen, "cfn-lint does not see a misspelt property")
    most = Stacks(rules.EVERYTHING)
    passed, found = linters.checkov(binaries, Stacks(), most)
    none(linters.unexplained(found))
    _, found_open = linters.checkov(binaries, Stacks(texts=broken_by(*OPEN_DATABASE)))
    seen = linters.Finding("CKV_AWS_17", "data.Database") in found_open
    expect(seen, "checkov does not see a database open to the world")
    return f"cfn-lint finds nothing; {passed} checks of checkov pass, {len(found)} are explained"


def iam() -> str:
    """Hold each role against its table; each widened or narrowed role is seen."""
    node = node_packages("node", HERE)
    controls = yaml.safe_load((HERE / "iam.yaml").read_text())["controls"]
    texts = [broken_by(control["stack"], control["old"], control["new"], 1) for control in controls]
    good, *broken = roles.faults([Stacks(roles.ANSWERS, text) for text in ({}, *texts)], node)
    none(good)
    for control, found in zip(controls, broken, strict=True):
        seen = any(control["seen"] in fault for fault in found)
        expect(seen, f"{control['new']!r} is not seen: {found}")
    asked = list(roles.requests(roles.tables()))
    allowed = sum(request.allowed for request in asked)
    return f"{allowed} requests allowed, {len(asked) - allowed} refused; {len(broken)} faults seen"


def guide() -> str:
    """Run the commands of the guides; wrong commands and empty answers fail."""
    binaries = environment("standins", STANDINS)
    control = runner.run(binaries, {"control": BROKEN_GUIDE})
    seen = [fault.partition(":")[0] for fault in control.faults]
    expect(
        seen == ["control line 3", "control line 4"],
        f"a wrong command is not seen: {control.faults}",
    )
    report = runner.run(binaries, runner.guides())
    none(report.faults)
    expect(len(report.calls) > LEAST_CALLS, f"only {len(report.calls)} aws commands ran")
    return f"{len(report.calls)} aws commands ran; a wrong one is seen"


def roots() -> str:
    """The roots by which a database on RDS is believed are RDS's own, and none has ended."""
    pems = BUNDLE.read_text().split("-----BEGIN CERTIFICATE-----")[1:]
    trusted = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    trusted.load_verify_locations(str(BUNDLE))
    found = trusted.get_ca_certs()
    expect(len(found) == len(pems), "a certificate is there twice, or is no authority's")
    for root in found:
        names = dict(pair for part in root["subject"] for pair in part)  # type: ignore[misc]
        name = str(names["commonName"])
        expect(root["subject"] == root["issuer"], f"{name} is no root")
        expect(name.startswith("Amazon RDS ") and " Root CA " in name, f"{name} is not of RDS")
        expect(ssl.cert_time_to_seconds(str(root["notAfter"])) > time.time(), f"{name} has ended")
    return f"{len(found)} roots"


def broken_by(stack: str, old: str, new: str, times: int = -1) -> dict[str, str]:
    """Give a template with one thing made wrong, for a control."""
    text = (TEMPLATES / f"{stack}.yaml").read_text()
    expect(old in text, f"the control of {stack} changes nothing: {old}")
    return {stack: text.replace(old, new, times)}


def none(faults: Iterable[str]) -> None:
    """Raise Wrong if there is any fault; each is named once."""
    if lines := list(dict.fromkeys(faults)):
        raise Wrong("\n".join(["", *(f"    {line}" for line in lines)]))


STEPS: dict[str, steps.Step] = {
    "guide": guide,
    "linters": linter,
    "iam": iam,
    "rules": our_rules,
    "roots": roots,
}

if __name__ == "__main__":
    main()
