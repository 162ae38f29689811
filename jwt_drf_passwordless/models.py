"""The tables: open challenges, second factors, sessions. Storage and the UPDATEs that decide, no rules.

Everything runs in autocommit on the database that `router.db_for_write` names. A count made inside
a caller's own `atomic()` block follows that block.
"""

import uuid
from collections.abc import Callable
from contextlib import nullcontext
from datetime import datetime
from typing import Any, Optional, TypeVar

from django.conf import settings as django_settings
from django.contrib.auth.base_user import AbstractBaseUser
from django.db import IntegrityError, OperationalError, models, router, transaction
from django.utils.translation import gettext_lazy as _

from jwt_drf_passwordless import statements
from jwt_drf_passwordless.utils import mask

Row = TypeVar("Row", bound=models.Model)

#: Columns that a challenge's key stands for: whatever is written over a row has the same.
OF_KEY = ("key", "purpose", "token_request_identifier")


class DecidingManager(models.Manager[Row]):
    """Reads where it writes: a replica that lags behind must not decide."""

    @property
    def _write_alias(self) -> str:
        return self._db or router.db_for_write(self.model)

    def get_queryset(self) -> models.QuerySet[Row]:
        return super().get_queryset().using(self._write_alias)

    def _fetch(
        self,
        build: Callable[[dict[str, Any]], "models.QuerySet[Row]"],
        where: dict[str, Any],
        joined: str | None = None,
    ) -> list[Row]:
        """What `build(where)` selects, with the objects that `joined` leads to; by a kept statement."""
        if type(self).get_queryset is DecidingManager.get_queryset:
            return statements.fetch(self._write_alias, self.model, build, where, joined=joined)
        # Of a user, such as `user.jwt_drf_passwordless_sessions`: what it selects is for that user's reads only.
        queryset = build(where)
        return list(queryset.select_related(joined) if joined else queryset)

    def _first(self, where: dict[str, Any], joined: str | None = None) -> Row | None:
        return next(iter(self._fetch(lambda holes: self.filter(**holes)[:1], where, joined)), None)


class ChallengeManager(DecidingManager["PasswordlessChallengeToken"]):
    def find(self, *, with_user: bool = False, **lookup: object) -> Optional["PasswordlessChallengeToken"]:
        """The row that a unique column names, or None; `with_user` loads its user by the same statement."""
        return self._first(lookup, "user" if with_user else None)

    def replace(
        self, row: Optional["PasswordlessChallengeToken"], *, if_unchanged: tuple[str, ...], **values: Any
    ) -> Optional["PasswordlessChallengeToken"]:
        """Write a new challenge over `row`, or as the first one of its key.

        Returns the row as written, or None when another request was faster: of parallel calls that read
        the same in the columns `if_unchanged`, one wins. Without them the last one does, if there was a row.
        Outside a transaction raises OperationalError where the database cannot write: nobody may take that for a wait.
        """
        alias = self._write_alias
        as_read = {name: getattr(row, name) for name in if_unchanged} if row else {}
        saved = {name: value for name, value in values.items() if name not in OF_KEY}
        # In autocommit a statement that fails undoes itself; in the caller's transaction it needs a savepoint.
        in_transaction = not transaction.get_autocommit(alias)
        try:
            with transaction.atomic(using=alias) if in_transaction else nullcontext():
                if row is None:
                    row = self.model(**values)
                    statements.insert(alias, row)
                elif not statements.update(alias, self.model, {"pk": row.pk, **as_read}, saved):
                    return None
        except IntegrityError:  # somebody else's insert, a user deleted meanwhile
            return None
        except OperationalError:
            if in_transaction:
                return None
            raise
        for name, value in saved.items():
            setattr(row, name, value)
        return row

    def spend(
        self,
        row: Optional["PasswordlessChallengeToken"],
        *,
        matched: bool,
        now: datetime,
        max_uses: int,
        ends_wait: bool = True,
        **as_read: object,
    ) -> bool:
        """Count a use if the proof matched, else a wrong try; True when the row was still open for it.

        With `ends_wait` a use makes the next wait the first one again.

        This one UPDATE decides: of parallel uses at most `max_uses` are told True. With no row the
        same statement runs and changes nothing, so that an unknown address costs the same.
        """
        is_open = {"pk": row.pk if row else 0, "expires_at__gt": now, "uses__lt": max_uses, **as_read}
        reset = {"sends": 0} if matched and ends_wait else {}
        counted = "uses" if matched else "tries"
        return statements.update(self._write_alias, self.model, is_open, reset, counted=counted) == 1


class PasswordlessChallengeToken(models.Model):
    """What waits for a proof: one row per purpose, field and identifier; a new code overwrites the old.

    The clear codes are no columns. They live on the object that
    `PasswordlessTokenService.create_token` returns and in the message, nowhere else.
    """

    #: SHA-256 as hex of purpose, field and identifier, or of who it is for. Unique.
    key = models.CharField(max_length=64)
    #: "login", "second_factor", "change_contact", ...: a code made for one fits no other.
    purpose = models.CharField(max_length=32)
    #: Name of the user field, and the canonical address or number in it.
    token_request_identifier = models.CharField(_("field"), max_length=255)
    identifier = models.CharField(max_length=255)
    #: None while nobody has the identifier.
    user = models.ForeignKey(
        django_settings.AUTH_USER_MODEL,
        null=True,
        on_delete=models.CASCADE,
        related_name="jwt_drf_passwordless_tokens",
    )
    #: Keyed digests as hex of the code and of the link's token, which is unique; none where a vendor makes the code.
    short_digest = models.CharField(max_length=64, blank=True)
    long_digest = models.CharField(max_length=64, null=True)  # noqa: DJ001 - NULLs are never equal
    expires_at = models.DateTimeField(db_index=True)
    #: Messages since the last success or day of quiet, and when the next may follow.
    sends = models.PositiveIntegerField(default=0)
    next_send_at = models.DateTimeField()
    #: Successes, and wrong tries.
    uses = models.PositiveIntegerField(default=0)
    tries = models.PositiveIntegerField(default=0)
    #: New with each challenge, and what handles and tickets name.
    nonce = models.CharField(max_length=64, blank=True)
    #: Alias of the vendor that makes and checks the code, its id for that, and the channel; empty for codes of ours.
    provider = models.CharField(max_length=64, blank=True)
    verification_id = models.CharField(max_length=255, blank=True)
    channel = models.CharField(max_length=16, blank=True)

    objects = ChallengeManager()

    #: The code in clear, on a new challenge only.
    short_token = ""
    #: The link's token in clear, on a new challenge only.
    token = ""
    #: Provider and verification id of the open challenge that a new one has replaced, on that only.
    replaced: tuple[str, str] = ("", "")

    class Meta:
        verbose_name = _("passwordless challenge")
        verbose_name_plural = _("passwordless challenges")
        # `unique=True` would give PostgreSQL a second index for each, for LIKE, which no query uses.
        constraints = [
            models.UniqueConstraint(fields=["key"], name="jwt_drf_passwordless_key"),
            models.UniqueConstraint(fields=["long_digest"], name="jwt_drf_passwordless_link"),
        ]
        indexes = [models.Index(fields=["verification_id"], name="jwt_drf_passwordless_vid")]

    def __str__(self) -> str:
        return f"{self.purpose} {self.token_request_identifier} {mask(self.identifier)}"


class PhoneDeviceManager(DecidingManager["PhoneDevice"]):
    def of(self, user: AbstractBaseUser) -> Optional["PhoneDevice"]:
        """The user's phone, or None."""
        return self._first({"user_id": user.pk})


class PhoneDevice(models.Model):
    """The phone that is a user's second factor. Rows exist for confirmed numbers only.

    Whether the number is somebody else's too makes no difference: nothing is looked up by it.
    """

    user = models.OneToOneField(
        django_settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="jwt_drf_passwordless_phone"
    )
    #: E.164.
    number = models.CharField(_("phone number"), max_length=32)
    #: Alias of the provider that has confirmed it, and that provider's id of the user, where it has one.
    provider = models.CharField(max_length=64)
    vendor_user_id = models.CharField(max_length=64, blank=True)
    confirmed_at = models.DateTimeField(null=True)

    objects = PhoneDeviceManager()

    class Meta:
        verbose_name = _("phone as second factor")
        verbose_name_plural = _("phones as second factor")

    def __str__(self) -> str:
        return mask(self.number)


class AuthenticatorManager(DecidingManager["Authenticator"]):
    def of(self, user: AbstractBaseUser) -> list["Authenticator"]:
        """All of the user's, pending ones too, the oldest first."""
        return self._fetch(lambda holes: self.filter(**holes).order_by("pk"), {"user_id": user.pk})


class Authenticator(models.Model):
    """What a user proves a second factor with, whatever its kind, and devices that are trusted instead of one.

    A row is pending until `confirmed_at` is set. Phones have a table of their own.
    """

    user = models.ForeignKey(
        django_settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        related_name="jwt_drf_passwordless_authenticators",
    )
    #: Name of the `SecondFactor` whose it is.
    method = models.CharField(max_length=32)
    #: Digest by which one is found, where its proof names it; unique, two accounts never share one.
    lookup = models.CharField(max_length=64, null=True)  # noqa: DJ001 - NULLs are never equal
    #: What the user calls it.
    name = models.CharField(_("name"), max_length=255, blank=True)
    #: Sealed; see `jwt_drf_passwordless.sealing`.
    secret = models.TextField(blank=True)
    #: What is no secret, such as a public key.
    data = models.JSONField(default=dict)
    #: Rises with each use, where a proof says which one it is: a time step, or a signature counter.
    counter = models.BigIntegerField(default=0)
    created_at = models.DateTimeField()
    confirmed_at = models.DateTimeField(null=True)
    last_used_at = models.DateTimeField(null=True)

    objects = AuthenticatorManager()

    class Meta:
        verbose_name = _("authenticator")
        verbose_name_plural = _("authenticators")
        constraints = [models.UniqueConstraint(fields=["lookup"], name="jwt_drf_passwordless_lookup")]

    def __str__(self) -> str:
        return f"{self.method} {self.pk}"


class SessionManager(DecidingManager["Session"]):
    def of(self, user: AbstractBaseUser, now: datetime) -> models.QuerySet["Session"]:
        """Those of a user that have not ended, the last used first."""
        return self.filter(user_id=user.pk, refresh_until__gt=now).order_by("-last_used_at", "pk")

    def find(self, pk: uuid.UUID) -> Optional["Session"]:
        """The session with its user, by one statement, or None."""
        return self._first({"pk": pk}, "user")

    def rotate(self, session: "Session", successor: str, now: datetime, **values: Any) -> bool:
        """Let the refresh token `successor` follow the current one; True for one of all that try at once."""
        values = {"jti": successor, "previous_jti": session.jti, "rotated_at": now, "last_used_at": now, **values}
        is_current = {"pk": session.pk, "jti": session.jti}
        if not statements.update(self._write_alias, self.model, is_current, values):
            return False
        for name, value in values.items():
            setattr(session, name, value)
        return True


class Session(models.Model):
    """A login that goes on: the family of refresh tokens that follow each other. Ending it deletes the row."""

    #: The claim `sid` of its tokens.
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(
        django_settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="jwt_drf_passwordless_sessions"
    )
    #: `jti` of the refresh token that may be used next, of the one before, and since when that is so.
    jti = models.CharField(max_length=64)
    previous_jti = models.CharField(max_length=64, blank=True)
    rotated_at = models.DateTimeField()
    #: What the user calls it, or what the client has said of itself.
    name = models.CharField(_("name"), max_length=255, blank=True)
    #: Of the last use, shortened as in the log.
    network = models.CharField(_("network"), max_length=64, blank=True)
    #: RFC 8176 names with spaces between.
    amr = models.CharField(max_length=255, blank=True)
    created_at = models.DateTimeField()
    last_used_at = models.DateTimeField()
    #: The end that no use moves.
    expires_at = models.DateTimeField()
    #: Until when the next refresh token may be used; not past `expires_at`.
    refresh_until = models.DateTimeField(db_index=True)

    objects = SessionManager()

    class Meta:
        verbose_name = _("session")
        verbose_name_plural = _("sessions")

    def __str__(self) -> str:
        return str(self.pk)
