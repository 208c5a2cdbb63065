"""The templates as CloudFormation would read them."""

from __future__ import annotations

import pytest

from deploy.aws.stacks import Stacks


def test_functions_are_worked_out() -> None:
    stacks = Stacks({"Size": "medium"})
    tasks = dict(stacks.properties("AWS::ECS::TaskDefinition"))
    web = tasks["app.WebTaskDefinition"]
    (container,) = web["ContainerDefinitions"]
    assert (web["Cpu"], web["Memory"]) == ("512", "1024")
    assert (
        "arn:aws:secretsmanager:eu-west-1:123456789012:secret:financial-alerts/secret-key-AbCdEf:key::"
        in [entry["ValueFrom"] for entry in container["Secrets"]]
    )
    subnets = dict(stacks.properties("AWS::EC2::Subnet"))
    assert subnets["network.DataSubnetB"]["CidrBlock"] == "10.20.80.0/20"
    assert subnets["network.DataSubnetB"]["AvailabilityZone"] == "eu-west-1b"


def test_what_is_switched_off_is_not_there() -> None:
    def names(stacks: Stacks) -> set[str]:
        return {name for _, name, _ in stacks.resources()}

    off, on = names(Stacks()), names(Stacks({"Replica": "true", "CacheNodes": "1"}))
    assert on - off == {
        *("Cache", "CacheSubnets", "CacheToken", "CacheUrl", "CacheMemoryAlarm"),
        *("DatabaseReplica", "MasterSecret", "ReplicaLagAlarm", "ReplicaLog"),
    }
    (container,) = next(Stacks().properties("AWS::ECS::TaskDefinition"))[1]["ContainerDefinitions"]
    assert "REPLICA_DATABASE_URL" not in [entry["Name"] for entry in container["Environment"]]


def test_an_import_that_nobody_exports_is_named() -> None:
    # The service is told to use Redis, which the data stack does not have.
    with pytest.raises(KeyError, match="financial-alerts-redis-url"):
        list(Stacks({"Cache": "true"}).resources())
