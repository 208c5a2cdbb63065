"""Installs what `make aws` runs into .deploy, apart from the project, and says where it is."""

from __future__ import annotations

import os
import shutil
import subprocess
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
HERE = ROOT / "deploy" / "aws"
TOOLS = ROOT / ".deploy"


class LeftOut(Exception):
    """A step cannot run on this machine; says why."""


def checks() -> Path:
    """Give the folder of cfn-lint's and checkov's commands, once they are installed."""
    return environment("checks", HERE / "checks.txt")


def standins() -> Path:
    """Give the folder of the commands aws and moto_server, and of the Python with ministack."""
    return environment("standins", ROOT / "deploy" / "guide" / "standins.txt")


def environment(name: str, wanted: Path) -> Path:
    """Make a virtual environment of a list of packages, or find it as it should be.

    Raises subprocess.CalledProcessError where a package cannot be had.
    """
    folder = TOOLS / name
    binaries, stamp = folder / "bin", folder / "installed.txt"
    if not stamp.exists() or stamp.read_text() != wanted.read_text():
        # Links: a copied interpreter cannot be run while another thread begins a process.
        venv.create(folder, clear=True, with_pip=True, symlinks=True)
        pip = [str(binaries / "pip"), "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "--requirement", str(wanted)], check=True)
        shutil.copyfile(wanted, stamp)
    return binaries


def node() -> Path:
    """Give the folder whose node_modules has iam-simulate, once it is installed.

    Raises LeftOut without node or npm, subprocess.CalledProcessError where npm cannot have it.
    """
    for command in ("node", "npm"):
        if shutil.which(command) is None:
            raise LeftOut(f"{command} is not installed; Node.js 20 or newer has it")
    folder = TOOLS / "node"
    stamp = folder / "installed.json"
    lock = HERE / "package-lock.json"
    if not stamp.exists() or stamp.read_text() != lock.read_text():
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(HERE / "package.json", folder)
        shutil.copy(lock, folder)
        subprocess.run(
            ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--silent"],
            cwd=folder,
            env={**os.environ, "npm_config_update_notifier": "false"},
            check=True,
        )
        shutil.copyfile(lock, stamp)
    return folder
