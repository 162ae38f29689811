"""Random codes, keyed digests, what may stand in a log, and the do-nothing defaults of `DECORATORS`."""

import hashlib
import re
import secrets
from collections.abc import Callable, Sequence
from typing import TypeVar

from django.conf import settings as django_settings
from django.utils.crypto import salted_hmac

View = TypeVar("View", bound=Callable[..., object])


def create_challenge(length: int, challenge_characters: str) -> str:
    """Draw `length` characters, each uniformly and independently, from the system's CSPRNG.

    One number below the count of all such texts is drawn and written in the alphabet's base, which
    is a tenth of the work of one draw a character.
    """
    base = len(challenge_characters)
    number = secrets.randbelow(base**length)
    characters = []
    for _ in range(length):
        number, digit = divmod(number, base)
        characters.append(challenge_characters[digit])
    return "".join(characters)


def pack(*parts: str) -> bytes:
    """Join texts so that no two different lists give the same bytes: each is led by its length."""
    encoded = [part.encode("utf-8", "surrogatepass") for part in parts]
    return b"".join(len(part).to_bytes(4, "big") + part for part in encoded)


def keyed_digests(label: str, *parts: str, keys: Sequence[str | bytes] | None = None) -> list[str]:
    """HMAC-SHA-256 of `parts` as hex, one for each key: `keys`, or `SECRET_KEY` and then `SECRET_KEY_FALLBACKS`.

    Django derives the key from the secret and `label`, so digests made for one use fit no other.
    Six digits fall to any unkeyed hash within seconds, salted or slow, once a table leaks; without
    the key, which is not in the database, they do not (ASVS 6.5.2, NIST SP 800-63B section 3.1.1.2).
    """
    message = pack(*parts)
    salt = f"jwt_drf_passwordless.{label}"
    return [
        salted_hmac(salt, message, secret=key, algorithm="sha256").hexdigest()
        for key in keys or (django_settings.SECRET_KEY, *django_settings.SECRET_KEY_FALLBACKS)
    ]


def challenge_key(purpose: str, field: str, identifier: str) -> str:
    """Name the one row of a purpose, user field and canonical identifier: SHA-256 as hex.

    Not keyed: after a change of `SECRET_KEY` the codes are void, the waiting times still hold.
    """
    return hashlib.sha256(pack(purpose, field, identifier)).hexdigest()


def mask(identifier: str) -> str:
    """Shorten an email address or phone number to what may stand in a log: `j***@example.com`, `***34`."""
    local, at, domain = identifier.rpartition("@")
    return f"{local[:1]}***@{domain}" if at else f"***{identifier[-2:]}"


def plain(code: object) -> str:
    """A vendor's word for an error, if it cannot be more than a code: no sentence, address, number or second line."""
    return code if isinstance(code, str) and re.fullmatch(r"(?!.*\d{7})[\w.:-]{1,64}", code, re.ASCII) else ""


def token_request_limiter(function: View) -> View:
    """Limit nothing: the default of `DECORATORS["token_request_rate_limit_decorator"]`."""
    return function


def token_redeem_limiter(function: View) -> View:
    """Limit nothing: the default of `DECORATORS["token_redeem_rate_limit_decorator"]`."""
    return function
