"""The roots that databases of RDS are believed by: theirs alone, and none that has ended."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from deploy.image.rds_ca import BUNDLE, certificates, usable

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ROOT = "Amazon RDS eu-west-1 Root CA RSA2048 G1"


def made(name: str, issuer: str = "", days: int = 1, is_ca: bool = True) -> str:
    """Give a certificate in text; by default of a root that ends the day after NOW."""
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = (
        x509.CertificateBuilder()
        .subject_name(called(name))
        .issuer_name(called(issuer or name))
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(NOW - timedelta(9))
        .not_valid_after(NOW + timedelta(days))
        .add_extension(x509.BasicConstraints(is_ca, None), critical=True)
        .sign(key, SHA256())
    )
    return certificate.public_bytes(Encoding.PEM).decode().strip()


def called(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def test_the_bundle_has_roots_of_rds_alone() -> None:
    pems = list(certificates(BUNDLE.read_text()))
    names = [name for name, _ in usable(iter(pems), NOW)]
    assert len(names) == len(pems) == len(set(names))
    assert all(name.startswith("Amazon RDS ") and " Root CA " in name for name in names)
    for region in ("us-east-1", "eu-west-1", "eu-central-1", "ap-southeast-2"):
        kinds = {name.removeprefix(f"Amazon RDS {region} Root CA ") for name in names}
        assert {"RSA2048 G1", "RSA4096 G1", "ECC384 G1"} <= kinds, region


def test_a_root_is_taken() -> None:
    pem = made(ROOT)
    assert list(usable(iter([pem]), NOW)) == [(ROOT, pem)]


@pytest.mark.parametrize(
    "pem",
    [
        pytest.param(made(ROOT, days=-1), id="ended"),
        pytest.param(made("Amazon RDS eu-west-1 2019 CA", issuer=ROOT), id="not a root"),
        pytest.param(made("db.example.com", is_ca=False), id="no authority"),
        pytest.param(made("Amazon RDS Beta us-east-1 Root CA RSA2048 G1"), id="beta"),
        pytest.param(made("Amazon RDS Preview us-east-2 Root CA RSA2048 G1"), id="preview"),
    ],
)
def test_anything_else_is_left_out(pem: str) -> None:
    assert list(usable(iter([pem]), NOW)) == []


def test_javascript_is_read_line_by_line() -> None:
    pem = made(ROOT)
    script = "['" + pem.replace("\n", "\\n' +\n        '") + "\\n',\n]"
    assert list(certificates(script)) == [pem]
