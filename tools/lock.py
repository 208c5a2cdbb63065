"""Turn Pipfile into Pipfile.lock, requirements.txt and requirements-dev.txt: `make lock`."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCKENV = ROOT / ".lockenv"
PIPENV = "pipenv==2026.10.3"
OLDEST = (3, 11)
LOCAL_SOURCES = ("PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS")
EXPORTS: dict[str, list[str]] = {"requirements.txt": [], "requirements-dev.txt": ["--dev"]}


def main() -> None:
    """Lock in a folder aside, so that a failure half-way does not touch the project's files."""
    if sys.version_info[:2] != OLDEST:
        # The resolver drops what its own Python does not need, and an older one may need it.
        sys.exit("Lock with the oldest supported Python: make lock PYTHON=python3.11")
    pipenv = install_pipenv()
    with tempfile.TemporaryDirectory() as folder:
        aside = Path(folder)
        shutil.copy(ROOT / "Pipfile", aside)
        run(pipenv, "lock", cwd=aside)
        tidy(aside / "Pipfile.lock")
        for name, options in EXPORTS.items():
            text = run(pipenv, "requirements", "--hash", "--exclude-index", *options, cwd=aside)
            (aside / name).write_text(text, encoding="utf-8")
        for name in ("Pipfile.lock", *EXPORTS):
            shutil.copyfile(aside / name, ROOT / name)


def install_pipenv() -> Path:
    """Give the path of pipenv, in an environment apart from the project's."""
    binaries = LOCKENV / "bin"
    if not binaries.exists():
        venv.create(LOCKENV, with_pip=True)
    run(binaries / "python", "-m", "pip", "install", "--quiet", PIPENV, cwd=ROOT)
    return binaries / "pipenv"


def pipfile_digest(pipfile: str) -> str:
    """Give the SHA-256 of what a Pipfile asks for; comments, order and layout do not count.

    The lock carries it beside pipenv's own hash, which covers the registry's address as well and so
    cannot be recomputed from the project's files.
    """
    wanted = json.dumps(tomllib.loads(pipfile), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(wanted.encode()).hexdigest()


def tidy(lock: Path) -> None:
    """Drop the registry's address, so that an installation uses the one its pip is set to."""
    content = json.loads(lock.read_text(encoding="utf-8"))
    pipfile = (ROOT / "Pipfile").read_text(encoding="utf-8")
    content["_meta"] |= {"sources": [], "pipfile": {"sha256": pipfile_digest(pipfile)}}
    for section in ("default", "develop"):
        for package in content[section].values():
            package.pop("index", None)
    lock.write_text(json.dumps(content, indent=4) + "\n", encoding="utf-8")


def run(*command: str | Path, cwd: Path) -> str:
    """Run a command to its end and give what it printed; its failure ends the script."""
    environ = {name: value for name, value in os.environ.items() if name not in LOCAL_SOURCES}
    environ |= {
        # An active environment keeps pipenv from making one for the project somewhere else.
        "VIRTUAL_ENV": str(LOCKENV),
        "PIPENV_VERBOSITY": "-1",
        # Registries that this machine's pip adds would count in pipenv's hash of the Pipfile, and
        # the lock would read as out of date everywhere else.
        "PIP_CONFIG_FILE": os.devnull,
    }
    done = subprocess.run(command, cwd=cwd, env=environ, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        sys.exit(f"{done.stdout}\nFailed: {' '.join(map(str, command))}")
    return done.stdout


if __name__ == "__main__":
    main()
