"""What an image must be like, checked by the files and the settings in it."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

# Bytes that the service may add to its base.
ALLOWANCE = 150_000_000

UID = 10001
USER = f"{UID}:{UID}"

# Compilers and what comes with them, version control, and what fetches from elsewhere.
TOOLS = re.compile(r"(.*-)?(gcc|g\+\+|cc|c\+\+|clang|cpp|ld|as|make|git|curl|wget)(-[0-9.]+)?")
BINARIES = ("/bin", "/sbin", "/usr/bin", "/usr/sbin", "/usr/local/bin", "/venv/bin")
# What is only for developers, or belongs to one.
PRIVATE = re.compile(r"/\.(git|env|demo)\b|/tests?/|\.sqlite3|/conftest\.py")
CACHES = re.compile(r"/\.cache/|/\.npm/|\.deb$")
SECRET = re.compile(r"SECRET|PASSWORD|TOKEN|_URL|(^|_)KEY", re.IGNORECASE)

# One of each kind that must not be there, for a control.
UNWANTED = (
    *("/usr/bin/x86_64-linux-gnu-gcc-12", "/usr/bin/ld", "/usr/bin/git", "/usr/bin/curl"),
    *("/venv/lib/python3.13/site-packages/pip", "/root/.cache/pip/http-v2/0", "/a/gcc.deb"),
    *("/app/.git", "/app/.env", "/app/db.sqlite3", "/app/conftest.py", "/app/budget/tests"),
)


@dataclass(frozen=True)
class Found:
    """A file or folder of an image, and whether the service could change it."""

    path: str
    writable: bool = False


def walk(root: Path) -> Iterator[Found]:
    """Give everything below a mounted image but links, which have no rights."""
    for folder, folders, files in os.walk(root):
        for name in (*folders, *files):
            state = Path(folder, name).lstat()
            if stat.S_ISLNK(state.st_mode):
                continue
            # Where anybody may write but only owners delete, as in /tmp, nothing can be replaced.
            open_to_all = state.st_mode & stat.S_IWOTH and not state.st_mode & stat.S_ISVTX
            writable = bool(open_to_all) or UID in (state.st_uid, state.st_gid)
            yield Found(f"/{Path(folder, name).relative_to(root)}", writable)


def faults_of(
    files: Iterable[Found], environment: Mapping[str, str], user: str, added: int
) -> list[str]:
    """Give what should not be so, in words.

    `environment` is what the image sets beyond its base, `added` the bytes it has beyond it.
    """
    found = [f"{file.path} {why}" for file in files if (why := unwanted(file))]
    found += [f"{name} is set in the image" for name in environment if SECRET.search(name)]
    if user != USER:
        found.append(f"it runs as {user or 'root'}, not as {USER}")
    if added > ALLOWANCE:
        found.append(f"it adds {added / 1e6:.0f} MB, more than {ALLOWANCE / 1e6:.0f} MB")
    return found


def unwanted(file: Found) -> str | None:
    """Say why a file should not be there, or not so; None where all is well."""
    path = PurePosixPath(file.path)
    if file.writable:
        return "can be changed by the service"
    if str(path.parent) in BINARIES and TOOLS.fullmatch(path.name):
        return "builds or fetches software"
    if file.path.startswith("/app/") and PRIVATE.search(f"{file.path}/"):
        return "is a developer's"
    if file.path.startswith("/venv/") and path.name == "pip":
        return "installs software"
    if CACHES.search(file.path):
        return "is a cache"
    return None
