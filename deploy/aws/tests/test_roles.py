"""Each role may do what its table says and no more, and a role that may is seen."""

from __future__ import annotations

import pytest

from deploy.aws import roles
from deploy.aws.stacks import Stacks
from deploy.aws.tools import TOOLS

NODE = TOOLS / "node"
STRANGER = """  Stranger:
    Type: AWS::IAM::Role
    Properties: {AssumeRolePolicyDocument: {Statement: [{Principal: {AWS: "*"}}]}}
"""
installed = pytest.mark.skipif(
    not (NODE / "node_modules").exists(), reason="the IAM simulator is not installed: make aws"
)

pytestmark = pytest.mark.once


def faults(old: str = "", new: str = "", stack: str = "app") -> list[str]:
    text = Stacks().texts[stack]
    assert old in text
    broken = {stack: text.replace(old, new, 1)} if old else {}
    return list(roles.faults(Stacks(roles.ANSWERS, broken), NODE))


def test_every_request_that_must_be_refused_has_one_that_is_not() -> None:
    asked = list(roles.requests(roles.tables()))
    allowed = {(r.role, r.action, r.resource) for r in asked if r.allowed and not r.context}
    refused = {(r.role, r.action, r.resource) for r in asked if not r.allowed and not r.context}
    assert len(allowed) > 50
    assert not allowed & refused


@installed
def test_the_templates_say_what_the_tables_say() -> None:
    assert faults() == []


@installed
@pytest.mark.parametrize(
    ("old", "new", "seen"),
    [
        ("Action: ecr:GetAuthorizationToken", 'Action: "ecr:*"', "names ecr:*"),
        (
            'Resource: {"Fn::ImportValue": !Sub "${Name}-repository-arn"}',
            'Resource: "*"',
            "repository/other-alerts is allowed",
        ),
        ("/web:*\n", "/*\n", "/migrate:log-stream:one is allowed"),
        (
            'ArnEquals: {"ecs:cluster": !GetAtt Cluster.Arn}',
            'StringEquals: {"aws:SecureTransport": "true"}',
            "is refused",
        ),
        (
            'StringEquals: {"iam:PassedToService": ecs-tasks.amazonaws.com}',
            'StringLike: {"iam:PassedToService": "*.amazonaws.com"}',
            "lambda.amazonaws.com'} is allowed",
        ),
        (
            "- !GetAtt ConsoleTaskRole.Arn",
            "- !GetAtt RolesExecutionRole.Arn",
            "app-RolesExecutionRole",
        ),
        ("secretsmanager:GetSecretValue", "secretsmanager:DescribeSecret", "GetSecretValue"),
        ("Principal: {Service: ecs-tasks", "Principal: {Service: ec2", "trusts"),
        (
            '            Condition:\n              StringEquals: {"aws:SourceAccount"',
            '            Note:\n              StringEquals: {"aws:SourceAccount"',
            "for other accounts",
        ),
        ("      Policies:\n", "      ManagedPolicyArns: [x]\n      Policies:\n", "others write"),
        ("  TaskRole:\n", f"{STRANGER}  TaskRole:\n", "not in both"),
    ],
)  # fmt: skip
def test_a_role_that_may_more_or_less_is_seen(old: str, new: str, seen: str) -> None:
    assert any(seen in fault for fault in faults(old, new))
