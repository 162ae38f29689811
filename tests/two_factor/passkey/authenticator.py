"""An authenticator in software, and the browser in front of it: what they answer, with any part changed."""

import hashlib
import json
import os
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass, field
from typing import Any

import cbor2
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

RP_ID = "example.com"
ORIGIN = "https://example.com"
AAGUID = bytes.fromhex("ea9b8d664d011d213ce4b6b48cb575d4")
#: Bits of the flags: user present, user verified, backup eligible, backup state, attested data.
UP, UV, BE, BS, AT = 0x01, 0x04, 0x08, 0x10, 0x40


def text(value: bytes) -> str:
    return urlsafe_b64encode(value).rstrip(b"=").decode()


def data(value: str) -> bytes:
    return urlsafe_b64decode(value + "==")


class Es256:
    def __init__(self) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())

    def cose(self) -> dict[int, Any]:
        numbers = self.key.public_key().public_numbers()
        return {1: 2, 3: -7, -1: 1, -2: numbers.x.to_bytes(32, "big"), -3: numbers.y.to_bytes(32, "big")}

    def sign(self, message: bytes) -> bytes:
        return self.key.sign(message, ec.ECDSA(hashes.SHA256()))


class Ed25519:
    def __init__(self) -> None:
        self.key = ed25519.Ed25519PrivateKey.generate()

    def cose(self) -> dict[int, Any]:
        return {1: 1, 3: -8, -1: 6, -2: self.key.public_key().public_bytes_raw()}

    def sign(self, message: bytes) -> bytes:
        return self.key.sign(message)


class Rs256:
    def __init__(self) -> None:
        self.key = rsa.generate_private_key(65537, 2048)

    def cose(self) -> dict[int, Any]:
        numbers = self.key.public_key().public_numbers()
        return {1: 3, 3: -257, -1: numbers.n.to_bytes(256, "big"), -2: numbers.e.to_bytes(3, "big")}

    def sign(self, message: bytes) -> bytes:
        return self.key.sign(message, padding.PKCS1v15(), hashes.SHA256())


@dataclass
class Passkey:
    """One key. Flags and counter may be set; each answer takes changes of its parts by keyword."""

    signer: Any = field(default_factory=Es256)
    id: bytes = field(default_factory=lambda: os.urandom(32))
    rp_id: str = RP_ID
    flags: int = UP | UV
    #: 0 stays 0, as with synced passkeys.
    counter: int = 0
    handle: str = ""

    def create(self, options: dict[str, Any], **changes: Any) -> dict[str, Any]:
        """`credential.toJSON()` after `navigator.credentials.create()`."""
        assert changes or self.signer.cose()[3] in [one["alg"] for one in options["pubKeyCredParams"]]
        self.handle = options["user"]["id"]
        attested = AAGUID + len(self.id).to_bytes(2, "big") + self.id
        attested += cbor2.dumps({**self.signer.cose(), **changes.pop("cose", {})})
        client = self._client_data("webauthn.create", options, changes)
        auth_data = self._auth_data(AT, attested, changes)
        statement = {"fmt": changes.pop("fmt", "none"), "attStmt": changes.pop("statement", {}), "authData": auth_data}
        response = {
            "clientDataJSON": text(client),
            "attestationObject": text(changes.pop("attestation", cbor2.dumps(statement))),
            "transports": ["internal", "hybrid"],
            **changes.pop("response", {}),
        }
        return self._credential(response, changes)

    def get(self, options: dict[str, Any], **changes: Any) -> dict[str, Any]:
        """`credential.toJSON()` after `navigator.credentials.get()`."""
        self.counter += 1 if self.counter else 0
        client = self._client_data("webauthn.get", options, changes)
        auth_data = self._auth_data(0, b"", changes)
        signature = self.signer.sign(auth_data + hashlib.sha256(client).digest())
        response = {
            "clientDataJSON": text(client),
            "authenticatorData": text(auth_data),
            "signature": text(changes.pop("signature", signature)),
            "userHandle": self.handle,
            **changes.pop("response", {}),
        }
        return self._credential(response, changes)

    def _client_data(self, kind: str, options: dict[str, Any], changes: dict[str, Any]) -> bytes:
        client = {"type": kind, "challenge": options["challenge"], "origin": ORIGIN, "crossOrigin": False}
        client |= changes.pop("client", {})
        raw: bytes = changes.pop("client_bytes", json.dumps(client).encode())
        return raw

    def _auth_data(self, flags: int, attested: bytes, changes: dict[str, Any]) -> bytes:
        flags |= changes.pop("flags", self.flags)
        rp_id = changes.pop("rp_id", self.rp_id)
        counter = changes.pop("counter", self.counter)
        whole = hashlib.sha256(rp_id.encode()).digest() + bytes([flags]) + counter.to_bytes(4, "big") + attested
        return whole[: changes.pop("cut", None)] + changes.pop("more", b"")

    def _credential(self, response: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
        whole = {
            "id": text(self.id),
            "rawId": text(self.id),
            "type": "public-key",
            "authenticatorAttachment": "platform",
            "clientExtensionResults": {},
            "response": response,
        }
        whole |= changes.pop("credential", {})
        assert not changes, changes
        return whole
