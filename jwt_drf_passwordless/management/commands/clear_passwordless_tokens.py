"""`manage.py clear_passwordless_tokens`: run it daily; nothing is purged while a request waits."""

from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from jwt_drf_passwordless.challenges import QUIET
from jwt_drf_passwordless.models import PasswordlessChallengeToken

BATCH = 1000


class Command(BaseCommand):
    help = "Delete challenges that have been expired, and out of cooldown, for 24 hours."

    def handle(self, *args: Any, **options: Any) -> None:
        before = timezone.now() - QUIET
        stale = PasswordlessChallengeToken.objects.filter(expires_at__lt=before, next_send_at__lt=before)
        deleted = 0
        while batch := list(stale.order_by("expires_at").values_list("pk", flat=True)[:BATCH]):
            # Asked again in the DELETE: a row renewed since then is a live one.
            deleted += stale.filter(pk__in=batch).delete()[0]
        self.stdout.write(f"Deleted {deleted} challenges.")
