"""Storing and removing a user's phone, with the fields of the user model that repeat it."""

import logging
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser
from django.core.exceptions import FieldDoesNotExist, ValidationError
from django.db import DatabaseError, IntegrityError, router, transaction
from django.utils import timezone

from jwt_drf_passwordless.models import PhoneDevice
from jwt_drf_passwordless.two_factor.conf import option

logger = logging.getLogger(__name__)


def store(user: AbstractBaseUser, known: PhoneDevice | None, number: str, provider: str, vendor_user_id: str) -> bool:
    """Make a number the user's second factor in place of the known device; False if that has changed meanwhile."""
    values = {"number": number, "provider": provider, "vendor_user_id": vendor_user_id, "confirmed_at": timezone.now()}
    try:
        with transaction.atomic(using=router.db_for_write(PhoneDevice)):
            if known is None:
                PhoneDevice.objects.create(user_id=user.pk, **values)
            elif not PhoneDevice.objects.filter(pk=known.pk, confirmed_at=known.confirmed_at).update(**values):
                return False
            _mirror(user, number, vendor_user_id)
    except IntegrityError:  # a parallel call was faster, or the user is gone
        return False
    return True


def remove(user: AbstractBaseUser, known: PhoneDevice) -> bool:
    """Remove the known device; False if it was replaced or removed meanwhile."""
    with transaction.atomic(using=router.db_for_write(PhoneDevice)):
        deleted, _ = PhoneDevice.objects.filter(pk=known.pk, confirmed_at=known.confirmed_at).delete()
        if deleted:
            _mirror(user, None, None)
    return bool(deleted)


def _mirror(user: AbstractBaseUser, number: str | None, vendor_user_id: str | None) -> None:
    """Repeat number and id in the user's fields. A field that refuses them stays as it is: the device decides.

    A number that is somebody else's in a unique column is such a case; the client is not told.
    """
    user_model = get_user_model()
    given = {"phone": number, "id": vendor_user_id}
    values: dict[str, Any] = {}
    for key, name in option("user_fields").items():
        try:
            field: Any = user_model._meta.get_field(name)
        except FieldDoesNotExist:
            continue
        values[name] = given[key] or (None if field.null else "")
    if not values:
        return
    alias = router.db_for_write(user_model)
    try:
        with transaction.atomic(using=alias):
            user_model._base_manager.using(alias).filter(pk=user.pk).update(**values)
    except (DatabaseError, TypeError, ValidationError, ValueError) as error:
        logger.warning("%s of the user %s stay as they are: %s", ", ".join(values), user.pk, type(error).__name__)
