"""The two user models of the test suite; a third run uses Django's own."""

import uuid

from django.contrib.auth.models import AbstractBaseUser, AbstractUser, BaseUserManager
from django.db import models
from phonenumber_field.modelfields import PhoneNumberField


class User(AbstractUser):
    """Django's own model with a phone number: username needed, email not unique."""

    phone_number = PhoneNumberField(null=True, blank=True, unique=True)

    class Meta(AbstractUser.Meta):
        swappable = "AUTH_USER_MODEL"


class UuidUser(AbstractBaseUser):  # noqa: DJ008 - its base has __str__
    """No username, no staff flag, a UUID for a key, other names for the fields, a plain text column."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    contact_email = models.EmailField(unique=True, null=True, blank=True)
    mobile = models.CharField(max_length=20, unique=True, null=True, blank=True)
    is_active = models.BooleanField(default=True)
    is_admin = models.BooleanField(default=False)

    USERNAME_FIELD = "contact_email"
    EMAIL_FIELD = "contact_email"
    objects = BaseUserManager()

    class Meta:
        swappable = "AUTH_USER_MODEL"
