"""The stand-in for AWS that the guide's commands are sent to: ministack, with what it lacks.

Runs with the Python of a separate environment: .deploy/standins/bin/python proof/guide/standin.py
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from typing import Any

from ministack.app import main
from ministack.services import ecs, iam
from ministack.services.cloudformation.provisioners import _RESOURCE_HANDLERS

Properties = dict[str, Any]
Made = tuple[str, Properties]

# Types it does not know. A stack has them and they get an identity; nothing else happens.
REMEMBERED = {
    "AWS::ApplicationAutoScaling::ScalableTarget": "scalable-target",
    "AWS::ApplicationAutoScaling::ScalingPolicy": "scaling-policy",
    "AWS::EC2::EIP": "eipalloc",
    "AWS::EC2::FlowLog": "fl",
    "AWS::EC2::NatGateway": "nat",
}
DATABASE = "AWS::RDS::DBInstance"
SERVICE = "AWS::ECS::Service"
SECRET = "AWS::SecretsManager::Secret"  # noqa: S105 - a type's name


def remembered(prefix: str) -> dict[str, Any]:
    """Give the handler of a type that is only remembered."""

    def create(logical_id: str, properties: Properties, stack: str) -> Made:
        identity = f"{prefix}-{secrets.token_hex(8)}"
        return identity, {"AllocationId": identity, "NatGatewayId": identity, "Id": identity}

    def delete(identity: str, properties: Properties) -> None:
        pass

    return {"create": create, "delete": delete}


def secret_by_arn(handler: dict[str, Any]) -> dict[str, Any]:
    """Give the handler of secrets with AWS's answer to Ref: the ARN, not the name."""
    create: Callable[..., Made] = handler["create"]
    update: Callable[..., Made] = handler["update"]
    delete: Callable[..., None] = handler["delete"]

    def name(arn: str) -> str:
        return arn.partition(":secret:")[2].rpartition("-")[0]

    def create_by_arn(*given: Any) -> Made:
        _, attributes = create(*given)
        return attributes["Arn"], attributes

    def update_by_arn(arn: str, *given: Any) -> Made:
        _, attributes = update(name(arn), *given)
        return attributes["Arn"], attributes

    def delete_by_arn(arn: str, properties: Properties) -> None:
        delete(name(arn), properties)

    return handler | {"create": create_by_arn, "update": update_by_arn, "delete": delete_by_arn}


def database_with_secret(handler: dict[str, Any], secret: dict[str, Any]) -> dict[str, Any]:
    """Give the handler of databases with the secret that RDS makes for the master user.

    It is there as long as RDS manages the password; where it begins to, it makes another one.
    """
    create: Callable[..., Made] = handler["create"]
    update: Callable[..., Made] = handler["update"]
    masters: dict[str, str] = {}

    def with_secret(made: Made, properties: Properties) -> Made:
        identity, attributes = made
        if str(properties.get("ManageMasterUserPassword")).lower() != "true":
            masters.pop(identity, None)
            return identity, attributes
        if identity not in masters:
            login = {"username": properties["MasterUsername"], "password": secrets.token_hex(16)}
            name = f"rds!db-{secrets.token_hex(4)}"
            given = {"Name": name, "SecretString": json.dumps(login)}
            masters[identity], _ = secret["create"]("Master", given, "rds")
        return identity, attributes | {"MasterUserSecret.SecretArn": masters[identity]}

    def create_with_secret(logical_id: str, properties: Properties, stack: str) -> Made:
        return with_secret(create(logical_id, properties, stack), properties)

    def update_with_secret(identity: str, old: Properties, new: Properties, *given: Any) -> Made:
        return with_secret(update(identity, old, new, *given), new)

    return handler | {"create": create_with_secret, "update": update_with_secret}


def service_with_a_number(handler: dict[str, Any]) -> dict[str, Any]:
    """Give the handler of services with a number of tasks that may come from a parameter."""
    create: Callable[..., Made] = handler["create"]
    update: Callable[..., Made] = handler["update"]

    def whole(properties: Properties) -> Properties:
        wanted = properties.get("DesiredCount")
        return properties if wanted is None else properties | {"DesiredCount": int(wanted)}

    def create_whole(logical_id: str, properties: Properties, stack: str) -> Made:
        return create(logical_id, whole(properties), stack)

    def update_whole(identity: str, old: Properties, new: Properties, *given: Any) -> Made:
        return update(identity, whole(old), whole(new), *given)

    return handler | {"create": create_whole, "update": update_whole}


def identity_provider() -> dict[str, Any]:
    """Give the handler of identity providers: IAM knows them, and Ref gives the ARN."""

    def create(logical_id: str, properties: Properties, stack: str) -> Made:
        given = {"Url": properties["Url"]}
        for number, client in enumerate(properties.get("ClientIdList", ()), start=1):
            given[f"ClientIDList.member.{number}"] = client
        iam._create_oidc_provider(given)
        host = properties["Url"].removeprefix("https://")
        (arn,) = (arn for arn in iam._oidc_providers if arn.endswith(f"/{host}"))
        return arn, {"Arn": arn}

    def delete(arn: str, properties: Properties) -> None:
        iam._delete_oidc_provider({"OpenIDConnectProviderArn": arn})

    return {"create": create, "delete": delete}


def end_at_once(task: Properties, *given: Any) -> None:
    """Let a one-off task end well as soon as anybody asks, because there is nothing that runs it.

    One that was started to be looked into goes on.
    """
    of_service = task.get("group", "").startswith("service:")
    if not of_service and not task["enableExecuteCommand"] and task["lastStatus"] == "RUNNING":
        task["lastStatus"] = task["desiredStatus"] = "STOPPED"
        for container in task["containers"]:
            container |= {"lastStatus": "STOPPED", "exitCode": 0}


if __name__ == "__main__":
    for kind, prefix in REMEMBERED.items():
        _RESOURCE_HANDLERS[kind] = remembered(prefix)
    _RESOURCE_HANDLERS[SECRET] = secret_by_arn(_RESOURCE_HANDLERS[SECRET])
    _RESOURCE_HANDLERS[DATABASE] = database_with_secret(
        _RESOURCE_HANDLERS[DATABASE], _RESOURCE_HANDLERS[SECRET]
    )
    _RESOURCE_HANDLERS[SERVICE] = service_with_a_number(_RESOURCE_HANDLERS[SERVICE])
    _RESOURCE_HANDLERS["AWS::IAM::OIDCProvider"] = identity_provider()
    ecs._maybe_mark_stopped = end_at_once
    main()
