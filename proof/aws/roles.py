"""Holds each role's policies against iam.yaml: what must be allowed is, and nothing else is."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import yaml

from proof.aws.stacks import ACCOUNT, REGION, Node, Stacks

HERE = Path(__file__).parent
SECRETS = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:financial-alerts"
# With everything switched on, so that every statement is there.
ANSWERS = {
    "Cache": "true",
    "CacheNodes": "2",
    "MailSecret": f"{SECRETS}/mail-AbCdEf",
    "PushSecret": f"{SECRETS}/push-AbCdEf",
    "SentrySecret": f"{SECRETS}/sentry-AbCdEf",
}


class Request(NamedTuple):
    """One question to IAM, and whether it must say yes."""

    role: str
    action: str
    resource: str
    context: dict[str, str]
    allowed: bool

    def __str__(self) -> str:
        """Say it as a fault would."""
        on = f"{self.action} on {self.resource}"
        return f"{self.role}: {on} with {self.context}" if self.context else f"{self.role}: {on}"


def tables() -> Node:
    """Give what each role may do and may not, with the names of iam.yaml put in."""
    document = yaml.safe_load((HERE / "iam.yaml").read_text())
    names = document["names"]

    def whole(line: list[Node]) -> tuple[str, str, dict[str, str]]:
        action, resource, *context = line
        given = context[0] if context else {}
        return (
            action,
            names.get(resource, resource),
            {key: names.get(value, value) for key, value in given.items()},
        )

    for table in document["roles"].values():
        table["allow"] = [whole(line) for line in table["allow"]]
        table["deny"] = [whole(line) for line in table["deny"]]
    return document["roles"]


def policies(stacks: Stacks) -> dict[str, list[Node]]:
    """Give each role's policies, as the templates have them."""
    return {
        name: [policy["PolicyDocument"] for policy in role.get("Policies", [])]
        for name, role in stacks.properties("AWS::IAM::Role")
    }


def requests(tables: Node) -> Iterator[Request]:
    """Give every question that the tables ask, those that follow from them included."""
    for role, table in tables.items():
        for action, resource, context in table["allow"]:
            yield Request(role, action, resource, context, allowed=True)
            if other := elsewhere(resource):
                yield Request(role, action, other, context, allowed=False)
            for key, value in context.items():
                changed = context | {key: elsewhere(value) or f"other.{value}"}
                yield Request(role, action, resource, changed, allowed=False)
        for action, resource, context in table["deny"]:
            yield Request(role, action, resource, context, allowed=False)


def elsewhere(resource: str) -> str:
    """Give the ARN of something like it that is not ours; nothing for what is no ARN."""
    if not resource.startswith("arn:"):
        return ""
    if "financial-alerts" in resource:
        return resource.replace("financial-alerts", "other-alerts")
    if "RDSOSMetrics" in resource:
        return resource.replace("RDSOSMetrics", "Others")
    return re.sub(r"[^/:]+$", "other", resource)


def faults(many: list[Stacks], node: Path) -> list[list[str]]:
    """Give the differences of each stacks, a line for each.

    node: the folder that has node_modules. One process answers all: of every stacks but the first
    only what its changed policies say.
    """
    expected = tables()
    asked: list[tuple[int, Request, list[Node]]] = []
    found: list[list[str]] = []
    unchanged = policies(many[0])
    for number, stacks in enumerate(many):
        written = policies(stacks)
        found.append(
            [
                f"{role} is in the templates or in iam.yaml, but not in both"
                for role in written.keys() ^ expected.keys()
            ]
        )
        for name, role in stacks.properties("AWS::IAM::Role"):
            if name in expected:
                found[-1] += shape(name, role, expected[name])
        asked += [
            (number, request, written[request.role])
            for request in requests(expected)
            if request.role in written
            and (number == 0 or written[request.role] != unchanged.get(request.role))
        ]
    for (number, request, _), answer in zip(asked, simulate(asked, node), strict=True):
        if answer not in ("Allowed", "ImplicitlyDenied", "ExplicitlyDenied"):
            found[number].append(f"{request} is no request: {answer}")
        elif (answer == "Allowed") != request.allowed:
            found[number].append(f"{request} is {'allowed' if answer == 'Allowed' else 'refused'}")
    return found


def shape(name: str, role: Node, table: Node) -> Iterator[str]:
    """Give what is wrong with a role as it is written: whom it trusts, and what it names."""
    (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
    if trust["Principal"] != table["trusts"]:
        yield f"{name} trusts {trust['Principal']}"
    if "Service" in trust["Principal"] and "Condition" not in trust:
        yield f"{name} lets a service act for other accounts"
    if "ManagedPolicyArns" in role:
        yield f"{name} has policies that others write"
    listed = {action for action, _, _ in table["allow"]}
    for policy in role.get("Policies", []):
        for statement in policy["PolicyDocument"]["Statement"]:
            actions = statement["Action"]
            for action in [actions] if isinstance(actions, str) else actions:
                if action not in listed:
                    yield f"{name} names {action}, which iam.yaml does not"


def simulate(asked: list[tuple[int, Request, list[Node]]], node: Path) -> list[str]:
    """Give what IAM would say to each request under its policies."""
    questions = [
        {
            "policies": written,
            "action": request.action,
            "resource": request.resource,
            "context": request.context,
        }
        for _, request, written in asked
    ]
    done = subprocess.run(
        ["node", str(HERE / "simulate.mjs"), str(node)],
        input=json.dumps(questions),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(done.stderr)
    answers: list[str] = json.loads(done.stdout)
    return answers
