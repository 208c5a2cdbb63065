"""The templates follow every rule, and every rule sees what it is there for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.aws import rules
from deploy.aws.stacks import Stacks

pytestmark = pytest.mark.once

CONTROLS: list[dict[str, Any]] = yaml.safe_load(
    Path(__file__).with_name("controls.yaml").read_text()
)
VARIANTS = dict(rules.variants())


@pytest.mark.parametrize("name", VARIANTS)
def test_the_templates_follow_every_rule(name: str) -> None:
    assert list(rules.faults(VARIANTS[name])) == []


@pytest.mark.parametrize(
    "control", CONTROLS, ids=lambda control: f"{control['rule']}: {control['new'][:40]}"
)
def test_each_rule_sees_what_it_is_there_for(control: dict[str, str]) -> None:
    stack, old = control["stack"], control["old"]
    text = Stacks().texts[stack]
    assert old in text
    broken = {stack: text.replace(old, control["new"])}
    found = [
        fault
        for variant in VARIANTS.values()
        for fault in rules.faults(Stacks(variant.given, broken), control["rule"])
    ]
    assert any(control["seen"] in fault for fault in found), found


def test_a_template_that_is_too_long_is_seen() -> None:
    long = Stacks(texts={"ecr": Stacks().texts["ecr"] + "# more\n" * 8_000})
    assert [fault.split()[1] for fault in rules.faults(long, "templates_fit")] == ["ecr"]


def test_every_rule_has_a_control() -> None:
    controlled = {control["rule"] for control in CONTROLS}
    assert {rule.__name__ for rule in rules.RULES} - controlled == {"templates_fit"}
