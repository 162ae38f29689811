from django.contrib.auth.hashers import check_password
from django.contrib.auth.models import AbstractUser
from django.db import models
from django.db.models.functions import Lower, Upper


class User(AbstractUser):
    """The same for every peer: an email address that an index finds, exactly, by LOWER or by UPPER, and a phone number.

    Passwords are hashed by MD5, so that a login by password shows what is around the hashing; `check_password` leaves
    them so. The project's hasher stays Django's own, for a peer that hashes codes with it.
    """

    email = models.EmailField(unique=True)
    phone_number = models.CharField(max_length=32, unique=True)

    class Meta(AbstractUser.Meta):
        constraints = [models.UniqueConstraint(Lower("email"), name="peers_user_lower_email")]
        indexes = [models.Index(Upper("email"), name="peers_user_upper_email")]

    def check_password(self, raw_password: str) -> bool:
        return check_password(raw_password, self.password)
