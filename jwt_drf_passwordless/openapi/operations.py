"""The table: what each verb of each view takes, answers and refuses."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from drf_spectacular.types import OpenApiTypes
from rest_framework import exceptions as drf
from rest_framework_simplejwt import settings as jwt_settings
from rest_framework_simplejwt.exceptions import InvalidToken
from rest_framework_simplejwt.serializers import TokenObtainSerializer

from jwt_drf_passwordless import exceptions as ours
from jwt_drf_passwordless import views as login
from jwt_drf_passwordless.conf import resolve, settings
from jwt_drf_passwordless.contact import views as contact
from jwt_drf_passwordless.external_2fa import views as vendors
from jwt_drf_passwordless.openapi.answers import (
    ContactChanged,
    FactorBegun,
    FactorEntry,
    FactorOverview,
    PasskeyRequest,
    PhoneStatus,
    RefreshedToken,
    SecondFactorEnrolment,
    SecondFactorTicket,
    TokenPair,
    TokenSent,
    TrustedDevice,
    UserSession,
    WebhookTaken,
)
from jwt_drf_passwordless.openapi.bodies import (
    ContactEmail,
    ContactEmailConfirmation,
    ContactMobile,
    ContactMobileConfirmation,
    FactorBeginning,
    FactorConfirmation,
    FactorName,
    SecondFactorProof,
    SessionName,
)
from jwt_drf_passwordless.sessions import views as sessions
from jwt_drf_passwordless.sessions.serializers import RefreshTokenSerializer
from jwt_drf_passwordless.two_factor import factor_views, trusted_views
from jwt_drf_passwordless.two_factor import serializers as factors
from jwt_drf_passwordless.two_factor import views as two_factor
from jwt_drf_passwordless.two_factor.passkey import views as passkey

Failure = Callable[[], drf.APIException]
INVALID = partial(ours.InvalidCredentials, "")
THROTTLED = partial(drf.Throttled, 60)
NO_ACCOUNT = partial(
    drf.AuthenticationFailed, TokenObtainSerializer.default_error_messages["no_active_account"], "no_active_account"
)
#: Of every body; of who has no access token that is good; of the gate to the second factor.
UNREADABLE: tuple[Failure, ...] = (
    ours.MalformedRequest,
    drf.ParseError,
    ours.PayloadTooLarge,
    partial(drf.UnsupportedMediaType, "text/plain"),
)
OTHER_TYPE = {"token_class": "AccessToken", "token_type": "access", "message": "Token has wrong type"}
UNKNOWN: tuple[Failure, ...] = (
    drf.NotAuthenticated,
    partial(InvalidToken, {"detail": "Given token not valid for any token type", "messages": [OTHER_TYPE]}),
)
CAPTCHA: tuple[Failure, ...] = (ours.CaptchaRequired, ours.CaptchaInvalid, ours.CaptchaUnavailable)
GATE: tuple[Failure, ...] = (
    ours.SecondFactorSamePhone,
    ours.SecondFactorSameEmail,
    ours.SecondFactorBroken,
    ours.ProviderUnavailable,
)
UNSENT: tuple[Failure, ...] = (ours.DeliveryUnavailable, ours.ProviderUnavailable)
STALE = ours.ReauthenticationRequired


@dataclass(frozen=True)
class Operation:
    """A verb of a view; failures that all views of a kind share are added to `fails`."""

    summary: str
    #: By status a serializer, a list of which one is answered, `dict` for an empty object, None for no body.
    answers: Mapping[int, Any]
    fails: tuple[Failure, ...] = ()
    #: The serializer, or what gives that of a view.
    body: Any = None
    #: Of `KEYS`.
    keys: tuple[str, ...] = ()


def named(view: Any) -> Any:
    """The serializer that `SERIALIZERS` names for a view of the login."""
    return getattr(settings.SERIALIZERS, view().serializer_key)


def verifying(view: Any) -> Any:
    """SimpleJWT's serializer, or the project's."""
    return resolve(jwt_settings.api_settings.TOKEN_VERIFY_SERIALIZER)


def contact_request(body: Any) -> Operation:
    return Operation("Ask for a code to a new one", {200: TokenSent}, (STALE, *UNSENT), body)


def contact_confirm(body: Any) -> Operation:
    fails = (INVALID, STALE, ours.ProviderUnavailable)
    return Operation("Sign in by a new one from now on", {200: ContactChanged}, fails, body)


SECOND_STEP = {206: [SecondFactorTicket, SecondFactorEnrolment]}
REMOVED = {204: None}

#: By view, or a base of it, and verb.
OPERATIONS: dict[type[Any], dict[str, Operation]] = {
    login.AbstractPasswordlessTokenRequestView: {
        "post": Operation("Ask for a code", {200: TokenSent}, (ours.CannotSend, *UNSENT), named),
    },
    login.AbstractExchangePasswordlessTokenForAuthTokenView: {
        "post": Operation(
            "Sign in by code or link", {200: TokenPair, **SECOND_STEP}, (INVALID, *GATE), named, ("device_token",)
        ),
    },
    vendors.External2FAWebhookView: {
        "post": Operation(
            "A vendor's event",
            {200: WebhookTaken},
            (
                ours.MalformedRequest,
                ours.PayloadTooLarge,
                ours.WebhookRejected,
                partial(drf.UnsupportedMediaType, "text/plain"),
                ours.WebhookFailed,
            ),
            OpenApiTypes.OBJECT,
        ),
    },
    two_factor.TwoFactorTokenObtainPairView: {
        "post": Operation(
            "Sign in by password",
            {200: TokenPair, **SECOND_STEP},
            (NO_ACCOUNT, *GATE),
            factors.PasswordSerializer,
            ("device_token",),
        ),
    },
    two_factor.TwoFactorTokenVerifyView: {
        "post": Operation(
            "Prove the second factor",
            {200: TokenPair},
            (INVALID, ours.InvalidTicket, NO_ACCOUNT, ours.SecondFactorBroken, ours.ProviderUnavailable),
            SecondFactorProof,
            ("trust_device",),
        ),
    },
    two_factor.TwoFactorResendView: {
        "post": Operation(
            "Send a new code",
            {204: None},
            (INVALID, ours.InvalidTicket, ours.SecondFactorBroken, ours.ProviderUnavailable),
            factors.TicketSerializer,
        ),
    },
    two_factor.TwoFactorStepUpView: {
        "post": Operation("Begin a step-up", {206: SecondFactorTicket}, (ours.SecondFactorNeeded, STALE, *GATE)),
    },
    two_factor.PhoneVerifyView: {
        "post": Operation(
            "Send a code to a new phone",
            {204: None},
            (STALE, ours.SecondFactorBroken, *UNSENT),
            factors.PhoneSerializer,
        ),
    },
    two_factor.PhoneRegisterView: {
        "post": Operation(
            "Make a phone the second factor",
            {204: None},
            (INVALID, STALE, ours.SecondFactorBroken, ours.ProviderUnavailable),
            factors.PhoneTokenSerializer,
        ),
    },
    two_factor.PhoneView: {
        "get": Operation("Look at the phone", {200: PhoneStatus}),
        "delete": Operation(
            "Remove the phone",
            REMOVED,
            (INVALID, ours.SecondFactorNeeded, STALE, drf.NotFound),
            factors.RemovalSerializer,
        ),
    },
    trusted_views.TrustedDevicesView: {
        "get": Operation("List trusted devices", {200: TrustedDevice(many=True)}),
        "delete": Operation("End the trust in all devices", REMOVED),
    },
    trusted_views.TrustedDeviceView: {"delete": Operation("End the trust in a device", REMOVED, (drf.NotFound,))},
    factor_views.FactorListView: {"get": Operation("List second factors", {200: FactorOverview})},
    factor_views.FactorBeginView: {
        "post": Operation(
            "Begin to add a second factor",
            {200: FactorBegun, 201: FactorEntry},
            (ours.FactorUnavailable, STALE, ours.SecondFactorBroken, drf.NotFound, *UNSENT),
            FactorBeginning,
        ),
    },
    factor_views.FactorConfirmView: {
        "post": Operation(
            "Add a second factor",
            {201: FactorEntry},
            (INVALID, STALE, ours.SecondFactorBroken, drf.NotFound, ours.ProviderUnavailable),
            FactorConfirmation,
        ),
    },
    factor_views.FactorView: {
        "patch": Operation("Rename a second factor", {200: FactorEntry}, (drf.NotFound,), FactorName),
        "delete": Operation(
            "Remove a second factor",
            REMOVED,
            (INVALID, ours.SecondFactorNeeded, STALE, drf.NotFound),
            factors.RemovalSerializer,
        ),
    },
    passkey.PasskeyRequestView: {"post": Operation("Ask for a passkey", {200: PasskeyRequest})},
    passkey.PasskeyLoginView: {
        "post": Operation(
            "Sign in by passkey",
            {200: TokenPair, **SECOND_STEP},
            (INVALID, ours.SecondFactorBroken, ours.ProviderUnavailable),
            passkey.PasskeyLoginSerializer,
        ),
    },
    sessions.GuardedTokenRefreshView: {
        "post": Operation("Refresh a token", {200: RefreshedToken}, (InvalidToken,), RefreshTokenSerializer),
    },
    sessions.GuardedTokenVerifyView: {
        "post": Operation("Verify a token", {200: dict}, (InvalidToken,), verifying),
    },
    sessions.TokenLogoutView: {"post": Operation("Sign out", {204: None}, (), RefreshTokenSerializer)},
    sessions.SessionsView: {
        "get": Operation("List sessions", {200: UserSession(many=True)}),
        "delete": Operation("End all sessions", REMOVED),
    },
    sessions.OtherSessionsView: {"delete": Operation("End all other sessions", REMOVED, (STALE,))},
    sessions.OneSessionView: {
        "patch": Operation("Rename a session", {200: UserSession}, (drf.NotFound,), SessionName),
        "delete": Operation("End a session", REMOVED, (drf.NotFound,)),
    },
    contact.EmailRequestView: {"post": contact_request(ContactEmail)},
    contact.MobileRequestView: {"post": contact_request(ContactMobile)},
    contact.EmailConfirmView: {"post": contact_confirm(ContactEmailConfirmation)},
    contact.MobileConfirmView: {"post": contact_confirm(ContactMobileConfirmation)},
}
