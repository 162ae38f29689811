"""A user model for passwordless login: an email address, a phone number or both, and no username."""

from typing import Any

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.db import models
from django.db.models.functions import Lower
from django.utils import timezone
from phonenumber_field.modelfields import PhoneNumberField


class UserManager(BaseUserManager["User"]):
    def create_user(
        self, email: str | None = None, phone_number: str | None = None, password: str | None = None, **fields: Any
    ) -> "User":
        """Make a user; without a password, which is what only administrators need, there is none to guess."""
        user = self.model(email=self.normalize_email(email) or None, phone_number=phone_number or None, **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        return self.create_user(email, password=password, **{"is_staff": True, "is_superuser": True, **fields})


class User(AbstractBaseUser, PermissionsMixin):
    # Missing addresses are NULL, never "": any number of NULLs fits into a unique column.
    email = models.EmailField(null=True, blank=True, unique=True)  # noqa: DJ001
    phone_number = PhoneNumberField(null=True, blank=True, unique=True)
    name = models.CharField(max_length=150, blank=True)
    is_active = models.BooleanField(default=True)
    is_staff = models.BooleanField(default=False)
    date_joined = models.DateTimeField(default=timezone.now, editable=False)

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"

    objects = UserManager()

    class Meta:
        constraints = [
            # One account for Ada@example.com and ada@example.com; its index also finds users at login.
            models.UniqueConstraint(
                Lower("email"),
                name="user_email_lower_unique",
                violation_error_message="There is a user with this email address already.",
            )
        ]

    def __str__(self) -> str:
        return self.email or str(self.phone_number or self.pk)
