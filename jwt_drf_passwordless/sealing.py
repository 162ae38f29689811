"""Authenticated encryption of what a queue or table keeps: PyNaCl's SecretBox under keys of `SECRET_KEY`, or others.

`keys` are the texts that the encryption keys are made of: `SECRET_KEY` and `SECRET_KEY_FALLBACKS` if None.
The first one seals.
"""

import base64
from collections.abc import Sequence

from nacl.exceptions import CryptoError
from nacl.secret import SecretBox

from jwt_drf_passwordless.utils import keyed_digests

Keys = Sequence[str | bytes] | None


def seal(label: str, data: bytes, keys: Keys = None) -> str:
    """Encrypt `data` for one use, `label`; printable text."""
    return base64.urlsafe_b64encode(_boxes(label, keys)[0].encrypt(data)).decode()


def unseal(label: str, text: str, keys: Keys = None) -> bytes:
    """What `seal` was given, under any of the keys.

    Raises ValueError for anything else: another label or key, or a text that was changed.
    """
    sealed = base64.urlsafe_b64decode(text)
    for box in _boxes(label, keys):
        try:
            return box.decrypt(sealed)
        except CryptoError:
            continue
    raise ValueError("This was sealed under no key in use, or changed.")


def renew(label: str, text: str, keys: Keys = None) -> str:
    """The text as it is, if it is sealed under the first key; else its content under that. Raises ValueError."""
    data = unseal(label, text, keys)
    try:
        _boxes(label, keys)[0].decrypt(base64.urlsafe_b64decode(text))
    except CryptoError:
        return seal(label, data, keys)
    return text


def _boxes(label: str, keys: Keys) -> list[SecretBox]:
    return [SecretBox(bytes.fromhex(key)) for key in keyed_digests(f"sealing.{label}", keys=keys)]
