"""Write the .env of a developer's machine: new keys, and DEBUG on."""

from __future__ import annotations

import os
import secrets
import sys
from pathlib import Path

from lib.web_push import new_private_key

TEXT = """\
# This machine's settings, made by `make run`. .env.example explains each and lists the others.
DEBUG=true
SECRET_KEY={key}
VAPID_PRIVATE_KEY={push}
VAPID_SUBJECT=mailto:root@localhost
"""


def main() -> None:
    """Create the file, readable only by its owner; an existing file stays as it is."""
    path = Path(__file__).resolve().parent.parent / ".env"
    try:
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        sys.exit(f"{path} exists already")
    with os.fdopen(file, "w", encoding="utf-8") as output:
        output.write(TEXT.format(key=secrets.token_urlsafe(64), push=new_private_key()))
    sys.stdout.write("Made .env with random keys.\n")


if __name__ == "__main__":
    main()
