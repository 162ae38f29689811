"""`manage.py clear_passwordless_tokens`: run it daily; nothing is purged while a request waits."""

from typing import Any

from django.core.management.base import BaseCommand
from django.db.models import QuerySet
from django.utils import timezone

from jwt_drf_passwordless.challenges import QUIET
from jwt_drf_passwordless.models import Authenticator, PasswordlessChallengeToken, Session

BATCH = 1000


class Command(BaseCommand):
    help = (
        "Delete challenges that have been expired, and out of cooldown, for 24 hours, authenticators that have waited "
        "as long to be confirmed, and sessions that have ended."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        now = timezone.now()
        before = now - QUIET
        challenges = PasswordlessChallengeToken.objects.filter(expires_at__lt=before, next_send_at__lt=before)
        sessions = Session.objects.filter(refresh_until__lt=now)
        authenticators = Authenticator.objects.filter(confirmed_at=None, created_at__lt=before)
        self.stdout.write(
            f"Deleted {_delete(challenges, 'expires_at')} challenges, {_delete(sessions, 'refresh_until')} sessions, "
            f"{_delete(authenticators, 'pk')} authenticators."
        )


def _delete(stale: QuerySet[Any], column: str) -> int:
    """Delete in batches, found in the order of a column with an index; how many there were."""
    deleted = 0
    while batch := list(stale.order_by(column).values_list("pk", flat=True)[:BATCH]):
        # Asked again in the DELETE: a row renewed since then is a live one.
        deleted += stale.filter(pk__in=batch).delete()[0]
    return deleted
