"""The stand-in for AWS, asked with the real aws command as the guide does."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable
from typing import Any

from deploy.aws import tools
from deploy.aws.stacks import REGION
from deploy.guide import runner
from deploy.machines.programs import ROOT, Broken, Place, free_port, listens, wait_for
from deploy.rehearsal import engine
from deploy.rehearsal.templates import DATABASE, NAME, Templates

HERE = ROOT / "deploy" / "rehearsal"
# Seconds that a task, or a deployment, may take.
PATIENCE = 120.0


class Cloud:
    """One account in which nothing is yet."""

    def __init__(self, place: Place, podman: engine.Engine, gateway: str) -> None:
        self.binaries = tools.standins()
        self.port = free_port()
        address = f"http://127.0.0.1:{self.port}"
        self.environ = runner.environment([self.binaries], place.folder, address)
        self.environ["AWS_DEFAULT_REGION"] = REGION
        (packages,) = docker().glob("lib/python3*/site-packages")
        hosts = json.dumps({DATABASE: gateway})
        self.server = place.program(
            "ministack",
            *(str(self.binaries / "python"), str(HERE / "standin.py"), engine.NETWORK, hosts),
            environ={
                "BIND_HOST": "127.0.0.1",
                "DOCKER_HOST": f"unix://{podman.socket}",
                "GATEWAY_PORT": str(self.port),
                "HOME": str(place.folder),
                "IOT_MTLS_ENABLED": "0",
                "MINISTACK_ACCOUNT_ID": runner.ACCOUNT,
                "MINISTACK_DOCKER_TIMEOUT": str(PATIENCE),
                "MINISTACK_REGION": REGION,
                "PYTHONPATH": str(packages),
            },
        )
        self.calls = 0

    def start(self) -> None:
        self.server.start()
        wait_for(lambda: listens(self.port), "ministack")

    def aws(self, service: str, command: str, given: Any) -> Any:
        """Run one aws command with its input as JSON, and give what it answers.

        Raises Broken, with what it said, where it fails.
        """
        said = ("--cli-input-json", json.dumps(given), "--output=json")
        call = (str(self.binaries / "aws"), service, command, *said)
        done = subprocess.run(call, env=self.environ, capture_output=True, text=True, timeout=120)
        self.calls += 1
        if done.returncode:
            raise Broken(f"aws {service} {command}: {(done.stdout + done.stderr)[-2000:]}")
        return json.loads(done.stdout or "{}")

    # What the templates say

    def make_secret(self, name: str, value: dict[str, str]) -> str:
        """Make a secret and give its ARN."""
        given = {"Name": name, "SecretString": json.dumps(value)}
        arn: str = self.aws("secretsmanager", "create-secret", given)["ARN"]
        return arn

    def make_balancer(self, templates: Templates) -> None:
        """Make the load balancer with its group of targets, listeners and rule."""
        names = (("LoadBalancer", "create-load-balancer", "LoadBalancers", "LoadBalancerArn"),
                 ("TargetGroup", "create-target-group", "TargetGroups", "TargetGroupArn"),
                 ("HttpListener", "create-listener", "Listeners", "ListenerArn"),
                 ("HttpsListener", "create-listener", "Listeners", "ListenerArn"),
                 ("ForwardRule", "create-rule", "Rules", "RuleArn"))  # fmt: skip
        for name, command, many, arn in names:
            given = templates.resource(name)
            # These are a command of their own, and change nothing in the stand-in.
            for attributes in ("LoadBalancerAttributes", "TargetGroupAttributes"):
                given.pop(attributes, None)
            templates.is_real(name, self.aws("elbv2", command, given)[many][0][arn])

    def register(self, definition: Any) -> str:
        """Register a revision of a task definition and give its ARN."""
        said = self.aws("ecs", "register-task-definition", definition)
        arn: str = said["taskDefinition"]["taskDefinitionArn"]
        return arn

    # What a person does

    def run_task(
        self, definition: str, network: Any, overrides: Any = None
    ) -> tuple[int, list[str]]:
        """Run a one-off task as the guide says; its exit code and all that its kind has logged."""
        given = {
            "cluster": NAME,
            "taskDefinition": definition,
            "launchType": "FARGATE",
            "networkConfiguration": network,
        } | ({"overrides": overrides} if overrides else {})
        task = self.aws("ecs", "run-task", given)["tasks"][0]["taskArn"]
        which = {"cluster": NAME, "tasks": [task]}
        stopped = self.until(
            lambda: self.aws("ecs", "describe-tasks", which)["tasks"][0],
            lambda found: found["lastStatus"] == "STOPPED",
            "the task did not end",
        )
        code = stopped["containers"][0].get("exitCode", -1)
        kind = definition.rpartition("/")[2].partition(":")[0].removeprefix(f"{NAME}-")
        return code, [stopped.get("stoppedReason", ""), *self.log(kind)]

    def log(self, kind: str) -> list[str]:
        """Give what the tasks of a kind have printed."""
        # The last lines arrive after the task has ended.
        time.sleep(0.5)
        said = self.aws("logs", "filter-log-events", {"logGroupName": f"/{NAME}/{kind}"})
        return [event["message"] for event in said["events"]]

    def service(self) -> Any:
        """Give the service as it is now."""
        which = {"cluster": NAME, "services": ["web"]}
        return self.aws("ecs", "describe-services", which)["services"][0]

    def until(self, look: Callable[[], Any], holds: Callable[[Any], bool], otherwise: str) -> Any:
        """Look until something holds, and give what was seen. Raises Broken."""
        end = time.monotonic() + PATIENCE
        while not holds(seen := look()):
            if time.monotonic() > end:
                raise Broken(f"{otherwise}: {json.dumps(seen, default=str)[-2000:]}")
            time.sleep(0.5)
        return seen


def docker() -> Any:
    """Give the folder of the environment that speaks to podman, once it is installed."""
    return tools.environment("docker", HERE / "requirements.txt").parent
