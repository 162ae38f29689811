"""The passkey factor: a user's passkeys, each a row whose `lookup` is the digest of its id."""

import hashlib
import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.core.checks import CheckMessage
from django.db import IntegrityError
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_variables
from rest_framework.request import Request

from jwt_drf_passwordless.events import record
from jwt_drf_passwordless.exceptions import InvalidCredentials, SecondFactorBroken
from jwt_drf_passwordless.models import Authenticator
from jwt_drf_passwordless.models import PasswordlessChallengeToken as Challenge
from jwt_drf_passwordless.token_response import Proof
from jwt_drf_passwordless.two_factor.passkey import webauthn
from jwt_drf_passwordless.two_factor.passkey.checks import check_passkeys, check_passkeys_in_deployment
from jwt_drf_passwordless.two_factor.passkey.conf import passkey_option
from jwt_drf_passwordless.two_factor.passkey.webauthn import Answer, Verified
from jwt_drf_passwordless.two_factor.signals import passkey_cloned
from jwt_drf_passwordless.two_factor.stored import StoredFactor
from jwt_drf_passwordless.utils import pack

logger = logging.getLogger(__name__)

#: RFC 8176 names that mean a passkey.
BY_PASSKEY = {"hwk", "swk"}
#: What the data of a row must have.
KEPT = {"id", "public_key", "handle", "backup_eligible", "synced", "verified", "aaguid", "transports"}


def lookup_of(passkey_id: bytes) -> str:
    """By what a passkey is found, whoever's it is."""
    return hashlib.sha256(passkey_id).hexdigest()


def is_whole(passkey: Authenticator) -> bool:
    """Whether a row has all that a proof needs."""
    return isinstance(passkey.data, dict) and passkey.data.keys() >= KEPT


class PasskeyFactor(StoredFactor):
    """Passkeys, as second factor; `login` has them as first. Of each the row holds public data only."""

    name = "passkey"
    label = _("passkey")
    several = True
    libraries = ("webauthn",)
    extra = "passkeys"

    @classmethod
    def check(cls, *, deploy: bool = False) -> list[CheckMessage]:
        return check_passkeys_in_deployment() if deploy else check_passkeys()

    def __init__(self) -> None:
        super().__init__()
        #: The new passkey of an enrolment, and the names for a proof, between check and use.
        self._new: tuple[Answer, Verified]
        self._amr: tuple[str, ...] = ()

    def is_enrolled(self, user: AbstractBaseUser) -> bool:
        return bool(passkey_option("second_factor")) and bool(self._whole(user))

    def is_independent(self, user: AbstractBaseUser, proof: Proof) -> bool:
        """Not after a passkey without PIN or fingerprint: that one is a single factor, and this is no other."""
        return "mfa" in proof.amr or not BY_PASSKEY.intersection(proof.amr)

    def options(self, user: AbstractBaseUser, row: Challenge) -> dict[str, Any]:
        return webauthn.request_options(row, self._whole(user))

    @sensitive_variables()
    def verify(self, user: AbstractBaseUser, row: Challenge, code: str) -> bool:
        answer = webauthn.read(code)
        wanted = lookup_of(answer.id) if answer else ""
        for passkey in self._whole(user):
            if answer and passkey.lookup == wanted and answer.handle in (None, passkey.data["handle"]):
                return self.prove(passkey, answer, row, user, None, beside_another=True) is not None
        return False

    def prove(
        self,
        passkey: Authenticator,
        answer: Answer,
        row: Challenge,
        user: AbstractBaseUser,
        request: Request | None,
        *,
        beside_another: bool = False,
    ) -> Verified | None:
        """What an answer proves by a passkey, whose counter rises; None for nothing, and for a copy.

        PIN or finger of a device that has never asked for them may be its thief's, who has just set them: they
        count from then on when they were proven at the registration or `beside_another` factor (`uvInitialized`
        in WebAuthn section 4).
        """
        data = passkey.data
        proven = webauthn.verify_assertion(answer, row, webauthn.to_bytes(data["public_key"]))
        if proven is None or proven.backup_eligible is not data["backup_eligible"]:
            return None
        if proven.counter <= passkey.counter and (proven.counter or passkey.counter):
            record(passkey_cloned, field=self.name, user=user, request=request, passkey=str(passkey.pk))
            return None
        # What was read may be old: the UPDATE decides. Synced passkeys do not count; theirs stays 0.
        if_still = {"counter__lt": proven.counter} if proven.counter else {"counter": 0}
        is_verified = data["verified"] or (beside_another and proven.user_verified)
        seen = {**data, "synced": proven.synced, "verified": is_verified}
        changes = {} if seen == data else {"data": seen}
        if not self.use(passkey, if_still=if_still, counter=proven.counter, **changes):
            return None
        self._amr = ("swk" if proven.backup_eligible else "hwk", "user")
        return replace(proven, user_verified=proven.user_verified and is_verified)

    def amr(self, row: Challenge) -> tuple[str, ...]:
        """A key that stays on its device ("hwk") or may leave it ("swk"), and the presence that each proof needs."""
        return self._amr

    def may_enrol(self, user: AbstractBaseUser) -> bool:
        return len(self.rows(user)) < int(passkey_option("limit"))

    def about(self, user: AbstractBaseUser, data: Mapping[str, Any]) -> str:
        """The user's handle, if there is one: a passkey that was begun under another is refused."""
        return next((passkey.data["handle"] for passkey in self._whole(user)), "")

    def begin(
        self, user: AbstractBaseUser, row: Challenge, data: Mapping[str, Any], request: Request | None
    ) -> dict[str, Any]:
        email = getattr(user, user.get_email_field_name(), None)
        options = webauthn.creation_options(row, _handle(row), str(email or user.get_username()), self._whole(user))
        return {"publicKey": options}

    @sensitive_variables()
    def check_enrolment(self, user: AbstractBaseUser, row: Challenge, code: str) -> bool:
        answer = webauthn.read(code)
        verified = webauthn.verify_registration(answer, row) if answer else None
        if answer is None or verified is None:
            return False
        self._new = answer, verified
        return True

    def store(self, user: AbstractBaseUser, row: Challenge, data: Mapping[str, Any]) -> dict[str, Any]:
        answer, verified = self._new
        values = {
            "id": webauthn.to_text(answer.id),
            "public_key": webauthn.to_text(verified.public_key),
            "handle": _handle(row),
            "backup_eligible": verified.backup_eligible,
            "synced": verified.synced,
            "verified": verified.user_verified,
            "aaguid": verified.aaguid,
            "transports": webauthn.transports_of(answer),
        }
        try:
            with self.replacing(user, row):
                if not self.may_enrol(user):  # others were registered since it was begun
                    raise InvalidCredentials("too_many")
                passkey = self.create(
                    user,
                    lookup=lookup_of(answer.id),
                    name=data.get("name") or str(_("Passkey")),
                    data=values,
                    counter=verified.counter,
                )
        except IntegrityError:  # somebody has it already, or the user is gone
            raise InvalidCredentials("taken") from None
        return self.entry(passkey)

    def entry(self, row: Authenticator) -> dict[str, Any]:
        told = {name: row.data[name] for name in ("synced", "aaguid", "transports")} if is_whole(row) else {}
        return {**super().entry(row), **told}

    def _whole(self, user: AbstractBaseUser) -> list[Authenticator]:
        """The user's. Raises SecondFactorBroken for one that is stored by half, which never counts as none."""
        rows = self.rows(user)
        if not all(map(is_whole, rows)):
            logger.error("A passkey of the user %s is stored by half", user.pk)
            raise SecondFactorBroken
        return rows


def _handle(row: Challenge) -> str:
    """The account's opaque name in passkeys: that of the user's others, or as random as the row's nonce."""
    made = hashlib.sha256(pack("webauthn handle", row.key, row.nonce)).digest()
    return row.identifier or webauthn.to_text(made)
