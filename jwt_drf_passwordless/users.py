"""Finding, judging and making users: the only module that touches the user model."""

import logging
import secrets
from collections.abc import Iterable
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser
from django.core.exceptions import FieldDoesNotExist, MultipleObjectsReturned
from django.db import models, router
from rest_framework.request import Request
from rest_framework_simplejwt import settings as jwt_settings

from jwt_drf_passwordless import statements
from jwt_drf_passwordless.conf import SESSION_END, resolve, settings
from jwt_drf_passwordless.events import record
from jwt_drf_passwordless.methods import METHODS, LoginMethod
from jwt_drf_passwordless.signals import user_activated
from jwt_drf_passwordless.utils import mask

logger = logging.getLogger(__name__)

#: Flags that mark an administrator, on whichever user model has them.
ADMIN_FLAGS = ("is_staff", "is_superuser", "is_admin")


def find_user(method: LoginMethod, identifier: str) -> AbstractBaseUser | None:
    """The one user with this canonical identifier, or None.

    Databases compare by their own rules, so what they find is compared again here. Raises
    MultipleObjectsReturned when there are two: nobody can tell whom a code would let in.
    """
    found = [user for user in _candidates(method, identifier) if holds(user, method, identifier)]
    if len(found) > 1:
        logger.warning("Several users share the %s %s: none can sign in by it", method.field, mask(identifier))
        raise MultipleObjectsReturned
    return found[0] if found else None


def user_field(name: str) -> "models.Field[Any, Any] | None":
    """The field of the user model, or None."""
    try:
        field = get_user_model()._meta.get_field(name)
    except FieldDoesNotExist:
        return None
    return field if isinstance(field, models.Field) else None


def is_admin(user: AbstractBaseUser) -> bool:
    return any(getattr(user, flag, False) for flag in ADMIN_FLAGS)


def _candidates(method: LoginMethod, identifier: str) -> Iterable[AbstractBaseUser]:
    """At most two users whom the database takes for the identifier's."""
    user_model = get_user_model()
    manager, alias = user_model._default_manager, router.db_for_write(user_model)
    if not statements.selects_all(manager):
        # The project's own: what it selects may differ from call to call, by the tenant for example.
        return method.matching(manager.using(alias), identifier)[:2]
    return statements.fetch(
        alias,
        user_model,
        lambda hole: method.matching(manager.using(alias), hole[method.field])[:2],
        {method.field: identifier},
        method,
        settings.EMAIL_LOOKUP,
    )


def holds(user: AbstractBaseUser, method: LoginMethod, identifier: str) -> bool:
    """Whether the user's field has this canonical identifier now."""
    value = getattr(user, method.field)
    return (isinstance(value, str) and value == identifier) or method.canonicalize(value) == identifier


def is_known(user: AbstractBaseUser) -> bool:
    """Whether the user model's default manager selects the user: a project may hide those who are deleted.

    No statement where that manager is Django's own.
    """
    return statements.selects_all(get_user_model()._default_manager) or _stored(user).exists()


def reload(user: AbstractBaseUser) -> AbstractBaseUser | None:
    """The user as stored now; None when deleted or hidden."""
    return _stored(user).first()


def _stored(user: AbstractBaseUser) -> "models.QuerySet[Any]":
    user_model = get_user_model()
    return user_model._default_manager.using(router.db_for_write(user_model)).filter(pk=user.pk)


def may_log_in(user: AbstractBaseUser) -> bool:
    """The rules on whom a code may let in: administrators, inactive users, SimpleJWT's own rule."""
    if not settings.ALLOW_ADMIN_AUTHENTICATION and is_admin(user):
        return False
    if not user.is_active:
        return settings.ACTIVATE_INACTIVE_USERS
    return bool(jwt_settings.api_settings.USER_AUTHENTICATION_RULE(user))


def admit(user: AbstractBaseUser, method: LoginMethod, identifier: str, request: Request | None) -> bool:
    """Whether a user who has proven the identifier gets tokens; activates where the settings say so."""
    if not is_known(user):
        return False
    if user.is_active:
        return may_log_in(user)
    if not settings.ACTIVATE_INACTIVE_USERS:
        return False
    user.is_active = True
    if not may_log_in(user):
        return False
    inactive = get_user_model()._base_manager.using(user._state.db).filter(pk=user.pk, is_active=False)
    if not inactive.update(is_active=True):
        return False
    if settings.SESSIONS is not None:  # those from before it was deactivated
        resolve(SESSION_END)(user, reason=user_activated.name, request=request)
    record(user_activated, field=method.field, identifier=identifier, user=user, request=request)
    return user.is_active  # a receiver may have taken it back


def change_identifier(user: AbstractBaseUser, method: LoginMethod, identifier: str) -> bool:
    """Give a user another canonical identifier; False if the field is not as it was read any more.

    `save()` and its signals are left out. Raises what a constraint or column of the user model raises.
    """
    user_model = get_user_model()
    as_read = {method.field: getattr(user, method.field)}
    same = user_model._base_manager.using(router.db_for_write(user_model)).filter(pk=user.pk, **as_read)
    if not same.update(**{method.field: identifier}):
        return False
    setattr(user, method.field, identifier)
    return True


def needs_random_username() -> bool:
    """Whether users have a name that is neither their email address nor their phone number."""
    return get_user_model().USERNAME_FIELD not in {method.field for method in METHODS}


def register(method: LoginMethod, identifier: str) -> AbstractBaseUser:
    """Make the account of a canonical identifier, with a random username where the model has one.

    The account is saved directly, since managers disagree about the arguments of `create_user`; a
    project with a manager of its own overrides `create` of the request serializer. Raises
    IntegrityError when a constraint of the model refuses.
    """
    user_model = get_user_model()
    user = user_model(**{method.field: identifier})
    if needs_random_username():
        length = getattr(user_model._meta.get_field(user_model.USERNAME_FIELD), "max_length", None)
        setattr(user, user_model.USERNAME_FIELD, secrets.token_hex(16)[:length])
    if settings.REGISTRATION_SETS_UNUSABLE_PASSWORD:
        user.set_unusable_password()
    else:
        user.set_password(secrets.token_urlsafe(32))
    user.save(using=router.db_for_write(user_model))
    return user
