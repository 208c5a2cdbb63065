"""The browser's side of web push, written from RFC 8188 and RFC 8291 and not from our own code."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat


def base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def raw(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "==")


def hmac_of(key: bytes, data: bytes) -> bytes:
    return hmac.new(key, data, hashlib.sha256).digest()


@dataclass
class Browser:
    """One subscription of a browser: its key pair, and the secret that it shares."""

    key: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1())
    )
    auth: bytes = field(default_factory=lambda: os.urandom(16))

    @property
    def public(self) -> bytes:
        form = PublicFormat.UncompressedPoint
        return self.key.public_key().public_bytes(Encoding.X962, form)

    def subscription(self, url: str) -> dict[str, object]:
        """What PushSubscription.toJSON() gives."""
        keys = {"p256dh": base64url(self.public), "auth": base64url(self.auth)}
        return {"endpoint": url, "expirationTime": None, "keys": keys}

    def read(self, body: bytes) -> bytes:
        """The text of a message. Raises where it is not for this browser, or not as the RFC says.

        RFC 8291, section 3.4, with HKDF by its two steps.
        """
        salt, size, length = body[:16], int.from_bytes(body[16:20], "big"), body[20]
        sender, record = body[21 : 21 + length], body[21 + length :]
        assert 17 <= len(record) < size
        point = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), sender)
        secret = self.key.exchange(ec.ECDH(), point)
        prk_key = hmac_of(self.auth, secret)
        ikm = hmac_of(prk_key, b"WebPush: info\x00" + self.public + sender + b"\x01")
        prk = hmac_of(salt, ikm)
        cek = hmac_of(prk, b"Content-Encoding: aes128gcm\x00\x01")[:16]
        nonce = hmac_of(prk, b"Content-Encoding: nonce\x00\x01")[:12]
        cipher = Cipher(algorithms.AES(cek), modes.GCM(nonce, record[-16:])).decryptor()
        padded = cipher.update(record[:-16]) + cipher.finalize()
        text = padded.rstrip(b"\x00")
        # The delimiter of a last record.
        assert text[-1:] == b"\x02"
        return text[:-1]
