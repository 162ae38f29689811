"""Makes vectors.json: webhooks that the vendors' own validators have accepted. No test runs this; it was run once:

    python -m venv sdks
    sdks/bin/pip install time-machine telnyx==4.189.0 pynacl twilio==9.13.0 vonage-jwt==1.1.5 plivo==4.63.0
    sdks/bin/python tests/external_2fa/make_vectors.py > tests/external_2fa/vectors.json

The keys are throwaway ones. A vector is a webhook of a provider: `provider` (module and class), `options`, `body`,
`headers`, `url`, `at` in Unix seconds, and `made_by`, the validator that accepted it. The package is not used here.
"""

import base64
import hashlib
import importlib.metadata
import json
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlencode

import time_machine

HOOK = "https://app.example/passwordless/external/webhook/"
AT = 1_800_000_000


def telnyx() -> Iterator[dict[str, Any]]:
    """`client.webhooks.unwrap`: Ed25519 over time, bar and body."""
    from nacl.signing import SigningKey
    from telnyx import Telnyx

    key = SigningKey(bytes(range(32)))
    public = base64.b64encode(bytes(key.verify_key)).decode()
    inner = {"id": "v1", "phone_number": "+13035551234", "delivery_status": "delivered"}
    body = json.dumps({"data": {"event_type": "verify.delivered", "id": "e1", "payload": inner}})
    headers = {
        "telnyx-signature-ed25519": base64.b64encode(key.sign(f"{AT}|{body}".encode()).signature).decode(),
        "telnyx-timestamp": str(AT),
    }
    with time_machine.travel(AT, tick=False):
        Telnyx(api_key="key").webhooks.unwrap(body, headers=headers, key=public)
    options = {"api_key": "key", "verify_profile_id": "profile", "webhook_public_key": public}
    yield vector("telnyx.TelnyxVerifyProvider", options, body, headers, HOOK, "telnyx")


def twilio() -> Iterator[dict[str, Any]]:
    """`RequestValidator.validate`: the URL with the digest of the body, by both algorithms, with and without port."""
    from twilio.request_validator import RequestValidator

    data = {"service_sid": "VA1", "verification_sid": "VE1", "to": "+15017122661"}
    body = json.dumps([{"id": "EZ1", "type": "com.twilio.accountsecurity.verify.verification.approved", "data": data}])
    query = f"?bodySHA256={hashlib.sha256(body.encode()).hexdigest()}"
    for secret, algorithm in (("auth_token", "HMAC_SHA1"), ("webhook_secret", "HMAC_SHA256")):
        for signed in (HOOK, HOOK.replace(".example", ".example:443")):
            validator = RequestValidator("12345")
            signature = validator.compute_signature(signed + query, {}, algorithm)
            if not validator.validate(HOOK + query, body, signature, algorithm):
                raise AssertionError("Twilio refuses it.")
            headers = {"X-Twilio-Signature": signature}
            options = {"service_sid": "VA1", "account_sid": "AC1", "auth_token": "other", secret: "12345"}
            yield vector("twilio.TwilioVerifyProvider", options, body, headers, HOOK + query, "twilio")


def vonage() -> Iterator[dict[str, Any]]:
    """`verify_signature`, which looks at nothing but the signature; the claims are those of the documentation."""
    import jwt
    from vonage_jwt import verify_signature

    secret = "throwaway-signature-secret-000001"
    body = json.dumps({"request_id": "r1", "type": "event", "channel": "sms", "status": "completed"})
    claims = {
        "iat": AT,
        "jti": "j1",
        "iss": "Vonage",
        "payload_hash": hashlib.sha256(body.encode()).hexdigest(),
        "api_key": "a1b2c3d4",
        "application_id": "a1",
    }
    token = jwt.encode(claims, secret, "HS256")
    with time_machine.travel(AT, tick=False):
        if not verify_signature(token, secret):
            raise AssertionError("Vonage refuses it.")
    options = {"brand": "Example", "api_key": "a1b2c3d4", "api_secret": "secret", "signature_secret": secret}
    yield vector("vonage.VonageVerifyProvider", options, body, {"Authorization": f"Bearer {token}"}, HOOK, "vonage-jwt")


def plivo() -> Iterator[dict[str, Any]]:
    """`validate_v3_signature`: URL, fields and nonce, with a query, a field twice, and signs that are encoded."""
    from plivo.utils import signature_v3, validate_v3_signature

    options = {"auth_id": "MA1", "auth_token": "token1", "app_uuid": "app"}
    for url, more in (
        (HOOK, {"Recipient": "+13035551234", "RequestTime": "2026-11-21 10:00:01.125"}),
        (f"{HOOK}?b=2&a=1&b=1", {"Recipient": "13035551234"}),
        (f"{HOOK}?a=", {"ChannelErrorCode": ""}),
        (HOOK, {"More": ["b", "a"]}),
        (HOOK, {"More": "\u00e9 & = + %"}),
    ):
        fields = {"SessionUUID": "v1", "SessionStatus": "in-progress", "ChannelStatus": "delivered", **more}
        content = signature_v3.construct_post_url(url, dict(fields)).decode()
        signature = signature_v3.get_signature_v3(b"token1", content, b"nonce1").decode()
        if not validate_v3_signature("POST", url, "nonce1", "token1", signature, dict(fields)):
            raise AssertionError("Plivo refuses it.")
        headers = {"X-Plivo-Signature-V3": signature, "X-Plivo-Signature-V3-Nonce": "nonce1"}
        yield vector("plivo.PlivoVerifyProvider", options, urlencode(fields, doseq=True), headers, url, "plivo")


def vector(
    provider: str, options: dict[str, str], body: str, headers: dict[str, str], url: str, package: str
) -> dict[str, Any]:
    return {
        "made_by": f"{package} {importlib.metadata.version(package)}",
        "provider": provider,
        "options": options,
        "body": body,
        "headers": headers,
        "url": url,
        "at": AT,
    }


VENDORS: list[Callable[[], Iterator[dict[str, Any]]]] = [telnyx, twilio, vonage, plivo]

if __name__ == "__main__":
    print(json.dumps([made for vendor in VENDORS for made in vendor()], indent=2))  # noqa: T201
