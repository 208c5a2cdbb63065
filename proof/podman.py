"""Builds the image and runs it: buildah and podman, as root.

Neither needs a service or a registry of images. Where python:3.13-slim-bookworm cannot be pulled, a
base like it is made of Debian's packages and a CPython of this machine.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tools.programs import ROOT, Broken

BASE = "localhost/python-base:3.13-slim-bookworm"
TAG = "localhost/financial-alerts:check"

# crun, podman's own choice, does not start on machines with both kinds of control groups.
PODMAN = ("podman", "--runtime", "runc")
# podman would otherwise raise these, which only a machine's own root may.
LIMITS = ("--ulimit=nofile=20000:20000", "--ulimit=nproc=30000:30000")
# The certificates by which this machine believes the package registry; they do not stay behind.
CERTIFICATES = Path("/etc/ssl/certs")

# As python:3.13-slim-bookworm: what CPython's own modules are linked with, and ca-certificates.
LIBRARIES = (
    "ca-certificates",
    "libbz2-1.0",
    "libexpat1",
    "libffi8",
    "liblzma5",
    "libncursesw6",
    "libreadline8",
    "libsqlite3-0",
    "libssl3",
    "libuuid1",
    "netbase",
    "tzdata",
    "zlib1g",
)
LEFT_OUT = ("__pycache__", "config-3*", "idlelib", "test", "tkinter", "turtledemo", "_tkinter*")


def obstacles() -> list[str]:
    """Give what keeps this machine from building and running images, in words; [] if nothing."""
    found = [
        f"{name} is not installed (proof/install installs it)"
        for name in ("buildah", "podman", "runc", "mmdebstrap")
        if shutil.which(name) is None
    ]
    if os.geteuid() != 0:
        found.append("not root: the layers' files belong to root")
    system = Path("/etc/os-release")
    if not system.exists() or "VERSION_CODENAME=bookworm" not in system.read_text():
        found.append("not Debian 12: the base is made of this machine's packages and CPython")
    return found


def call(*command: str) -> str:
    """Run a command and give what it printed.

    Raises Broken, with the end of what it said, if it fails.
    """
    done = subprocess.run(command, cwd=ROOT, capture_output=True)
    if done.returncode:
        said = (done.stdout + done.stderr).decode(errors="replace")
        raise Broken(f"{' '.join(command[:4])}: {done.returncode}\n{said[-4000:]}")
    return done.stdout.decode().strip()


def python_home() -> Path | None:
    """Give the folder of a CPython 3.13 of this machine, to be copied; None if there is none."""
    versions = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"), "versions")
    homes = [*sorted(versions.glob("3.13.*"), reverse=True), Path("/usr/local")]
    return next((home for home in homes if (home / "bin" / "python3.13").exists()), None)


def build_base() -> str:
    """Make the base from Debian's packages, and give its name.

    With CPython 3.13 where this machine has one, otherwise with Debian's own 3.11, which the
    service runs on as well.
    """
    home = python_home()
    packages = LIBRARIES if home else (*LIBRARIES, "python3", "python3-pip", "python3-venv")
    sources = [
        str(path)
        for path in map(Path, ("/etc/apt/sources.list.d/debian.sources", "/etc/apt/sources.list"))
        if path.exists()
    ]
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder, "root")
        call(
            *("mmdebstrap", "--quiet", "--mode=root", "--variant=minbase", "--format=directory"),
            *("--dpkgopt=path-exclude=/usr/share/doc/*", "--dpkgopt=path-exclude=/usr/share/man/*"),
            f"--include={','.join(packages)}",
            *("bookworm", str(root), *sources[:1]),
        )
        if home:
            copy_python(home, root / "usr" / "local")
            call("chroot", str(root), "ldconfig")
        else:
            (root / "usr" / "local" / "bin" / "python").symlink_to("/usr/bin/python3")
        archive = Path(folder, "root.tar")
        call("tar", "-C", str(root), "--exclude=./dev/*", "-cf", str(archive), ".")
        path = "PATH=/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin"
        call("podman", "import", "--quiet", f"--change=ENV {path}", str(archive), BASE)
    return BASE


def copy_python(home: Path, to: Path) -> None:
    """Copy the interpreter, its library without tests and caches, and pip."""
    library = home / "lib" / "python3.13"
    ignore = shutil.ignore_patterns(*LEFT_OUT, "site-packages")
    shutil.copytree(library, to / "lib" / "python3.13", symlinks=True, ignore=ignore)
    ours = to / "lib" / "python3.13" / "site-packages"
    for package in (library / "site-packages").glob("pip*"):
        caches = shutil.ignore_patterns("__pycache__")
        shutil.copytree(package, ours / package.name, ignore=caches)
    for shared in (home / "lib").glob("libpython3*.so*"):
        shutil.copy(shared, to / "lib", follow_symlinks=False)
    shutil.copy(home / "bin" / "python3.13", to / "bin")
    for link in ("python", "python3"):
        (to / "bin" / link).symlink_to("python3.13")


def base() -> str:
    """Give the base to build on: PYTHON_IMAGE where it is set, pulled if need be; else our own."""
    if named := os.environ.get("PYTHON_IMAGE"):
        call("podman", "pull", "--quiet", "--policy=missing", named)
        return named
    exists = subprocess.run(["podman", "image", "exists", BASE], capture_output=True)
    return BASE if exists.returncode == 0 else build_base()


def build(on: str | None = None) -> None:
    """Build the Dockerfile as TAG. `on` is the base; by default, base()."""
    call(
        *("buildah", "bud", "--isolation", "chroot", "--format", "docker", "--layers"),
        *("--volume", f"{CERTIFICATES}:{CERTIFICATES}:ro"),
        *("--build-arg", f"PYTHON_IMAGE={on or base()}", "--tag", TAG, str(ROOT)),
    )


def inside(name: str, *command: str) -> str:
    """Run a command in a running container, as the service, and give what it printed.

    Raises Broken where the command fails.
    """
    return call(*PODMAN, "exec", name, *command)


def succeeds(name: str, *command: str) -> bool:
    """Tell whether a command succeeds in a running container."""
    try:
        inside(name, *command)
    except Broken:
        return False
    return True


def logs(name: str) -> str:
    """Give all that a container has printed, on both streams."""
    done = subprocess.run(
        [*PODMAN, "logs", name], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=True
    )
    return done.stdout.decode()


def remove(name: str) -> None:
    """Remove a container, running or not; says nothing if it does not exist."""
    call(*PODMAN, "rm", "--force", "--ignore", "--time", "0", name)


def built_on(image: str) -> str:
    """Give the base that an image names in its label; empty where it names none."""
    label = '{{index .Config.Labels "org.opencontainers.image.base.name"}}'
    return call("podman", "image", "inspect", "--format", label, image)


def size(image: str) -> int:
    """Give an image's size in bytes, all layers together."""
    return int(call("podman", "image", "inspect", "--format", "{{.Size}}", image))


def settings(image: str) -> tuple[dict[str, str], str]:
    """Give the variables that an image sets, and the user that it runs as."""
    said = json.loads(call("podman", "image", "inspect", "--format", "{{json .Config}}", image))
    pairs = (pair.partition("=") for pair in said.get("Env", []))
    return {name: value for name, _, value in pairs}, said.get("User", "")


@contextmanager
def mounted(image: str) -> Iterator[Path]:
    """Give the folder that shows an image's files, while it lasts."""
    try:
        yield Path(call("podman", "image", "mount", image))
    finally:
        call("podman", "image", "unmount", image)
