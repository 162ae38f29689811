"""WebAuthn as JSON: what a browser is asked, and what its answer proves (W3C WebAuthn level 3, sections 7.1 and 7.2).

The cryptography is py_webauthn's. Whatever an answer holds, it proves something or it does not: no text of a
client raises.
"""

import hashlib
import json
import logging
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from jwt_drf_passwordless.conf import settings
from jwt_drf_passwordless.models import Authenticator
from jwt_drf_passwordless.models import PasswordlessChallengeToken as Challenge
from jwt_drf_passwordless.two_factor.passkey.cbor import ensure_plain, ensure_plain_data
from jwt_drf_passwordless.two_factor.passkey.conf import passkey_option
from jwt_drf_passwordless.utils import pack

logger = logging.getLogger(__name__)

#: Signature algorithms in the order of preference (COSE): EdDSA, ES256, RS256.
ALGORITHMS = (-8, -7, -257)
#: Ways by which a browser reaches an authenticator; others that a client names are left out.
TRANSPORTS = ("internal", "hybrid", "usb", "nfc", "ble", "smart-card")
#: Milliseconds for the user, as section 15.1 recommends.
TIMEOUT = 300_000
#: Longest id of a credential in bytes (section 7.1).
MAX_ID = 1023


@dataclass(frozen=True)
class Answer:
    """What a client sent, as far as its shape is right. Nothing is proven yet."""

    json: dict[str, Any]
    #: The id of the passkey.
    id: bytes
    #: Of which account the authenticator says it is; None where it does not say.
    handle: str | None


@dataclass(frozen=True)
class Verified:
    """What an authenticator has proven."""

    counter: int
    user_verified: bool
    #: Whether the passkey can be on several devices, and whether it is now. The former never changes.
    backup_eligible: bool
    synced: bool
    #: Of a new passkey only.
    public_key: bytes = b""
    aaguid: str = ""


def to_text(value: bytes) -> str:
    return urlsafe_b64encode(value).rstrip(b"=").decode()


def to_bytes(text: str) -> bytes:
    return urlsafe_b64decode(f"{text}==")


def read(text: str) -> Answer | None:
    """The answer of a browser, `credential.toJSON()` as a text; None for what is none."""
    try:
        found = json.loads(text)
        handle = found["response"].get("userHandle")
        return Answer(found, to_bytes(found["id"]), handle if handle is None else str(handle))
    except Exception:  # noqa: BLE001 - hostile text fails in many ways
        return None


def challenge_of(row: Challenge) -> bytes:
    """What an authenticator signs: bound to purpose, user or session, and the nonce, which is drawn for each row."""
    return hashlib.sha256(pack("webauthn", row.purpose, row.key, row.nonce)).digest()


def creation_options(row: Challenge, handle: str, name: str, known: Iterable[Authenticator]) -> dict[str, Any]:
    """For `PublicKeyCredential.parseCreationOptionsFromJSON()`; `known` are the passkeys that the user has."""
    rp_id = passkey_option("rp_id")
    return {
        "rp": {"id": rp_id, "name": str(passkey_option("rp_name") or settings.SITE_NAME or rp_id)},
        "user": {"id": handle, "name": name, "displayName": name},
        "challenge": to_text(challenge_of(row)),
        "pubKeyCredParams": [{"type": "public-key", "alg": algorithm} for algorithm in ALGORITHMS],
        "timeout": TIMEOUT,
        "excludeCredentials": _descriptors(known),
        "authenticatorSelection": {
            "residentKey": "required",
            "requireResidentKey": True,
            "userVerification": passkey_option("user_verification"),
        },
        "attestation": "none",
    }


def request_options(row: Challenge, allowed: Iterable[Authenticator] = ()) -> dict[str, Any]:
    """For `PublicKeyCredential.parseRequestOptionsFromJSON()`; with none `allowed`, the user chooses."""
    return {
        "challenge": to_text(challenge_of(row)),
        "timeout": TIMEOUT,
        "rpId": passkey_option("rp_id"),
        "allowCredentials": _descriptors(allowed),
        "userVerification": passkey_option("user_verification"),
    }


def _descriptors(passkeys: Iterable[Authenticator]) -> list[dict[str, Any]]:
    return [{"type": "public-key", "id": one.data["id"], "transports": one.data["transports"]} for one in passkeys]


def transports_of(answer: Answer) -> list[str]:
    """How the authenticator says it can be reached."""
    given = answer.json["response"].get("transports")
    return [name for name in TRANSPORTS if isinstance(given, list) and name in given]


def verify_registration(answer: Answer, row: Challenge) -> Verified | None:
    """The new passkey; None when the answer does not prove one."""
    from webauthn import verify_registration_response
    from webauthn.helpers.cose import COSEAlgorithmIdentifier

    algorithms = [COSEAlgorithmIdentifier(algorithm) for algorithm in ALGORITHMS]
    found = _verify(verify_registration_response, _attested, answer, row, supported_pub_key_algs=algorithms)
    if found is None or len(found.credential_id) > MAX_ID or found.credential_id != answer.id:
        return None
    return _result(found, found.sign_count, public_key=found.credential_public_key, aaguid=found.aaguid)


def verify_assertion(answer: Answer, row: Challenge, public_key: bytes) -> Verified | None:
    """What the passkey of a public key has proven; None when it has not. The counter is the caller's to compare."""
    from webauthn import verify_authentication_response

    more = {"credential_public_key": public_key, "credential_current_sign_count": 0}
    found = _verify(verify_authentication_response, _asserted, answer, row, **more)
    return None if found is None else _result(found, found.new_sign_count)


def _attested(response: dict[str, Any]) -> bytes:
    """The authenticator data of a registration. Raises what `ensure_plain` and a wrong shape raise."""
    from webauthn.helpers import parse_cbor

    attestation = to_bytes(response["attestationObject"])
    ensure_plain(attestation)
    return bytes(memoryview(parse_cbor(attestation)["authData"]))


def _asserted(response: dict[str, Any]) -> bytes:
    """The authenticator data of a proof."""
    return to_bytes(response["authenticatorData"])


def _verify(
    verify: Any, data_of: Callable[[dict[str, Any]], bytes], answer: Answer, row: Challenge, **more: Any
) -> Any:
    """What py_webauthn says to an answer, once the checks that it leaves out are passed; None for a failure."""
    try:
        client_data = json.loads(to_bytes(answer.json["response"]["clientDataJSON"]))
        # Never in a frame of somebody else's page.
        if client_data.get("crossOrigin", False) is not False or "topOrigin" in client_data or not row.nonce:
            return None
        ensure_plain_data(data_of(answer.json["response"]))
        return verify(
            credential=answer.json,
            expected_challenge=challenge_of(row),
            expected_rp_id=passkey_option("rp_id"),
            expected_origin=list(passkey_option("origins")),
            require_user_verification=passkey_option("user_verification") == "required",
            **more,
        )
    except Exception as error:  # noqa: BLE001 - parsers of CBOR, ASN.1, keys and JSON fail in many ways
        logger.info("A passkey's answer is refused: %s", type(error).__name__)
        return None


def _result(found: Any, counter: int, **more: Any) -> Verified:
    eligible = found.credential_device_type == "multi_device"
    return Verified(counter, found.user_verified, eligible, found.credential_backed_up, **more)
