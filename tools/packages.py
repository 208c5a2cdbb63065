"""Installs packages apart from the project, in .deploy, and says where they are."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TOOLS = ROOT / ".deploy"
# Installs a hundred packages in a tenth of pip's time; MIT or Apache-2.0.
UV = "uv==0.13.9"
_one_at_a_time = threading.Lock()


class Missing(Exception):
    """A program that installs packages is not on this machine; the text says which."""


def environment(name: str, wanted: Path) -> Path:
    """Return the folder of the commands of a virtual environment, made if it is not up to date.

    wanted: a complete list of packages, as pip freeze writes it. Raises
    subprocess.CalledProcessError if a package cannot be installed.
    """
    folder = TOOLS / name
    stamp = folder / "installed.txt"
    if not stamp.exists() or stamp.read_text() != wanted.read_text():
        # A copied interpreter cannot be started while another thread starts a process.
        venv.create(folder, clear=True, symlinks=True)
        to = ("--python", str(folder / "bin" / "python"))
        subprocess.run([*uv(), "pip", "install", "--quiet", *to, "-r", str(wanted)], check=True)
        shutil.copyfile(wanted, stamp)
    return folder / "bin"


def uv() -> list[str]:
    """Return the command uv, installed if need be."""
    folder = TOOLS / UV
    with _one_at_a_time:
        if not (folder / "bin" / "uv").exists():
            pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
            subprocess.run([*pip, "--target", str(folder), UV], check=True)
    return [str(folder / "bin" / "uv")]


def node_packages(name: str, wanted: Path) -> Path:
    """Return a folder with the packages that another folder's package-lock.json lists.

    No package's own script runs. Raises Missing without node or npm, and
    subprocess.CalledProcessError if npm cannot install a package.
    """
    for command in ("node", "npm"):
        if shutil.which(command) is None:
            raise Missing(f"{command} is not installed; Node.js 20 or newer has it")
    folder = TOOLS / name
    stamp = folder / "installed.json"
    lock = wanted / "package-lock.json"
    if not stamp.exists() or stamp.read_text() != lock.read_text():
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(wanted / "package.json", folder)
        shutil.copy(lock, folder)
        subprocess.run(
            ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--silent"],
            cwd=folder,
            env={**os.environ, "npm_config_update_notifier": "false"},
            check=True,
        )
        shutil.copyfile(lock, stamp)
    return folder
