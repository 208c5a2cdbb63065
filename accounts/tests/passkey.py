"""A passkey in software: what a phone's secure chip answers to a web page (WebAuthn level 2)."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import struct
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from fido2 import cbor

PRESENT, VERIFIED, ATTESTED = 0x01, 0x04, 0x40


def text_of(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Passkey:
    """One credential, made for one origin. user: the handle that it was made under."""

    def __init__(self, origin: str = "https://testserver") -> None:
        self.origin = origin
        self.id = secrets.token_bytes(32)
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.user = ""
        self.count = 0

    def client_data(self, kind: str, challenge: str) -> bytes:
        said = {"type": kind, "challenge": challenge, "origin": self.origin, "crossOrigin": False}
        return json.dumps(said).encode()

    def authenticator_data(self, domain: str, flags: int, attested: bytes = b"") -> bytes:
        self.count += 1
        digest = hashlib.sha256(domain.encode()).digest()
        return digest + struct.pack(">BI", PRESENT | VERIFIED | flags, self.count) + attested

    def register(self, options: dict[str, Any]) -> dict[str, Any]:
        """What navigator.credentials.create() gives for the server's options, as JSON."""
        asked = options["publicKey"]
        self.user = asked["user"]["id"]
        point = self.key.public_key().public_numbers()
        # COSE: an elliptic key (1: 2) for ES256 (3: -7) on P-256 (-1: 1), then x and y.
        public = cbor.encode(
            {1: 2, 3: -7, -1: 1, -2: point.x.to_bytes(32), -3: point.y.to_bytes(32)}
        )
        attested = bytes(16) + struct.pack(">H", len(self.id)) + self.id + public
        data = self.authenticator_data(asked["rp"]["id"], ATTESTED, attested)
        response = {
            "clientDataJSON": text_of(self.client_data("webauthn.create", asked["challenge"])),
            "attestationObject": text_of(
                cbor.encode({"fmt": "none", "authData": data, "attStmt": {}})
            ),
        }
        return self.credential(response, {"credProps": {"rk": True}})

    def sign(self, options: dict[str, Any]) -> dict[str, Any]:
        """What navigator.credentials.get() gives for the server's options, as JSON."""
        asked = options["publicKey"]
        said = self.client_data("webauthn.get", asked["challenge"])
        data = self.authenticator_data(asked["rpId"], 0)
        signed = data + hashlib.sha256(said).digest()
        response = {
            "clientDataJSON": text_of(said),
            "authenticatorData": text_of(data),
            "signature": text_of(self.key.sign(signed, ec.ECDSA(hashes.SHA256()))),
            "userHandle": self.user,
        }
        return self.credential(response, {})

    def credential(self, response: dict[str, str], results: dict[str, Any]) -> dict[str, Any]:
        return {
            "type": "public-key",
            "id": text_of(self.id),
            "rawId": text_of(self.id),
            "response": response,
            "clientExtensionResults": results,
        }
