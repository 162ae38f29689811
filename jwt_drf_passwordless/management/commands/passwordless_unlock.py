"""`manage.py passwordless_unlock ada@example.com`: end the waiting time of somebody who asks support for help."""

from typing import Any

from django.core.exceptions import MultipleObjectsReturned
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db.models import Q

from jwt_drf_passwordless import users
from jwt_drf_passwordless.methods import METHODS
from jwt_drf_passwordless.models import PasswordlessChallengeToken
from jwt_drf_passwordless.services import LOGIN
from jwt_drf_passwordless.utils import challenge_key


class Command(BaseCommand):
    help = (
        "Forget the open challenges of an email address or phone number, and of its user, with their waits and tries."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("identifier", help="the whole email address or phone number")

    def handle(self, *args: Any, identifier: str, **options: Any) -> None:
        wanted = Q(pk__in=[])
        for method in METHODS:
            canonical = method.canonicalize(identifier)
            if canonical is None:
                continue
            wanted |= Q(key=challenge_key(LOGIN, method.field, canonical))
            # Waits that all accounts have in common which add this identifier.
            wanted |= Q(identifier=canonical, user=None)
            try:
                user = users.find_user(method, canonical) if users.user_field(method.field) else None
            except MultipleObjectsReturned:
                user = None
            if user:
                wanted |= Q(user_id=user.pk)
        if not wanted.children[1:]:
            raise CommandError("This is no email address and no phone number.")
        deleted, _ = PasswordlessChallengeToken.objects.filter(wanted).delete()
        self.stdout.write(f"Challenges deleted: {deleted}. A new code can be asked for at once.")
