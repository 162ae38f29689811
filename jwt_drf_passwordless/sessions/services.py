"""Sessions: start one, go on with it, end it. No HTTP here."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID, uuid4

from django.contrib.auth.models import AbstractBaseUser
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables
from rest_framework.request import Request
from rest_framework_simplejwt import settings as jwt_settings
from rest_framework_simplejwt.exceptions import AuthenticationFailed, InvalidToken
from rest_framework_simplejwt.serializers import TokenRefreshSerializer
from rest_framework_simplejwt.tokens import RefreshToken, Token
from rest_framework_simplejwt.utils import get_md5_hash_password

from jwt_drf_passwordless import users
from jwt_drf_passwordless.claims import session_of
from jwt_drf_passwordless.clients import network, user_agent
from jwt_drf_passwordless.events import record
from jwt_drf_passwordless.exceptions import InvalidCredentials
from jwt_drf_passwordless.models import Session
from jwt_drf_passwordless.sessions.conf import is_on, option
from jwt_drf_passwordless.sessions.signals import session_replayed, sessions_ended
from jwt_drf_passwordless.token_response import proof_of

AnyRefreshToken = TypeVar("AnyRefreshToken", bound=RefreshToken)


def start(user: AbstractBaseUser, refresh: RefreshToken, request: Request | None) -> None:
    """Begin the session of a refresh token, which gets its id as the claim `sid`, and ends with it at the latest.

    Raises InvalidCredentials when the user was deleted meanwhile.
    """
    now = timezone.now()
    expires_at = now + timedelta(seconds=option("lifetime"))
    refresh_until = min(datetime.fromtimestamp(refresh["exp"], now.tzinfo), expires_at)
    try:
        session = Session.objects.create(
            user_id=user.pk,
            jti=_jti(refresh),
            rotated_at=now,
            name=user_agent(request),  # until the user gives it another name
            network=network(request) or "",
            amr=" ".join(proof_of(user).amr),
            created_at=now,
            last_used_at=now,
            expires_at=expires_at,
            refresh_until=refresh_until,
        )
    except IntegrityError:
        raise InvalidCredentials("user_refused") from None
    refresh["sid"] = str(session.pk)
    refresh["exp"] = int(refresh_until.timestamp())


@sensitive_variables()
def read(token_class: type[AnyRefreshToken], text: str) -> AnyRefreshToken:
    """The refresh token of a text, be it on the blacklist or not. Raises TokenError.

    A session has its own way to tell a used token, and has to hear of it: so the blacklist is asked later.
    """
    unlisted: type[AnyRefreshToken] = type(token_class.__name__, (token_class,), {"check_blacklist": lambda self: None})
    return unlisted(text)  # type: ignore[arg-type]


def rotate(token: AnyRefreshToken, request: Request | None) -> AnyRefreshToken:
    """Use a refresh token up: it becomes its successor, the same one for all that present it within `grace`.

    One UPDATE decides who rotates. A token that was used before ends its session (RFC 9700 section 4.14.2).
    Raises InvalidToken, AuthenticationFailed, TokenError.
    """
    session = find(token.payload)
    if session is None:
        raise InvalidToken
    if session.jti == _jti(token):
        _check_user(session, token, request)
        _check_blacklist(token)
        if _is_rotated(session, token, request):
            return _succeed(token, session)
        raced = Session.objects.find(session.pk)
        if raced is None:
            raise InvalidToken
        session = raced
    if not _is_repeated(session, token):
        if Session.objects.filter(pk=session.pk).delete()[0]:
            record(session_replayed, field="", user=session.user, request=request, session=str(session.pk))
        raise InvalidToken
    _check_user(session, token, request)
    return _succeed(token, session)


def find(claims: Mapping[str, Any]) -> Session | None:
    """The session of a token, with its user; None when it has ended, or the token names none or another's."""
    pk = _session_id(session_of(claims))
    session = None if pk is None else Session.objects.find(pk)
    if session is None or session.refresh_until <= timezone.now() or not users.is_known(session.user):
        return None
    user_id = getattr(session.user, jwt_settings.api_settings.USER_ID_FIELD)
    return session if str(user_id) == str(claims.get(jwt_settings.api_settings.USER_ID_CLAIM)) else None


def has_ended(claims: Mapping[str, Any]) -> bool:
    """Whether the token is of a session, and that has ended."""
    return session_of(claims) is not None and find(claims) is None


def goes_on(user: AbstractBaseUser, sid: str) -> bool:
    """Whether the session of an id is the user's and has not ended. Without `SESSIONS` none ends."""
    api_settings = jwt_settings.api_settings
    claims = {"sid": sid, api_settings.USER_ID_CLAIM: getattr(user, api_settings.USER_ID_FIELD)}
    return not (is_on() and has_ended(claims))


def check_password_unchanged(user: AbstractBaseUser, claims: Mapping[str, Any]) -> None:
    """Raise AuthenticationFailed, where SimpleJWT's `CHECK_REVOKE_TOKEN` wants that."""
    api_settings = jwt_settings.api_settings
    if not api_settings.CHECK_REVOKE_TOKEN:
        return
    if claims.get(api_settings.REVOKE_TOKEN_CLAIM) != get_md5_hash_password(user.password):
        raise AuthenticationFailed(code="password_changed")


def rename(user: AbstractBaseUser, pk: UUID, name: str) -> Session | None:
    """Give a session of a user a name: the session, or None when there is none of this id."""
    session = Session.objects.of(user, timezone.now()).filter(pk=pk).first()
    if session is not None:
        session.name = name
        Session.objects.filter(pk=pk).update(name=name)
    return session


def end_session(user: AbstractBaseUser, pk: UUID | str, *, reason: str, request: Request | None = None) -> bool:
    """End one session of a user; False when there is none of this id."""
    known = _session_id(str(pk))
    if known is None or not is_on():
        return False
    return bool(_end(user, Session.objects.filter(user_id=user.pk, pk=known), reason, request))


def end_sessions(
    user: AbstractBaseUser, *, reason: str, keep: Mapping[str, Any] | None = None, request: Request | None = None
) -> int:
    """End the sessions of a user, but for that of the claims `keep`: how many. Nothing without `SESSIONS`."""
    if not is_on():
        return 0
    rows = Session.objects.filter(user_id=user.pk)
    kept = _session_id(session_of(keep or {}))
    return _end(user, rows.exclude(pk=kept) if kept else rows, reason, request)


def log_out(token: RefreshToken, request: Request | None) -> None:
    """End the session of a refresh token, whichever of its tokens that is; and put the token on the blacklist."""
    session = find(token.payload) if is_on() else None
    if session is not None:
        _end(session.user, Session.objects.filter(pk=session.pk), "logout", request)
    _blacklist(token)


def _end(user: AbstractBaseUser, rows: QuerySet[Session], reason: str, request: Request | None) -> int:
    with transaction.atomic(using=rows.db):
        # Locked in one order: two that end the same sessions must not wait for each other.
        locked = list(rows.select_for_update().order_by("pk").values_list("pk", flat=True))
        count = rows.filter(pk__in=locked).delete()[0] if locked else 0
    if count:
        record(sessions_ended, field="", user=user, request=request, reason=reason, count=count)
    return count


def _jti(token: Token) -> str:
    return str(token[jwt_settings.api_settings.JTI_CLAIM])


def _session_id(sid: str | None) -> UUID | None:
    try:
        return UUID(sid or "")
    except ValueError:
        return None


def _check_user(session: Session, token: Token, request: Request | None) -> None:
    """The rules of SimpleJWT, on fresh data. Whom they refuse signs in anew later (OWASP ASVS 7.4.2).

    Raises AuthenticationFailed.
    """
    try:
        if not jwt_settings.api_settings.USER_AUTHENTICATION_RULE(session.user):
            sentence = TokenRefreshSerializer.default_error_messages["no_active_account"]
            raise AuthenticationFailed(str(sentence), code="no_active_account")
        check_password_unchanged(session.user, token.payload)
    except AuthenticationFailed:
        _end(session.user, Session.objects.filter(pk=session.pk), "user_refused", request)
        raise


def _check_blacklist(token: RefreshToken) -> None:
    """Raise TokenError, if the class that `read` was given knows of a blacklist and the token is on it."""
    check = getattr(type(token).__base__, "check_blacklist", None)
    if check is not None:
        check(token)


def _blacklist(token: RefreshToken) -> None:
    if hasattr(token, "blacklist"):
        token.blacklist()


def _is_rotated(session: Session, token: RefreshToken, request: Request | None) -> bool:
    """Whether this request is the one of all that present the token which rotates it."""
    now = timezone.now()
    refresh_until = min(now + (token.lifetime or timedelta()), session.expires_at)
    values = {"refresh_until": refresh_until, "network": network(request) or ""}
    if not Session.objects.rotate(session, uuid4().hex, now, **values):
        return False
    if jwt_settings.api_settings.BLACKLIST_AFTER_ROTATION:
        _blacklist(token)
    return True


def _is_repeated(session: Session, token: RefreshToken) -> bool:
    """Whether the token is the one that was used last, a moment ago: its answer was lost, or asked for twice at once.

    Of two servers one may be behind the other; a clock that was set back further than `grace` opens nothing.
    """
    age = (timezone.now() - session.rotated_at).total_seconds()
    return session.previous_jti == _jti(token) and abs(age) < option("grace")


def _succeed(token: AnyRefreshToken, session: Session) -> AnyRefreshToken:
    """The token as its successor: all that is new in it is in the session, so that it is the same each time."""
    token[jwt_settings.api_settings.JTI_CLAIM] = session.jti
    token["iat"] = int(session.rotated_at.timestamp())
    token["exp"] = int(session.refresh_until.timestamp())
    token.outstand()
    return token
