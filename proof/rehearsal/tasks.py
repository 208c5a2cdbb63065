"""The tasks of deploy/aws/app.yaml as containers: podman does what their definitions say."""

from __future__ import annotations

import json
import secrets
from typing import Any

from proof import podman
from proof.aws.stacks import Stacks
from proof.postgres import ADMIN, Server

Node = Any
NAME = "financial-alerts"
DOMAIN = "alerts.example.com"
HOST = "database.internal"
BUNDLE = "/etc/ssl/rds/global-bundle.pem"


class Tasks:
    """Every task definition, with secrets made as the templates say, for one database."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.stacks = Stacks({"DomainName": DOMAIN})
        master = {"username": ADMIN, "password": server.passwords[ADMIN]}
        self.secrets: dict[str, dict[str, str]] = {"rds!db-0123": master}
        for _, made in self.stacks.properties("AWS::SecretsManager::Secret"):
            if given := made.get("GenerateSecretString"):
                value = json.loads(given["SecretStringTemplate"])
                value[given["GenerateStringKey"]] = secrets.token_hex(given["PasswordLength"] // 2)
                self.secrets[made["Name"]] = value
        self.definitions = {
            task["Family"].removeprefix(f"{NAME}-"): task
            for _, task in self.stacks.properties("AWS::ECS::TaskDefinition")
        }

    def container(self, kind: str) -> Node:
        (container,) = self.definitions[kind]["ContainerDefinitions"]
        return container

    def environment(self, kind: str) -> dict[str, str]:
        """Give a task's environment, secrets included.

        Two things are not the template's: where the database is, and the limits of requests, which
        the load would meet because it comes from one address.
        """
        container = self.container(kind)
        told = {entry["Name"]: entry["Value"] for entry in container["Environment"]}
        _, _, rest = told["DATABASE_URL"].partition(":5432/")
        told["DATABASE_URL"] = f"postgres://{HOST}:{self.server.port}/{rest}"
        told |= {f"THROTTLE_{limit}": "off" for limit in ("USER", "ADDRESS", "UNAUTHENTICATED")}
        for entry in container["Secrets"]:
            # arn:aws:secretsmanager:REGION:ACCOUNT:secret:NAME-AbCdEf:KEY::
            *_, name, key, _, _ = entry["ValueFrom"].split(":")
            told[entry["Name"]] = self.secrets[name.removesuffix("-AbCdEf")][key]
        return told

    def flags(self, kind: str) -> list[str]:
        """Give what podman is asked for, so that it does as Fargate does."""
        container = self.container(kind)
        linux = container["LinuxParameters"]
        return [
            *podman.LIMITS,
            *("--network=host", "--no-healthcheck", "--security-opt=no-new-privileges"),
            *(f"--add-host={HOST}:127.0.0.1", f"--volume={self.server.authority}:{BUNDLE}:ro"),
            f"--memory={self.definitions[kind]['Memory']}m",
            f"--user={container['User']}",
            f"--read-only={str(container['ReadonlyRootFilesystem']).lower()}",
            "--read-only-tmpfs=false",
            f"--init={str(linux.get('InitProcessEnabled', False)).lower()}",
            f"--stop-timeout={container.get('StopTimeout', 30)}",
            *(f"--cap-drop={name}" for name in linux["Capabilities"]["Drop"]),
            *(
                f"--tmpfs={mount['ContainerPath']}:rw,size={mount['Size']}m,"
                + ",".join(mount["MountOptions"])
                for mount in linux["Tmpfs"]
            ),
        ]

    def run(self, kind: str, image: str, *command: str) -> str:
        """Run a task to its end and give its output. Raises Broken if it fails."""
        told = [f"--env={key}={value}" for key, value in self.environment(kind).items()]
        words = command or self.container(kind)["Command"]
        return podman.call(*podman.PODMAN, "run", "--rm", *self.flags(kind), *told, image, *words)

    def start(self, name: str, image: str, port: int) -> None:
        """Start a task of the service that listens on a port of the loopback interface."""
        told = self.environment("web") | {"LISTEN_ADDRESS": "127.0.0.1", "PORT": str(port)}
        podman.call(
            *(*podman.PODMAN, "run", "--detach", "--name", name, *self.flags("web")),
            *(f"--env={key}={value}" for key, value in told.items()),
            image,
        )

    def schedules(self) -> list[list[str]]:
        """Give the commands that run at their times, each in a task for jobs."""
        return [
            override["command"]
            for _, schedule in self.stacks.properties("AWS::Scheduler::Schedule")
            for override in json.loads(schedule["Target"]["Input"])["containerOverrides"]
        ]
