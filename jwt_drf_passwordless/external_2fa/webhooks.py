"""What a vendor tells by webhook: verified, remembered, told on by signals, and answered by escalation."""

import ipaddress
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from django.core.cache import cache
from django.utils import timezone

from jwt_drf_passwordless import delivery, limits
from jwt_drf_passwordless.challenges import try_limit
from jwt_drf_passwordless.clients import client_address
from jwt_drf_passwordless.conf import settings
from jwt_drf_passwordless.counters import cache_key, safely
from jwt_drf_passwordless.events import record
from jwt_drf_passwordless.exceptions import MalformedRequest, WebhookFailed, WebhookRejected
from jwt_drf_passwordless.external_2fa import signals
from jwt_drf_passwordless.external_2fa.base import (
    InvalidSignature,
    MalformedWebhook,
    WebhookEvent,
    WebhookEventType,
)
from jwt_drf_passwordless.external_2fa.registry import Entry
from jwt_drf_passwordless.external_2fa.services import Challenge, VerificationMessage
from jwt_drf_passwordless.messages import language_of
from jwt_drf_passwordless.utils import mask

#: Seconds for which the id of an event is remembered.
REMEMBERED = 24 * 3600


def receive(entry: Entry, request: Any, sender: type) -> Mapping[str, Any] | None:
    """Handle a webhook of a provider: the JSON body that its vendor wants for an answer, None for ours.

    Raises WebhookRejected before anything is read, MalformedRequest, and WebhookFailed when a receiver of
    a signal failed: all the others have run, and the vendor sends the event again.
    """
    try:
        _check_address(entry, request)
        reply = entry.provider.handle_webhook(request.body, request.headers, _public_url(entry, request))
    except (InvalidSignature, WebhookRejected) as refused:
        reason = "address" if isinstance(refused, WebhookRejected) else "signature"
        record(signals.webhook_rejected, field="", request=request, provider=entry.alias, reason=reason)
        raise WebhookRejected from None
    except MalformedWebhook:
        raise MalformedRequest from None
    told = [_tell_once(entry, event, sender) for event in reply.events]
    if not all(told):
        raise WebhookFailed
    return reply.body


def _check_address(entry: Entry, request: Any) -> None:
    allowed = entry.config.get("allowed_ips")
    if allowed is None:
        return
    address = client_address(request)
    if address is None or not any(address in ipaddress.ip_network(one, strict=False) for one in allowed):
        raise WebhookRejected


def _public_url(entry: Entry, request: Any) -> str:
    """The URL as the vendor called it, over which some sign; `webhook_url` where a proxy changes it."""
    url: str = entry.config.get("webhook_url") or request.build_absolute_uri(request.path)
    query = request.META.get("QUERY_STRING")
    return f"{url}?{query}" if query else url


def _tell_once(entry: Entry, event: WebhookEvent, sender: type) -> bool:
    """Tell an event that was not told before; False when the cache or a receiver failed, and then forget it again."""
    key = cache_key("webhook", entry.alias, event.event_id)
    is_new = safely(lambda: cache.add(key, 1, REMEMBERED), None)
    if not is_new:
        return is_new is False  # None: nobody knows
    is_told = False
    try:
        is_told = _tell(entry, event, sender)
    finally:
        if not is_told:
            safely(lambda: cache.delete(key), False)
    return is_told


def _tell(entry: Entry, event: WebhookEvent, sender: type) -> bool:
    row = _challenge_of(entry, event)
    number = event.phone_number or (row.identifier if row else None)
    event = replace(event, phone_number=number, provider=entry.alias)
    answers = signals.verification_webhook_received.send_robust(sender=sender, event=event, provider=entry.alias)
    if event.event_type is WebhookEventType.DELIVERED:
        answers += signals.verification_delivered.send_robust(sender=sender, event=event, phone_number=number)
    if event.event_type is WebhookEventType.FAILED:
        error = event.delivery_status.value if event.delivery_status else "unknown"
        answers += signals.verification_delivery_failed.send_robust(
            sender=sender, event=event, phone_number=number, error=error
        )
        if row and not event.number_at_fault:
            _escalate(entry, row)
    return not any(isinstance(answer, Exception) for _, answer in answers)


def _challenge_of(entry: Entry, event: WebhookEvent) -> Challenge | None:
    """The open challenge that an event is about: the one that holds its verification id."""
    if not event.verification_id:
        return None
    open_rows = Challenge.objects.filter(
        verification_id=event.verification_id, provider=entry.alias, expires_at__gt=timezone.now(), uses=0
    )
    row = next(iter(open_rows[:1]), None)
    return row if row and event.phone_number in (None, row.identifier) else None


def _escalate(entry: Entry, row: Challenge) -> None:
    """Send by the next channel of `escalate`, each one once for a code; one UPDATE decides who does."""
    channels = list(dict.fromkeys(entry.config.get("escalate") or ()))
    later = channels[channels.index(row.channel) + 1 :] if row.channel in channels else []
    if not later:
        return
    mine = Challenge.objects.filter(
        pk=row.pk,
        nonce=row.nonce,
        channel=row.channel,
        verification_id=row.verification_id,
        tries__lt=try_limit(),  # what is sent must be of use
    )
    if mine.update(channel=later[0]):
        message = VerificationMessage(
            row.token_request_identifier,
            row.identifier,
            later[0],
            row.key,
            row.nonce,
            row.provider,
            row.verification_id,
            # The user is read for that only.
            (language_of(row.user) if settings.LANGUAGE_FOR_USER else None) or "",
        )
        delivery.deliver(
            lambda: message,
            wanted=True,
            spend=limits.spend_budget,
            field=row.token_request_identifier,
            subject=mask(row.identifier),
            expires_at=row.expires_at,
        )
