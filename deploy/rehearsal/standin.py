"""The stand-in for AWS that runs tasks: ministack, with what it leaves out of running them.

It would run a container as whoever the image says, writable and with every capability; and call a
task healthy because it runs. Here podman does what the definition asks for, and a task is healthy,
and gets requests, once it has answered the health check of its target group.

Runs with the Python of deploy/guide/standins.txt: python standin.py NETWORK HOSTS, where the
network is podman's and HOSTS is JSON, the addresses of names that tasks know.
"""

from __future__ import annotations

import json
import sys
import time
import urllib.request
from collections.abc import Callable
from typing import Any

from ministack.app import main
from ministack.services import alb, ecs

Given = dict[str, Any]
# Seconds that a deployment is waited for; ECS itself has no such limit.
PATIENCE = 120.0
OK = 200


def as_defined(build: Callable[..., Given], network: str, hosts: dict[str, str]) -> Any:
    """Give what makes podman's arguments of a container's definition, the rest of it included."""

    def whole(container: Given, task: Given, *given: Any) -> Given:
        linux = container.get("linuxParameters", {})
        return build(container, task, *given) | {
            "cap_drop": linux.get("capabilities", {}).get("drop", []),
            "extra_hosts": hosts,
            "init": linux.get("initProcessEnabled", False),
            "mem_limit": f"{task['memory']}m",
            "network": network,
            "read_only": container.get("readonlyRootFilesystem", False),
            "security_opt": ["no-new-privileges"],
            "tmpfs": {
                mount["containerPath"]: ",".join([f"size={mount['size']}m", *mount["mountOptions"]])
                for mount in linux.get("tmpfs", [])
            },
            "user": container.get("user", ""),
        }

    return whole


def stop(engine: Any, found: Any) -> None:
    """End a container as ECS does, by SIGTERM and with time to finish, and remove it."""
    if engine is None or found is None:
        return
    try:
        container = engine.containers.get(found) if isinstance(found, str) else found
        container.stop(timeout=60)
        container.remove(v=True, force=True)
    except Exception as error:  # another thread has removed it
        print(f"not stopped: {error}", file=sys.stderr, flush=True)


def address_once_healthy(address: Callable[[Given], str | None]) -> Any:
    """Give what tells the balancer a task's address, or nothing until the task is healthy."""

    def known(task: Given) -> str | None:
        found = address(task)
        return found if found and healthy(task, found) else None

    return known


def healthy(task: Given, address: str) -> bool:
    """Whether a task has ever answered its target group's health check."""
    if not task.get("_answered"):
        task["_answered"] = all(answers(url) for url in checks(task, address))
    return bool(task["_answered"])


def checks(task: Given, address: str) -> list[str]:
    """Give the addresses that are asked: one for each target group of the task's service."""
    cluster = task["clusterArn"].rpartition("/")[2]
    service = ecs._services.get(f"{cluster}/{task['group'].partition(':')[2]}") or {}
    return [
        f"http://{address}:{one['containerPort']}{alb._tgs[one['targetGroupArn']]['HealthCheckPath']}"
        for one in service.get("loadBalancers", [])
    ]


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=1) as answer:  # noqa: S310 - a task's own address
            status: int = answer.status
            return status == OK
    except OSError:
        return False


def once_healthy(complete: Callable[..., None]) -> Any:
    """Give what completes a deployment, and waits until all its tasks are healthy."""

    def waits(cluster: str, key: str, expected_deployment_id: str | None = None) -> None:
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            service = ecs._services.get(key) or {}
            first = ecs._primary_deployment(service) if service else None
            if not first or expected_deployment_id not in (None, first["id"]):
                return
            ours = [task for task in ecs._tasks.values() if runs(task, first)]
            fit = [task for task in ours if ecs._task_ip(task)]
            for task in fit:
                ecs._record_service_task_healthy(key, task)
            ecs._refresh_service_state(cluster, f"service:{service['serviceName']}")
            if len(fit) >= service["desiredCount"] or first["rolloutState"] == "FAILED":
                return complete(cluster, key, expected_deployment_id=expected_deployment_id)
            time.sleep(0.5)

    return waits


def runs(task: Given, deployment: Given) -> bool:
    ours: bool = task.get("_deployment_id") == deployment["id"]
    return ours and task["lastStatus"] == "RUNNING"


def recorded_once_healthy(record: Callable[[str, Given], None]) -> Any:
    """Give what sets the circuit breaker's count back, for a task that is healthy alone."""

    def only(key: str, task: Given) -> None:
        if ecs._task_ip(task):
            record(key, task)

    return only


if __name__ == "__main__":
    _, _network, _hosts = sys.argv
    del sys.argv[1:]
    ecs._build_run_kwargs = as_defined(ecs._build_run_kwargs, _network, json.loads(_hosts))
    ecs._remove_docker_container = stop
    ecs._task_ip = address_once_healthy(ecs._task_ip)
    ecs._complete_service_deployment = once_healthy(ecs._complete_service_deployment)
    ecs._record_service_task_healthy = recorded_once_healthy(ecs._record_service_task_healthy)
    main()
