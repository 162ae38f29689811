"""Authenticated encryption of what a queue or table keeps: PyNaCl's SecretBox under keys of `SECRET_KEY`."""

import base64

from nacl.exceptions import CryptoError
from nacl.secret import SecretBox

from jwt_drf_passwordless.utils import keyed_digests


def seal(label: str, data: bytes) -> str:
    """Encrypt `data` for one use, `label`, under `SECRET_KEY`; printable text."""
    return base64.urlsafe_b64encode(_boxes(label)[0].encrypt(data)).decode()


def unseal(label: str, text: str) -> bytes:
    """What `seal` was given, under `SECRET_KEY` or one of `SECRET_KEY_FALLBACKS`.

    Raises ValueError for anything else: another label or key, or a text that was changed.
    """
    sealed = base64.urlsafe_b64decode(text)
    for box in _boxes(label):
        try:
            return box.decrypt(sealed)
        except CryptoError:
            continue
    raise ValueError("This was sealed under no key in use, or changed.")


def _boxes(label: str) -> list[SecretBox]:
    return [SecretBox(bytes.fromhex(key)) for key in keyed_digests(f"sealing.{label}")]
