from django.contrib.auth.models import AbstractUser
from django.db import models
from django.db.models.functions import Lower


class User(AbstractUser):
    """Django's own model with an email address that an index finds, as the README advises."""

    email = models.EmailField(unique=True)

    class Meta(AbstractUser.Meta):
        constraints = [models.UniqueConstraint(Lower("email"), name="benchmarks_user_lower_email")]
