"""Recovery codes: ten on paper, each good once, for who has lost every other second factor."""

from collections.abc import Mapping
from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_variables
from rest_framework import serializers
from rest_framework.request import Request

from jwt_drf_passwordless.claims import claims_of
from jwt_drf_passwordless.conf import message
from jwt_drf_passwordless.events import record
from jwt_drf_passwordless.models import Authenticator
from jwt_drf_passwordless.models import PasswordlessChallengeToken as Challenge
from jwt_drf_passwordless.sessions.services import end_sessions
from jwt_drf_passwordless.two_factor import keys, notices, trusted
from jwt_drf_passwordless.two_factor.signals import recovery_code_used
from jwt_drf_passwordless.two_factor.stored import StoredFactor
from jwt_drf_passwordless.utils import create_challenge

#: How many make a set.
NUMBER = 10
#: Crockford's base 32: without the letters that are taken for others; 24 characters have 120 bits.
ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
LENGTH = 24
#: Characters between two hyphens.
GROUP = 4
#: What people type for characters of the alphabet.
MISTAKEN = str.maketrans("oil", "011", " -")
#: The id of the whole set.
CODES = "codes"


class RecoveryCodeFactor(StoredFactor):
    """A set of codes, one row each, kept as keyed digests; a new set takes the place of the old one.

    More than 112 bits need no slow hash (NIST SP 800-63B-4 section 3.1.2.2). At a login a code does not raise
    the level; two of them, the second in a step-up, do (section 4.2).
    """

    name = "recovery_code"
    label = _("recovery codes")
    is_backup = True
    needs_confirmation = False

    def rows(self, user: AbstractBaseUser) -> list[Authenticator]:
        """The codes that are still good: not used, and made under a key that is still known."""
        known = keys.names()
        return [row for row in super().rows(user) if row.last_used_at is None and row.data.get("key") in known]

    def check_format(self, user: AbstractBaseUser, code: str) -> None:
        text = normalize(code)
        if len(text) != LENGTH or set(text) - set(ALPHABET):
            raise serializers.ValidationError({"token": [message("RECOVERY_CODE_FORM")]})

    @sensitive_variables()
    def verify(self, user: AbstractBaseUser, row: Challenge, code: str) -> bool:
        wanted = _digests(user, normalize(code))
        # Digests under a key: how long it takes to find one tells nothing about the code.
        found = [stored for stored in self.rows(user) if stored.lookup in wanted]
        return any(self.use(stored, if_still={"last_used_at": None}) for stored in found)

    def used(self, user: AbstractBaseUser, request: Request | None) -> None:
        """Tell the user and the project, end other sessions and the trust in devices: what was lost may be stolen."""
        remaining = len(self.rows(user))
        facts: dict[str, Any] = {"factor": self.name, "remaining": remaining}
        record(recovery_code_used, field=self.name, user=user, request=request, **facts)
        notices.notify(user, action="recovery_code_used", factor=self.label, name="", remaining=remaining)
        keep = claims_of(request) if request else None
        end_sessions(user, reason="recovery_code_used", keep=keep, request=request)
        trusted.forget(user, request=request)

    def amr(self, row: Challenge) -> tuple[str, ...]:
        """RFC 8176 has no name for it."""
        return ("recovery",)

    @sensitive_variables()
    def store(self, user: AbstractBaseUser, row: Challenge, data: Mapping[str, Any]) -> dict[str, Any]:
        """A new set: its entry with the codes, which are told here only."""
        codes = [create_challenge(LENGTH, ALPHABET) for _ in range(NUMBER)]
        now, key = timezone.now(), keys.names()[0]
        with self.replacing(user, row):
            Authenticator.objects.filter(user_id=user.pk, method=self.name).delete()
            Authenticator.objects.bulk_create(
                Authenticator(
                    user_id=user.pk,
                    method=self.name,
                    lookup=_digests(user, code)[0],
                    data={"key": key},
                    created_at=now,
                    confirmed_at=now,
                )
                for code in codes
            )
        return {**self.listed(user)[0], "codes": [_in_groups(code) for code in codes]}

    def listed(self, user: AbstractBaseUser) -> list[dict[str, Any]]:
        """One entry for the set, which stays when all are used."""
        every = super().rows(user)
        if not every:
            return []
        entry = {
            "id": CODES,
            "method": self.name,
            "name": "",
            "remaining": len(self.rows(user)),
            "created_at": every[0].confirmed_at,
            "last_used_at": max((row.last_used_at for row in every if row.last_used_at), default=None),
        }
        return [entry]

    def remove(self, user: AbstractBaseUser, pk: str) -> bool:
        self.read.pop(user.pk, None)
        mine = Authenticator.objects.filter(user_id=user.pk, method=self.name)
        return pk == CODES and mine.delete()[0] > 0

    def rename(self, user: AbstractBaseUser, pk: str, name: str) -> bool:
        """The set has no name, and its codes are not told apart."""
        return False


def normalize(code: str) -> str:
    """A code as it was made, whatever people have made of it: upper case, spaces, other letters."""
    return code.lower().translate(MISTAKEN)


def _digests(user: AbstractBaseUser, code: str) -> list[str]:
    return keys.digests("recovery_code", str(user.pk), code)


def _in_groups(code: str) -> str:
    return "-".join(code[start : start + GROUP] for start in range(0, LENGTH, GROUP))
