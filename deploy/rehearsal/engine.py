"""What containers need on this machine: podman's API, a registry of images, a network for tasks."""

from __future__ import annotations

import json
from pathlib import Path

from deploy.aws.stacks import ACCOUNT, REGION
from deploy.aws.tools import TOOLS
from deploy.image import build
from deploy.machines.programs import Place, Program, find, free_port, listens, wait_for
from deploy.rehearsal.templates import NAME, REPOSITORY

NETWORK = f"{NAME}-rehearsal"
# The first to be on the network, so that its gateway is there; it does nothing.
ANCHOR = f"{NETWORK}-anchor"
UNPACKED = TOOLS / "registry" / "usr" / "bin" / "docker-registry"
# podman's own defaults are more than a container of containers may ask for.
CONTAINERS = """
[containers]
default_ulimits = ["nofile=20000:20000", "nproc=30000:30000"]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
"""
# Images keep the names that they have in ECR; only where they are fetched from is different.
REGISTRIES = """
[[registry]]
prefix = "{ecr}"
location = "127.0.0.1:{port}"
insecure = true
"""
REGISTRY = """
version: 0.1
log: {{level: warn}}
storage: {{filesystem: {{rootdirectory: {folder}/registry}}}}
http: {{addr: "127.0.0.1:{port}"}}
"""


class Engine:
    """Making one starts nothing."""

    def __init__(self, place: Place) -> None:
        self.place = place
        folder = place.folder
        self.port = free_port()
        self.socket = folder / "podman.sock"
        binary = find("docker-registry") or str(UNPACKED)
        config = self.write("registry.yml", REGISTRY.format(folder=folder, port=self.port))
        self.registry = place.program("registry", binary, "serve", config, plain=True)
        ecr = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com"
        self.api: Program = place.program(
            "podman",
            *(*build.PODMAN, "system", "service", "--time=0", f"unix://{self.socket}"),
            environ={
                "CONTAINERS_CONF": self.write("containers.conf", CONTAINERS),
                "CONTAINERS_REGISTRIES_CONF": self.write(
                    "registries.conf", REGISTRIES.format(ecr=ecr, port=self.port)
                ),
            },
        )

    def write(self, name: str, text: str) -> str:
        path = self.place.folder / name
        path.write_text(text)
        return str(path)

    def start(self) -> None:
        """Start the registry and podman's API."""
        self.registry.start()
        self.api.start()
        wait_for(lambda: listens(self.port), "the registry")
        wait_for(self.socket.exists, "podman's API")

    def connect(self) -> str:
        """Make the tasks' network, and give the address at which this machine is on it."""
        build.call("podman", "network", "create", "--disable-dns", NETWORK)
        alone = ("run", "--detach", "--name", ANCHOR, "--network", NETWORK, "--no-healthcheck")
        build.call(*build.PODMAN, *alone, *build.SANDBOX, build.TAG, "sleep", "3600")
        said = json.loads(build.call("podman", "network", "inspect", NETWORK))
        return str(said[0]["subnets"][0]["gateway"])

    def push(self, image: str, name: str) -> str:
        """Push an image under a repository's name and a tag, and give its digest."""
        repository, _, tag = name.rpartition(":")
        there = f"docker://127.0.0.1:{self.port}/{repository.partition('/')[2]}:{tag}"
        digest = self.place.folder / "digest"
        quiet = ("--quiet", "--tls-verify=false", "--digestfile", str(digest))
        build.call("podman", "push", *quiet, image, there)
        return digest.read_text().strip()


def containers() -> list[str]:
    """Give the containers that are on the tasks' network."""
    listed = ("ps", "--all", "--quiet", "--filter", f"network={NETWORK}")
    return build.call("podman", *listed).split()


def clean_up() -> None:
    """Remove the network with all that is on it, and what was pulled; of what there is."""
    for name in containers():
        build.remove(name)
    build.call("podman", "network", "rm", "--force", NETWORK)
    # By their names in ECR: the image that was built has another one, too, and stays.
    every = ("--digests", "--format", "{{.Repository}}@{{.Digest}}")
    for name in dict.fromkeys(build.call("podman", "images", *every).split()):
        if name.startswith(f"{REPOSITORY}@"):
            build.call("podman", "rmi", "--force", name)


def binary() -> Path | None:
    """Give the registry's program, installed or unpacked; None where there is neither."""
    found = find("docker-registry") or (UNPACKED if UNPACKED.exists() else None)
    return Path(found) if found else None
