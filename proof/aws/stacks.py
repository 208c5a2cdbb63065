"""Reads the templates of deploy/aws and works out what CloudFormation would make of them."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

TEMPLATES = Path(__file__).resolve().parents[2] / "deploy" / "aws"
# In the order in which they are made: each uses what those before it export.
NAMES = ("ecr", "network", "data", "app", "alarms", "cdn", "ci")
REGIONS = {"cdn": "us-east-1"}
REGION = "eu-west-1"
ACCOUNT = "123456789012"

# What a reader of the guide answers where a template has no default, of one stack or of all.
ANSWERS = {
    "AlarmEmail": "ops@example.com",
    "BalancerDomain": "financial-alerts-1.eu-west-1.elb.amazonaws.com",
    "DomainName": "alerts.example.com",
    "HostedZoneId": "Z0123456789",
    "Image": f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/financial-alerts:1.0.0",
    "cdn.OriginHeader": "0123456789abcdef0123456789abcdef",
    "MasterSecret": f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:rds!db-0123-AbCdEf",
    "MigrateImage": f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/financial-alerts:1.0.0",
    "RolesImage": f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/financial-alerts:1.0.0",
    "Subject": "repo:octocat@583231/financial-alerts@1296269:ref:refs/heads/main",
}

Node = Any
NOTHING = object()
PLACEHOLDER = re.compile(r"\$\{([^!][^}]*)\}")


class Loader(yaml.SafeLoader):
    """YAML in which !Ref and its like stand for one-key objects, as in the JSON of a template."""


def _tag(loader: Loader, suffix: str, node: yaml.Node) -> Node:
    value: Node
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    elif isinstance(node, yaml.MappingNode):
        value = loader.construct_mapping(node, deep=True)
    if suffix == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}": value}


Loader.add_multi_constructor("!", _tag)


@cache
def parse(text: str) -> Node:
    """Give a template as it is written; nobody changes it."""
    return Loader(text).get_single_data()


class Stacks:
    """All templates, with one set of answers; `texts` replaces a template's text, for a control.

    Raises KeyError, naming it, for a missing reference, import or key of a mapping.
    """

    def __init__(
        self, answers: Mapping[str, str] | None = None, texts: Mapping[str, str] | None = None
    ) -> None:
        self.given = dict(answers or {})
        self.answers = ANSWERS | self.given
        replaced = texts or {}
        self.texts = {
            name: replaced.get(name) or (TEMPLATES / f"{name}.yaml").read_text() for name in NAMES
        }
        self.templates = {name: parse(text) for name, text in self.texts.items()}
        self.exports: dict[str, Node] = {}
        for name in NAMES:
            self.exports |= self._exports_of(name)

    def resources(self, kind: str = "") -> Iterator[tuple[str, str, Node]]:
        """Give stack, logical name and resolved resource of those there are, of one type or all."""
        for stack in NAMES:
            for name, resource in self.templates[stack]["Resources"].items():
                if kind in ("", resource["Type"]) and self._exists(stack, resource):
                    yield stack, name, self.resolve(stack, resource)

    def properties(self, kind: str) -> Iterator[tuple[str, Node]]:
        """Give a name to speak of and the resolved properties of each resource of a type."""
        for stack, name, resource in self.resources(kind):
            yield f"{stack}.{name}", resource.get("Properties", {})

    def resolve(self, stack: str, node: Node) -> Node:
        """Give a piece of a template with every function worked out."""
        if isinstance(node, list):
            found = (self.resolve(stack, item) for item in node)
            return [item for item in found if item is not NOTHING]
        if not isinstance(node, dict):
            return node
        if len(node) == 1:
            ((key, value),) = node.items()
            if key == "Ref":
                return self._ref(stack, value)
            if key.startswith("Fn::"):
                return self._function(stack, key.removeprefix("Fn::"), value)
        pairs = ((key, self.resolve(stack, value)) for key, value in node.items())
        return {key: value for key, value in pairs if value is not NOTHING}

    def _exports_of(self, stack: str) -> dict[str, Node]:
        outputs = self.templates[stack].get("Outputs", {}).values()
        return {
            self.resolve(stack, output["Export"]["Name"]): self.resolve(stack, output["Value"])
            for output in outputs
            if "Export" in output and self._exists(stack, output)
        }

    def _exists(self, stack: str, resource: Node) -> bool:
        return "Condition" not in resource or self._holds(stack, resource["Condition"])

    def _holds(self, stack: str, name: str) -> bool:
        return bool(self.resolve(stack, self.templates[stack]["Conditions"][name]))

    def _ref(self, stack: str, name: str) -> Node:
        pseudo = {
            "AWS::AccountId": ACCOUNT,
            "AWS::Region": REGIONS.get(stack, REGION),
            "AWS::Partition": "aws",
            "AWS::StackName": f"{self.answers.get('Name', 'financial-alerts')}-{stack}",
            "AWS::NoValue": NOTHING,
        }
        if name in pseudo:
            return pseudo[name]
        template = self.templates[stack]
        if name in template["Parameters"]:
            default = self.answers.get(name, template["Parameters"][name].get("Default"))
            return self.answers[f"{stack}.{name}"] if default is None else default
        return self._identity(stack, name)

    def _identity(self, stack: str, name: str) -> str:
        """Give what Ref gives for a resource, near enough: ARNs where AWS gives ARNs."""
        resource = self.templates[stack]["Resources"][name]
        region = f"{REGIONS.get(stack, REGION)}:{ACCOUNT}"
        properties = resource.get("Properties", {})
        match resource["Type"]:
            case "AWS::SecretsManager::Secret":
                called = self.resolve(stack, properties["Name"])
                return f"arn:aws:secretsmanager:{region}:secret:{called}-AbCdEf"
            case "AWS::SNS::Topic":
                return f"arn:aws:sns:{region}:{self.resolve(stack, properties['TopicName'])}"
            case "AWS::ECS::Cluster":
                return str(self.resolve(stack, properties["ClusterName"]))
            case "AWS::IAM::OIDCProvider":
                return f"arn:aws:iam::{ACCOUNT}:oidc-provider/{properties['Url'][8:]}"
            case "AWS::Logs::LogGroup":
                return str(self.resolve(stack, properties["LogGroupName"]))
            case _:
                return name

    def _attribute(self, stack: str, name: str, attribute: str) -> str:
        resource = self.templates[stack]["Resources"][name]
        region = f"{REGIONS.get(stack, REGION)}:{ACCOUNT}"
        properties = resource.get("Properties", {})
        match resource["Type"], attribute:
            case "AWS::IAM::Role", "Arn":
                return f"arn:aws:iam::{ACCOUNT}:role/{stack}-{name}"
            case "AWS::ECR::Repository", "Arn":
                called = self.resolve(stack, properties["RepositoryName"])
                return f"arn:aws:ecr:{region}:repository/{called}"
            case "AWS::ECS::Cluster", "Arn":
                return f"arn:aws:ecs:{region}:cluster/{self._identity(stack, name)}"
            case "AWS::ECS::Service", "Name":
                return str(self.resolve(stack, properties["ServiceName"]))
            case "AWS::SQS::Queue", "Arn":
                return f"arn:aws:sqs:{region}:{self.resolve(stack, properties['QueueName'])}"
            case "AWS::RDS::DBInstance", "MasterUserSecret.SecretArn":
                return f"arn:aws:secretsmanager:{region}:secret:rds!db-0123-AbCdEf"
            case _:
                return f"{name}.{attribute}"

    def _function(self, stack: str, function: str, value: Node) -> Node:
        if function == "If":
            name, yes, no = value
            return self.resolve(stack, yes if self._holds(stack, name) else no)
        if function == "Sub":
            return self._sub(stack, value)
        if function == "GetAtt":
            return self._attribute(stack, *value)
        given = self.resolve(stack, value)
        match function:
            case "ImportValue":
                return self.exports[given]
            case "Equals":
                return str(given[0]) == str(given[1])
            case "Not":
                return not given[0]
            case "Join":
                return given[0].join(str(part) for part in given[1])
            case "Split":
                return given[1].split(given[0])
            case "Select":
                return given[1][int(given[0])]
            case "FindInMap":
                return self.templates[stack]["Mappings"][given[0]][given[1]][given[2]]
            case "GetAZs":
                return [f"{REGIONS.get(stack, REGION)}{letter}" for letter in "abc"]
            case "Cidr":
                block, count, bits = given
                subnets = ipaddress.ip_network(block).subnets(new_prefix=32 - int(bits))
                return [str(subnet) for subnet, _ in zip(subnets, range(int(count)), strict=False)]
        raise KeyError(f"Fn::{function}")

    def _sub(self, stack: str, value: Node) -> str:
        text, given = (value, {}) if isinstance(value, str) else value

        def fill(match: re.Match[str]) -> str:
            name = match[1]
            if name in given:
                return str(self.resolve(stack, given[name]))
            if "." in name:
                return self._attribute(stack, *name.split(".", 1))
            return str(self._ref(stack, name))

        return PLACEHOLDER.sub(fill, text)
