"""Web push: a message sealed for one browser (RFC 8291), and who sends it (VAPID, RFC 8292).

The keys of both are points of the curve P-256, written as browsers do: base64url without padding.
"""

from __future__ import annotations

import base64
import json
import os
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

CURVE = ec.SECP256R1()
SCALAR, POINT, AUTH, SALT = 32, 65, 16, 16
# What every push service takes of one message; and of that, what is left for the text.
MOST = 4096
HEADER = SALT + 4 + 1 + POINT
MOST_TEXT = MOST - HEADER - 1 - 16
# How long a signature names the sender; services refuse more than 24 hours.
SIGNED_FOR = timedelta(hours=12)


def text_of(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def bytes_of(text: str) -> bytes:
    """Raises ValueError for what is no base64url, with or without padding."""
    plain = text.rstrip("=")
    return base64.b64decode(plain + "=" * (-len(plain) % 4), altchars=b"-_", validate=True)


def point_of(p256dh: str) -> ec.EllipticCurvePublicKey:
    """A browser's key. Raises ValueError where it is no point of the curve."""
    raw = bytes_of(p256dh)
    if len(raw) != POINT:
        raise ValueError(f"Must have {POINT} bytes.")
    return ec.EllipticCurvePublicKey.from_encoded_point(CURVE, raw)


def raw_of(key: ec.EllipticCurvePublicKey) -> bytes:
    return key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def derived(secret: bytes, salt: bytes, info: bytes, length: int) -> bytes:
    return HKDF(SHA256(), length, salt, info).derive(secret)


def sealed(
    text: bytes,
    p256dh: str,
    auth: str,
    *,
    key: ec.EllipticCurvePrivateKey | None = None,
    salt: bytes | None = None,
) -> bytes:
    """What only the browser with these keys can read, in one record of aes128gcm (RFC 8188).

    key, salt: of this message only; a known answer names them. Raises ValueError for keys that are
    not valid, and for a text of more than MOST_TEXT bytes.
    """
    if len(text) > MOST_TEXT:
        raise ValueError(f"Must have at most {MOST_TEXT} bytes.")
    theirs, secret = point_of(p256dh), bytes_of(auth)
    if len(secret) != AUTH:
        raise ValueError(f"Must have {AUTH} bytes.")
    key = key or ec.generate_private_key(CURVE)
    salt = salt or os.urandom(SALT)
    mine = raw_of(key.public_key())
    info = b"WebPush: info\0" + raw_of(theirs) + mine
    shared = derived(key.exchange(ec.ECDH(), theirs), secret, info, 32)
    cipher = AESGCM(derived(shared, salt, b"Content-Encoding: aes128gcm\0", 16))
    nonce = derived(shared, salt, b"Content-Encoding: nonce\0", 12)
    header = salt + struct.pack("!IB", MOST, len(mine)) + mine
    # 2: the last record.
    return header + cipher.encrypt(nonce, text + b"\x02", None)


@dataclass(frozen=True)
class Sender:
    """Who sends: a private key, and where push services reach the operator (mailto: or https:)."""

    key: ec.EllipticCurvePrivateKey
    subject: str

    @classmethod
    def of(cls, private: str, subject: str) -> Sender:
        """Raises ValueError for a private key that is not valid."""
        number = int.from_bytes(bytes_of(private), "big")
        return cls(ec.derive_private_key(number, CURVE), subject)

    @cached_property
    def public(self) -> str:
        """What a browser subscribes with: its applicationServerKey."""
        return text_of(raw_of(self.key.public_key()))

    def authorization(self, url: str, now: datetime) -> str:
        """The header that proves it to the push service of a URL."""
        return f"vapid t={self.token(origin_of(url), now)}, k={self.public}"

    def token(self, audience: str, now: datetime) -> str:
        expires = int((now + SIGNED_FOR).timestamp())
        claims = {"aud": audience, "exp": expires, "sub": self.subject}
        content = f"{part({'typ': 'JWT', 'alg': 'ES256'})}.{part(claims)}"
        signature = self.key.sign(content.encode(), ec.ECDSA(SHA256()))
        both = b"".join(each.to_bytes(SCALAR, "big") for each in decode_dss_signature(signature))
        return f"{content}.{text_of(both)}"


def part(fields: Mapping[str, object]) -> str:
    return text_of(json.dumps(fields, separators=(",", ":")).encode())


def origin_of(url: str) -> str:
    """Scheme and host of a URL, with the port where it is not the usual one."""
    parts = urlsplit(url)
    port = "" if parts.port in (None, 443) else f":{parts.port}"
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    return f"{parts.scheme}://{host}{port}"


def new_private_key() -> str:
    number = ec.generate_private_key(CURVE).private_numbers().private_value
    return text_of(number.to_bytes(SCALAR, "big"))


def headers_of(
    sender: Sender, url: str, now: datetime, *, ttl: timedelta, urgent: bool, topic: str
) -> dict[str, str]:
    """The headers of a sealed message (RFC 8030).

    ttl: how long the push service keeps it for a browser that is away. topic: a later message of
    the same one replaces it there; 1 to 32 characters that are base64url, or Apple refuses it.
    """
    return {
        "Authorization": sender.authorization(url, now),
        "Content-Encoding": "aes128gcm",
        "Content-Type": "application/octet-stream",
        "TTL": str(int(ttl.total_seconds())),
        "Urgency": "high" if urgent else "normal",
        "Topic": topic,
    }
