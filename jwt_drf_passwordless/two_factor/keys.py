"""The keys under which factors keep their secrets, and what changes with them.

A secret is sealed for its user and method: copied to another row it cannot be opened. What is kept as a
digest only cannot be moved to another key; such rows name theirs in `data["key"]`.
"""

from dataclasses import dataclass
from typing import Any

from jwt_drf_passwordless import sealing
from jwt_drf_passwordless.models import Authenticator
from jwt_drf_passwordless.two_factor.conf import option
from jwt_drf_passwordless.utils import keyed_digests

BATCH = 1000


def seal(method: str, user_pk: Any, secret: bytes) -> str:
    """What goes into the column `secret` of a user's row."""
    return sealing.seal(_label(method, user_pk), secret, option("encryption_keys"))


def unseal(row: Authenticator) -> bytes:
    """The secret of a row. Raises ValueError when no key opens it."""
    return sealing.unseal(_label(row.method, row.user_id), row.secret, option("encryption_keys"))


def renew(row: Authenticator) -> str:
    """The column `secret` of a row, under the first key. Raises ValueError when no key opens it."""
    return sealing.renew(_label(row.method, row.user_id), row.secret, option("encryption_keys"))


def digests(label: str, *parts: str) -> list[str]:
    """`utils.keyed_digests` under these keys."""
    return keyed_digests(label, *parts, keys=option("encryption_keys"))


def names() -> list[str]:
    """A short name of each key, which tells nothing of it."""
    return [digest[:8] for digest in digests("key_name")]


@dataclass(frozen=True)
class Resealed:
    """What `reseal` has found: how many rows."""

    #: Sealed anew under the first key.
    changed: int
    #: That no key opens.
    unreadable: int
    #: Digests of codes that are still good, made under another key than the first.
    bound: int


def reseal() -> Resealed:
    """Seal all secrets anew that are not sealed under the first key, in batches, while the site runs."""
    changed = unreadable = last = 0
    sealed = Authenticator.objects.exclude(secret="").order_by("pk")
    while batch := list(sealed.filter(pk__gt=last)[:BATCH]):
        for row in batch:
            try:
                renewed = renew(row)
            except ValueError:
                unreadable += 1
                continue
            if renewed != row.secret:
                changed += Authenticator.objects.filter(pk=row.pk, secret=row.secret).update(secret=renewed)
        last = batch[-1].pk
    unused = Authenticator.objects.filter(last_used_at=None, data__has_key="key")
    return Resealed(changed, unreadable, unused.exclude(data__key=names()[0]).count())


def _label(method: str, user_pk: Any) -> str:
    return f"two_factor.{method}.{user_pk}"
