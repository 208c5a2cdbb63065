"""Pipfile, Pipfile.lock and both requirements files say the same, and none names a registry."""

from __future__ import annotations

import ast
import json
import re
import sys
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, packages_distributions, requires
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tools.lock import ROOT, pipfile_digest

# An address, or an option that would hold one.
ADDRESS = re.compile(r"\w+://|--(extra-)?index-url|--find-links|\bindex\b|\[\[source\]\]|\.org\b")
LINE = re.compile(r"(?P<name>[\w.-]+)(?P<extras>\[[\w,-]+\])?(?P<version>==[^;\s]+)(?P<rest>.*)")


@dataclass(frozen=True)
class Files:
    """The text of the four files."""

    pipfile: str
    lock: str
    runtime: str
    dev: str

    def meta(self) -> dict[str, Any]:
        meta: dict[str, Any] = json.loads(self.lock)["_meta"]
        return meta

    def locked(self, *sections: str) -> dict[str, tuple[str, frozenset[str]]]:
        """Give version and hashes by name."""
        content = json.loads(self.lock)
        return {
            name: (package["version"], frozenset(package["hashes"]))
            for section in sections
            for name, package in content[section].items()
        }


@pytest.fixture
def files() -> Files:
    names = ("Pipfile", "Pipfile.lock", "requirements.txt", "requirements-dev.txt")
    return Files(*((ROOT / name).read_text(encoding="utf-8") for name in names))


def required(text: str) -> dict[str, tuple[str, frozenset[str]]]:
    """Read a requirements file into version and hashes by name."""
    found = {}
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        match = LINE.fullmatch(line)
        assert match, f"not a pinned requirement: {line[:60]}"
        hashes = frozenset(re.findall(r"--hash=(\S+)", match["rest"]))
        found[match["name"]] = (match["version"], hashes)
    return found


def problems(files: Files) -> Iterator[str]:
    """Name everything in which the four files disagree."""
    if files.meta()["pipfile"]["sha256"] != pipfile_digest(files.pipfile):
        yield "Pipfile.lock is of another Pipfile"
    if required(files.runtime) != files.locked("default"):
        yield "requirements.txt is of another lock"
    if required(files.dev) != files.locked("default", "develop"):
        yield "requirements-dev.txt is of another lock"
    for name, (_, hashes) in files.locked("default", "develop").items():
        if not hashes:
            yield f"{name} has no hash"
    for name, text in vars(files).items():
        if ADDRESS.search(text):
            yield f"{name} holds an address"


def test_the_four_files_agree(files: Files) -> None:
    assert list(problems(files)) == []


def test_a_dev_install_holds_what_production_runs(files: Files) -> None:
    runtime, dev = required(files.runtime), required(files.dev)
    assert runtime.items() <= dev.items()
    assert set(runtime) < set(dev)


def test_every_package_of_the_pipfile_is_locked(files: Files) -> None:
    wanted = set(re.findall(r"^([\w-]+) = ", files.pipfile, re.MULTILINE))
    assert len(wanted) > 10
    assert wanted <= set(files.locked("default", "develop"))


def first_hash_edited(text: str) -> str:
    return re.sub(r"sha256:\w{8}", "sha256:00000000", text, count=1)


BREAKAGES: dict[str, tuple[Callable[[Files], Files], str]] = {
    "a package added to Pipfile": (
        lambda files: replace(files, pipfile=files.pipfile + 'requests = "*"\n'),
        "Pipfile.lock is of another Pipfile",
    ),
    "a version loosened in Pipfile": (
        lambda files: replace(files, pipfile=files.pipfile.replace("~=5.2.0", "*")),
        "Pipfile.lock is of another Pipfile",
    ),
    "a version edited in requirements.txt": (
        lambda files: replace(files, runtime=files.runtime.replace("django==5", "django==4")),
        "requirements.txt is of another lock",
    ),
    "a hash edited in requirements-dev.txt": (
        lambda files: replace(files, dev=first_hash_edited(files.dev)),
        "requirements-dev.txt is of another lock",
    ),
    "a line lost from requirements-dev.txt": (
        lambda files: replace(files, dev="\n".join(files.dev.splitlines()[1:])),
        "requirements-dev.txt is of another lock",
    ),
    "a hash edited in the lock": (
        lambda files: replace(files, lock=first_hash_edited(files.lock)),
        "requirements.txt is of another lock",
    ),
    "an index at the head of requirements.txt": (
        lambda files: replace(files, runtime=files.runtime + "# -i https://registry.test/simple"),
        "runtime holds an address",
    ),
    "a source in the lock": (
        lambda files: replace(files, lock=files.lock.replace("[]", '["https://registry.test"]')),
        "lock holds an address",
    ),
    "a source in Pipfile": (
        lambda files: replace(files, pipfile=files.pipfile + "[[source]]\nname = 'x'\n"),
        "pipfile holds an address",
    ),
}


@pytest.mark.parametrize("name", BREAKAGES)
def test_each_breakage_is_seen(files: Files, name: str) -> None:
    breakage, problem = BREAKAGES[name]
    broken = breakage(files)
    assert broken != files
    assert problem in list(problems(broken))


# The first of each supported Python: what a dependency needs only there is easily lost.
PYTHONS = ("3.11.0", "3.12.0", "3.13.0")


def missing(locked: set[str], python: str) -> set[str]:
    """Give what the locked packages need on this Python and the lock does not have."""
    versions = {"python_full_version": python, "python_version": python.rpartition(".")[0]}
    needed: set[str] = set()
    for name in locked:
        try:
            wanted = map(Requirement, requires(name) or [])
        except PackageNotFoundError:
            continue  # not for this machine
        for requirement in wanted:
            marker = requirement.marker
            if marker is None or marker.evaluate(versions | {"extra": ""}):
                needed.add(canonicalize_name(requirement.name))
    return needed - locked


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("sections", [("default",), ("default", "develop")])
def test_nothing_is_missing_on_any_python(
    files: Files, sections: tuple[str, ...], python: str
) -> None:
    assert missing(set(files.locked(*sections)), python) == set()


def test_what_is_missing_on_one_python_alone_is_seen(files: Files) -> None:
    locked = set(files.locked("default")) - {"async-timeout"}
    assert missing(locked, "3.11.0") == {"async-timeout"}
    assert missing(locked, "3.12.0") == set()


OUR_OWN = {path.parent.name for path in ROOT.glob("*/__init__.py")}
RUNTIME = {
    *("accounts", "api", "budget", "financial_alerts", "lib", "support", "web"),
    *("gunicorn.conf.py", "manage.py"),
}
# Stand-ins for AWS, and what the service is compared with, in separate environments.
ELSEWHERE = {"awscli", "botocore", "ministack"}
PEERS = ROOT / "benchmarks/peers"
INSTALLED = packages_distributions()


def modules() -> Iterator[Path]:
    """Give the files of our own code, from the root of the project."""
    ours = (path for folder in OUR_OWN for path in (ROOT / folder).rglob("*.py"))
    every = (path for path in (*ROOT.glob("*.py"), *ours) if PEERS not in path.parents)
    return (path.relative_to(ROOT) for path in every)


def imported(code: str) -> set[str]:
    """Give the packages that a file imports from elsewhere, by the names they are installed by."""
    names = set()
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module or "")
    tops = {name.partition(".")[0] for name in names} - {*OUR_OWN, *ELSEWHERE, "conftest"}
    return {canonicalize_name(INSTALLED[name][0]) for name in tops - sys.stdlib_module_names}


def test_what_is_imported_stands_in_the_pipfile(files: Files) -> None:
    """And not by luck, because something else happens to need it."""
    pipfile = tomllib.loads(files.pipfile)
    runtime = set(pipfile["packages"])
    for place in modules():
        served = place.parts[0] in RUNTIME and "tests" not in place.parts
        listed = runtime if served else runtime | set(pipfile["dev-packages"])
        assert imported((ROOT / place).read_text(encoding="utf-8")) <= listed, place


def test_an_import_is_seen_wherever_it_stands() -> None:
    code = "import json, yaml\nfrom api import http\ndef f():\n    from django.db import x\n"
    assert imported(code) == {"pyyaml", "django"}
