"""What webhooks' signatures have in common: age, the comparison of MACs, signed JWTs. Pure functions."""

import base64
import hashlib
import hmac
import time
from typing import Any
from urllib.parse import urlsplit

import jwt

#: Seconds by which a signed time may differ from ours, in both directions.
MAX_AGE = 300


def is_fresh(timestamp: object) -> bool:
    """Whether a signed time, Unix seconds as an integer or ASCII digits, is within `MAX_AGE` of now."""
    text = str(timestamp)
    if not (text.isascii() and text.isdigit()) or len(text) > 15:
        return False
    return abs(time.time() - int(text)) <= MAX_AGE


def mac_matches(key: bytes, signed: bytes, signature: str, algorithm: str = "sha256") -> bool:
    """Whether `signature` is the base64 HMAC of `signed`, compared in constant time; False without a key."""
    if not key:
        return False
    expected = base64.b64encode(hmac.new(key, signed, algorithm).digest())
    return hmac.compare_digest(expected, signature.encode("utf-8", "replace"))


def same(expected: str, given: object) -> bool:
    """Whether two texts are equal, in constant time; False for what is no text."""
    return isinstance(given, str) and hmac.compare_digest(expected.encode(), given.encode("utf-8", "replace"))


def sha256_hex(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def jwt_claims(token: str, secret: str, issuer: str) -> dict[str, Any]:
    """What a JWT of HS256, made by `issuer`, claims; nothing if it is not, or without a secret.

    "exp" and "nbf" are looked at; the age by "iat" is left to `is_fresh`, which allows for clocks that differ.
    """
    if not secret:
        return {}
    options: Any = {"verify_iat": False, "verify_aud": False}
    try:
        return jwt.decode(token, secret, algorithms=["HS256"], issuer=issuer, options=options)
    except (jwt.PyJWTError, RecursionError, TypeError, ValueError):
        return {}


def both_ports(url: str) -> set[str]:
    """A URL with and without the port that its scheme has by default: vendors are not sure which they sign.

    Raises ValueError for what is no URL.
    """
    parts = urlsplit(url)
    default = {"https": 443, "http": 80}.get(parts.scheme)
    if parts.port not in (None, default):
        return {url}
    host = parts.netloc.removesuffix(f":{default}")
    return {url, parts._replace(netloc=host).geturl(), parts._replace(netloc=f"{host}:{default}").geturl()}
