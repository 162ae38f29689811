"""A code to the account's email address, as second step: better than none, and never a second factor by level."""

from collections.abc import Mapping
from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_variables
from rest_framework.exceptions import APIException
from rest_framework.request import Request

from jwt_drf_passwordless import challenges, delivery
from jwt_drf_passwordless.exceptions import ProviderUnavailable, SecondFactorBroken, SecondFactorSameEmail
from jwt_drf_passwordless.methods import EMAIL, MOBILE
from jwt_drf_passwordless.models import Authenticator
from jwt_drf_passwordless.models import PasswordlessChallengeToken as Challenge
from jwt_drf_passwordless.token_response import Proof
from jwt_drf_passwordless.two_factor.base import context_of
from jwt_drf_passwordless.two_factor.stored import StoredFactor
from jwt_drf_passwordless.utils import mask

#: RFC 8176 names of what is no email: password, phone, key.
NO_EMAIL = {"pwd", "sms", "tel", "hwk", "swk"}


class EmailFactor(StoredFactor):
    """Bound to an address that was proven: to one that the account has got in another way nothing is sent.

    NIST SP 800-63B-4 section 3.1.3.1 forbids email as out-of-band authenticator, so it claims no level.
    """

    name = "email"
    label = _("email")
    sends = True
    makes_codes = True
    shared_wait = "mail_address"
    raises_level = False

    def is_independent(self, user: AbstractBaseUser, proof: Proof) -> bool:
        """Only after a first factor that is no email; never while the account has another address than it had."""
        is_email = proof.field == EMAIL.field or not NO_EMAIL.intersection(proof.amr)
        return self._is_bound(user) and not is_email

    def refusal(self, user: AbstractBaseUser) -> APIException:
        return SecondFactorSameEmail() if self._is_bound(user) else SecondFactorBroken()

    def challenge(self, user: AbstractBaseUser, row: Challenge, request: Request | None) -> None:
        self._send(user, row, request)

    @sensitive_variables()
    def verify(self, user: AbstractBaseUser, row: Challenge, code: str) -> bool:
        return self._is_bound(user) and challenges.code_matches(row, code)

    def identifier_changed(self, user: AbstractBaseUser, field: str, identifier: str) -> None:
        if field == EMAIL.field:
            mine = Authenticator.objects.filter(user_id=user.pk, method=self.name)
            mine.update(data={"address": identifier}, confirmed_at=timezone.now())

    def may_enrol(self, user: AbstractBaseUser) -> bool:
        """Whether there is an address, and another first factor beside it: alone it would lock its user out."""
        has_phone = MOBILE.is_enabled and MOBILE.canonicalize(getattr(user, MOBILE.field, None)) is not None
        return bool(_address(user)) and (user.has_usable_password() or has_phone)

    def about(self, user: AbstractBaseUser, data: Mapping[str, Any]) -> str:
        return _address(user)

    def begin(
        self, user: AbstractBaseUser, row: Challenge, data: Mapping[str, Any], request: Request | None
    ) -> dict[str, Any]:
        self._send(user, row, request)
        return {"sent": True, "email": mask(row.identifier)}

    @sensitive_variables()
    def check_enrolment(self, user: AbstractBaseUser, row: Challenge, code: str) -> bool:
        return challenges.code_matches(row, code)

    def store(self, user: AbstractBaseUser, row: Challenge, data: Mapping[str, Any]) -> dict[str, Any]:
        with self.replacing(user, row):
            Authenticator.objects.filter(user_id=user.pk, method=self.name).delete()
            self.create(user, name=data.get("name", ""), data={"address": row.identifier})
        return self.listed(user)[0]

    def entry(self, row: Authenticator) -> dict[str, Any]:
        masked = mask(row.data.get("address") or "")
        return {**super().entry(row), "name": row.name or masked, "email": masked}

    def _is_bound(self, user: AbstractBaseUser) -> bool:
        """Whether the account's address is the one that was proven."""
        address = _address(user)
        return bool(address) and any(row.data.get("address") == address for row in self.rows(user))

    @sensitive_variables()
    def _send(self, user: AbstractBaseUser, row: Challenge, request: Request | None) -> None:
        """Within the request: the caller has proven a password or a token, and is told of a failure."""
        facts = {"field": self.name, "subject": mask(_address(user))}

        def send() -> None:
            mail = EMAIL.render(request, context_of(user, row), EMAIL.address(user))
            delivery.Outgoing(mail, expires_at=row.expires_at, **facts).send()

        if not delivery.report_failure(send, **facts):
            raise ProviderUnavailable


def _address(user: AbstractBaseUser) -> str:
    """The canonical form of the account's address; "" where it has none that can be used."""
    return EMAIL.canonicalize(getattr(user, EMAIL.field, None)) or ""
