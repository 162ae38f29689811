"""`manage.py passwordless_reseal`: run it after a change of keys, before the old one is taken away."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from jwt_drf_passwordless.conf import RESEAL, resolve


class Command(BaseCommand):
    help = "Seal the secrets of second factors under the first of the keys."

    def handle(self, *args: Any, **options: Any) -> None:
        result = resolve(RESEAL)()
        self.stdout.write(f"Sealed anew: {result.changed}.")
        if result.bound:
            self.stdout.write(f"Recovery codes that end with an older key: {result.bound}.")
        if result.unreadable:
            raise CommandError(f"Sealed under no key in use: {result.unreadable}.")
