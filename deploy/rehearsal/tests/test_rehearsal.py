"""What the rehearsal takes for a good end, and what it says where it cannot run."""

from __future__ import annotations

from typing import Any

import pytest

from deploy.rehearsal import __main__ as rehearsal
from deploy.rehearsal import releases
from deploy.rehearsal.templates import BUNDLE, DATABASE, DOMAIN, Templates

Node = dict[str, Any]


def deployment(name: str, state: str, running: int) -> Node:
    return {"taskDefinition": name, "rolloutState": state, "runningCount": running}


def service(*deployments: Node, now: str = "good") -> Node:
    return {"deployments": list(deployments), "taskDefinition": now, "desiredCount": 2}


KEPT = deployment("good", "COMPLETED", 2)
FAILED = deployment("bad", "FAILED", 0)


def test_a_release_that_went_back_is_seen() -> None:
    assert rehearsal.went_back(service(KEPT, FAILED), "good", "bad")


@pytest.mark.parametrize(
    "seen",
    [
        service(deployment("bad", "COMPLETED", 2), now="bad"),
        service(deployment("bad", "IN_PROGRESS", 1), KEPT, now="bad"),
        service(KEPT, deployment("bad", "FAILED", 1)),
        service(deployment("good", "IN_PROGRESS", 1), FAILED),
        service(deployment("good", "COMPLETED", 1), FAILED),
        service(KEPT),
    ],
)
def test_one_that_did_not_is_no_way_back(seen: Node) -> None:
    assert not rehearsal.went_back(seen, "good", "bad")


def test_tasks_are_what_the_template_says() -> None:
    task = Templates({"Image": "repository@sha256:1"}).task("Web", "/ca.pem", 15432)
    (container,) = task["containerDefinitions"]
    told = {variable["name"]: variable["value"] for variable in container["environment"]}
    assert container["image"] == "repository@sha256:1"
    assert container["readonlyRootFilesystem"] is True
    assert container["user"] == "10001"
    assert told["ALLOWED_HOSTS"] == DOMAIN
    assert told["DATABASE_URL"].startswith(
        f"postgres://{DATABASE}:15432/alerts?sslmode=verify-full"
    )
    assert f"sslrootcert={BUNDLE}" in told["DATABASE_URL"]
    assert [one["name"] for one in container["secrets"]][:2] == ["PGUSER", "PGPASSWORD"]


def test_a_secret_is_taken_from_where_it_is() -> None:
    templates = Templates({"Image": "repository:1"})
    (name, *_) = templates.secrets()
    arn = f"arn:aws:secretsmanager:eu-west-1:123456789012:secret:{name}-Zz9"
    templates.is_secret(name, arn)
    (container,) = templates.task("Web", "/ca.pem", 15432)["containerDefinitions"]
    taken = [one["valueFrom"] for one in container["secrets"]]
    assert f"{arn}:username::" in taken
    assert not any(f"{name}-AbCdEf" in one for one in taken)


def test_each_migration_of_the_releases_follows_the_one_before() -> None:
    files = releases.files()
    last = files["1.3.0"]
    assert [len(files[version]) for version in ("1.1.0", "1.2.0", "1.3.0")] == [2, 2, 3]
    names = [path.rpartition("/")[2].removesuffix(".py") for path in last]
    for before, text in zip(names, list(last.values())[1:], strict=False):
        assert f'("budget", "{before}")' in text
    for text in last.values():
        compile(text, "migration", "exec")


@pytest.mark.parametrize(("ci", "code"), [("true", 0), ("", 1)])
def test_what_keeps_it_from_running_is_said_loudly(
    ci: str, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CI", ci)
    monkeypatch.setattr(rehearsal, "install", lambda: ["podman is not installed"])
    with pytest.raises(SystemExit) as left:
        rehearsal.main()
    assert left.value.code == code
    assert capsys.readouterr().out.startswith("LEFT OUT: make rehearse")


def test_a_step_that_fails_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    def step() -> str:
        rehearsal.expect(False, "the old tasks were not kept")
        return "never"

    assert not rehearsal.passes("bad release", step)
    assert "FAILED" in (said := capsys.readouterr().out)
    assert "the old tasks were not kept" in said
