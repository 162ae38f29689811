"""What a client carries from the first step to the second: the ticket, and the token that can only enrol."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any, Literal

from django.contrib.auth.models import AbstractBaseUser
from django.core import signing
from django.views.decorators.debug import sensitive_variables
from rest_framework_simplejwt import settings as jwt_settings
from rest_framework_simplejwt.tokens import Token

from jwt_drf_passwordless.exceptions import InvalidTicket
from jwt_drf_passwordless.methods import METHODS
from jwt_drf_passwordless.two_factor.conf import option
from jwt_drf_passwordless.utils import keyed_digests

#: Keeps tickets apart from everything else that is signed with `SECRET_KEY`.
SALT = "jwt_drf_passwordless.two_factor.ticket"

Kind = Literal["password", "passwordless", "step_up"]


@dataclass(frozen=True)
class Ticket:
    """The first step of a login, or the session of a step-up, to be finished by the second factor.

    Signed, not encrypted: nothing in it is secret, for the digest is keyed. The nonce is that of the
    challenge row, which makes the ticket single-use.
    """

    kind: Kind
    #: The user's primary key as a text.
    user: str
    #: RFC 8176 names of what is proven already.
    amr: tuple[str, ...]
    #: The factors that may finish it; the first one is the default.
    methods: tuple[str, ...]
    nonce: str
    #: Digest of password and identifiers: a change of any voids the ticket, as one of the password voids sessions.
    account: str
    #: Id of the session that a step-up replaces.
    session: str | None = None

    def seal(self) -> str:
        return signing.dumps(asdict(self), salt=SALT)


@sensitive_variables()
def unseal(text: str) -> Ticket:
    """The ticket of a text, if we have signed it within `ticket_lifetime` seconds. Raises InvalidTicket."""
    try:
        values = signing.loads(text, salt=SALT, max_age=option("ticket_lifetime"))
        return Ticket(**{**values, "amr": tuple(values["amr"]), "methods": tuple(values["methods"])})
    except (signing.BadSignature, TypeError):  # TypeError: signed by another version, in the middle of an update
        raise InvalidTicket from None


def account_digests(user: AbstractBaseUser) -> list[str]:
    """Digests of what the user signs in by, one for each of the site's keys."""
    identifiers = (method.canonicalize(getattr(user, method.field, None)) or "" for method in METHODS)
    return keyed_digests("ticket", user.password, *identifiers)


class EnrolmentToken(Token):
    """For who must have a second factor and has none: opens the routes of enrolment only.

    The claim `account` is the digest that a `Ticket` has, with the same effect.
    """

    token_type = "two_factor_enrolment"
    lifetime = timedelta(minutes=10)


def enrolment_token(user: AbstractBaseUser) -> str:
    token = EnrolmentToken.for_user(user)
    token["account"] = account_digests(user)[0]
    return str(token)


def is_enrolment(claims: Mapping[str, Any]) -> bool:
    """Whether these are the claims of an `EnrolmentToken`."""
    return claims.get(jwt_settings.api_settings.TOKEN_TYPE_CLAIM) == EnrolmentToken.token_type
