"""Builds the image and looks inside: `make image`. `make rehearse` runs it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from proof import podman, steps
from proof.image import check
from proof.steps import expect


def main() -> None:
    """Run every step."""
    if obstacles := podman.obstacles():
        sys.exit("The image was NOT checked: " + "; ".join(obstacles))
    steps.in_order("make image", {"Dockerfile": lint, "build": build, "inside": look_inside})


def lint() -> str:
    """Have hadolint read the Dockerfile; a bad one shows that it would say something."""
    tool = Path(sys.executable).parent / "hadolint"
    expect(tool.exists(), "hadolint is not installed (proof/install installs it)")
    bad = subprocess.run([tool, "-"], input=b"FROM debian\nRUN sudo cd /\n", capture_output=True)
    expect(bad.returncode != 0, "hadolint finds nothing wrong with a bad file")
    podman.call(str(tool), "Dockerfile")
    return "hadolint has nothing to say"


def build() -> str:
    podman.build()
    return f"{podman.TAG}, {podman.size(podman.TAG) / 1e6:.0f} MB"


def look_inside() -> str:
    """Look at every file, at the variables, the user and the size; controls show that it sees."""
    base = podman.base()
    known, _ = podman.settings(base)
    environment, user = podman.settings(podman.TAG)
    ours = {name: value for name, value in environment.items() if name not in known}
    added = podman.size(podman.TAG) - podman.size(base)
    with podman.mounted(podman.TAG) as root:
        files = list(check.walk(root))
    faults = check.faults_of(files, ours, user, added)
    expect(not faults, "\n".join(faults[:20]))
    named = podman.built_on(podman.TAG)
    expect(named == base, f"it says that it was built on {named or 'nothing'}")
    for path in check.UNWANTED:
        expect(check.unwanted(check.Found(path)) is not None, f"{path} is not seen")
    wrong = check.faults_of([check.Found("/app/x", True)], {"A_KEY": ""}, "", check.ALLOWANCE + 1)
    expect(len(wrong) == 4, f"of four faults only these are seen: {wrong}")
    return f"{len(files):,} files, {added / 1e6:.0f} MB on its base: no compiler, tests or secret"


if __name__ == "__main__":
    main()
