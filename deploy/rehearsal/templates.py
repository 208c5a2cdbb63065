"""What the guide's template says of the service, as the aws CLI takes it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from deploy.aws.stacks import ACCOUNT, REGION, Stacks

Node = Any
NAME = "financial-alerts"
# The stand-in's balancer knows itself by this name.
DOMAIN = f"{NAME}.alb.localhost"
REPOSITORY = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/{NAME}"
DATABASE = "database.internal"
BUNDLE = "/etc/ssl/rds/global-bundle.pem"


class Templates:
    """The stacks of deploy/aws with a reader's answers, and what is real in the place of names."""

    def __init__(self, images: Mapping[str, str]) -> None:
        """Take the images by parameter: `Image`, `MigrateImage`, `RolesImage`."""
        self.stacks = Stacks({"DomainName": DOMAIN, **images})
        self.real: dict[str, str] = {}

    def resource(self, name: str, stack: str = "app") -> Node:
        """Give the properties of a resource, with what is real put in."""
        found = self.stacks.templates[stack]["Resources"][name]["Properties"]
        text = json.dumps(self.stacks.resolve(stack, found))
        for word, real in self.real.items():
            text = text.replace(word, real)
        return json.loads(text)

    def secrets(self) -> dict[str, Node]:
        """Give what each secret is made of, by its name."""
        names = ("AppSecret", "OwnerSecret", "KeySecret")
        return {found["Name"]: found for found in (self.resource(name, "data") for name in names)}

    def is_real(self, name: str, identity: str) -> None:
        """Say what a resource that other ones refer to is called."""
        self.real[f'"{name}"'] = f'"{identity}"'

    def is_secret(self, name: str, arn: str) -> None:
        """Say which ARN a secret has got."""
        self.real[f":{REGION}:{ACCOUNT}:secret:{name}-AbCdEf"] = arn.partition(":secretsmanager")[2]

    def task(self, name: str, authority: str, port: int) -> Node:
        """Give a task definition, for a database at this port that `authority` answers for.

        Three things are not the template's: the database's address and its authority, which are
        RDS's there, and the limits of requests, which a load from one address would meet.
        """
        definition = camel(self.resource(f"{name}TaskDefinition"))
        (container,) = definition["containerDefinitions"]
        for variable in container["environment"]:
            if variable["name"] == "DATABASE_URL":
                _, _, rest = variable["value"].partition(":5432/")
                variable["value"] = f"postgres://{DATABASE}:{port}/{rest}"
        for limit in ("USER", "ADDRESS", "UNAUTHENTICATED"):
            container["environment"].append({"name": f"THROTTLE_{limit}", "value": "off"})
        container["mountPoints"] = [
            {"sourceVolume": "authority", "containerPath": BUNDLE, "readOnly": True}
        ]
        definition["volumes"] = [{"name": "authority", "host": {"sourcePath": authority}}]
        return definition


def camel(node: Node) -> Node:
    """Spell the keys of a template as the service's own API does."""
    if isinstance(node, list):
        return [camel(item) for item in node]
    if not isinstance(node, dict):
        return node
    return {key[:1].lower() + key[1:]: camel(value) for key, value in node.items()}
