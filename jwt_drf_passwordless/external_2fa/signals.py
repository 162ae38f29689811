"""Signals of the verification vendors.

The first three are sent by webhooks, with `send_robust`, the sender being the view; `event` is a
`WebhookEvent`, whose `event_id` is the same when the vendor sends it again after a receiver failed. A
webhook is news of a message: it proves nothing. The others are told like those in
`jwt_drf_passwordless.signals`.
"""

import logging

from django.dispatch import Signal

from jwt_drf_passwordless.signals import Event

#: Any event, also one of unknown type. `event`; `provider`: its alias.
verification_webhook_received = Signal()

#: The code has reached the phone. `event`, `phone_number`.
verification_delivered = Signal()

#: The code has not reached the phone. `event`, `phone_number`, `error`: the vendor's word, or "unknown".
verification_delivery_failed = Signal()

#: A webhook was refused, unread. `provider`; `reason`: "signature", which may be too old, or "address".
webhook_rejected = Event("webhook_rejected", logging.WARNING)

#: A vendor has taken a verification. `provider`: its alias; `channel`.
verification_started = Event("verification_started")

#: A vendor has failed. `provider`; `action`: "send" or "check"; `status`: value of a `VerificationStatus`;
#: `error_code`: the vendor's own, or "skipped" while a provider that keeps failing is left out.
provider_failed = Event("provider_failed", logging.WARNING)
