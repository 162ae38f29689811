"""Base of the factors that are kept in the table `Authenticator`."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.db import router, transaction
from django.utils import timezone

from jwt_drf_passwordless.exceptions import InvalidCredentials
from jwt_drf_passwordless.models import Authenticator
from jwt_drf_passwordless.models import PasswordlessChallengeToken as Challenge
from jwt_drf_passwordless.two_factor.base import SecondFactor


class StoredFactor(SecondFactor):
    """A subclass says how a proof is made and checked, and writes its rows by `create` and `use`."""

    def __init__(self) -> None:
        #: The rows of users, all kinds: what `registry.factors` makes for one request shares it.
        self.read: dict[Any, list[Authenticator]] = {}

    def rows(self, user: AbstractBaseUser) -> list[Authenticator]:
        """The user's, confirmed ones only, the oldest first; read once for all factors of a request."""
        return [row for row in self._all(user) if row.confirmed_at is not None]

    def pending(self, user: AbstractBaseUser) -> Authenticator | None:
        """The one whose enrolment was begun last."""
        return next((row for row in reversed(self._all(user)) if row.confirmed_at is None), None)

    def create(self, user: AbstractBaseUser, *, confirmed: bool = True, **values: Any) -> Authenticator:
        """A new row. Raises IntegrityError when its `lookup` is taken, or the user is gone."""
        now = timezone.now()
        self.read.pop(user.pk, None)
        return Authenticator.objects.create(
            user_id=user.pk, method=self.name, created_at=now, confirmed_at=now if confirmed else None, **values
        )

    def use(self, row: Authenticator, *, if_still: Mapping[str, Any], **values: Any) -> bool:
        """Write a use if the row is as `if_still` says in terms of `filter()`; of parallel calls one is told True."""
        values["last_used_at"] = timezone.now()
        if not Authenticator.objects.filter(pk=row.pk, **if_still).update(**values):
            return False
        for name, value in values.items():
            setattr(row, name, value)
        return True

    @contextmanager
    def replacing(self, user: AbstractBaseUser, challenge: Challenge) -> Iterator[None]:
        """A transaction in which no other enrolment of the user's is stored.

        Raises InvalidCredentials when one was begun after that of the challenge.
        """
        self.read.pop(user.pk, None)
        with transaction.atomic(using=router.db_for_write(Authenticator)):
            # This UPDATE makes the others wait: until the transaction ends, the row is locked.
            if not Challenge.objects.filter(pk=challenge.pk, nonce=challenge.nonce).update(uses=1):
                raise InvalidCredentials("raced")
            yield

    def may_enrol(self, user: AbstractBaseUser) -> bool:
        return True

    def is_enrolled(self, user: AbstractBaseUser) -> bool:
        return bool(self.rows(user))

    def enrolled_at(self, user: AbstractBaseUser) -> datetime | None:
        """Of the newest: by which of several a session has risen is seen too late."""
        return self.rows(user)[-1].confirmed_at

    def entry(self, row: Authenticator) -> dict[str, Any]:
        """What a user may know of a row."""
        return {
            "id": str(row.pk),
            "method": self.name,
            "name": row.name,
            "created_at": row.confirmed_at,
            "last_used_at": row.last_used_at,
        }

    def listed(self, user: AbstractBaseUser) -> list[dict[str, Any]]:
        return [self.entry(row) for row in self.rows(user)]

    def remove(self, user: AbstractBaseUser, pk: str) -> bool:
        found = self._found(user, pk)
        self.read.pop(user.pk, None)
        return found is not None and Authenticator.objects.filter(pk=found.pk).delete()[0] > 0

    def rename(self, user: AbstractBaseUser, pk: str, name: str) -> bool:
        found = self._found(user, pk)
        return found is not None and Authenticator.objects.filter(pk=found.pk).update(name=name) > 0

    def _found(self, user: AbstractBaseUser, pk: str) -> Authenticator | None:
        return next((row for row in self.rows(user) if str(row.pk) == pk), None)

    def _all(self, user: AbstractBaseUser) -> list[Authenticator]:
        if user.pk not in self.read:
            self.read[user.pk] = Authenticator.objects.of(user)
        return [row for row in self.read[user.pk] if row.method == self.name]
