"""The contract of a verification vendor: a provider, its results, and the events of its webhooks."""

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, ClassVar


class VerificationMethod(Enum):
    """A channel by which a code reaches a phone."""

    SMS = "sms"
    CALL = "call"
    FLASHCALL = "flashcall"
    WHATSAPP = "whatsapp"
    RCS = "rcs"


class VerificationStatus(Enum):
    """What became of a verification, or of the attempt to start or check one."""

    PENDING = "pending"
    #: The only one that proves anything.
    ACCEPTED = "accepted"
    #: Wrong code.
    REJECTED = "rejected"
    EXPIRED = "expired"
    MAX_ATTEMPTS = "max_attempts"
    NOT_FOUND = "not_found"
    #: The number is at fault: no other vendor is asked.
    INVALID_NUMBER = "invalid_number"
    BLOCKED = "blocked"
    #: The vendor is at fault, or this channel to this number: the next provider is asked.
    UNSUPPORTED_CHANNEL = "unsupported_channel"
    RATE_LIMITED = "rate_limited"
    MISCONFIGURED = "misconfigured"
    UNAVAILABLE = "unavailable"
    #: A failure that the provider does not know.
    ERROR = "error"


class WebhookEventType(Enum):
    """What a webhook tells."""

    SENT = "sent"
    DELIVERED = "delivered"
    FAILED = "failed"
    VERIFIED = "verified"
    EXPIRED = "expired"
    UNKNOWN = "unknown"


class DeliveryStatus(Enum):
    """The vendor's word on a message, as far as it gives one."""

    SENT = "sent"
    DELIVERED = "delivered"
    SENDING_FAILED = "sending_failed"
    DELIVERY_FAILED = "delivery_failed"
    DELIVERY_UNCONFIRMED = "delivery_unconfirmed"


@dataclass(frozen=True)
class External2FAResult:
    """What a provider answers. Only `success` with `ACCEPTED` is a proof.

    `verification_id` (at most 255 characters) names what was started; `error_code` is the vendor's own,
    for the log; `message` is for developers, clients never see it.
    """

    success: bool
    status: VerificationStatus
    verification_id: str | None = None
    message: str | None = None
    error_code: str | None = None

    def proves(self, verification_id: str) -> bool:
        """Whether it says that a code is right, and of no other verification."""
        is_the_same = self.verification_id in (None, "", verification_id)
        return self.success is True and self.status is VerificationStatus.ACCEPTED and is_the_same


@dataclass(frozen=True)
class WebhookEvent:
    """One piece of news of a vendor. `event_id` is the same each time the vendor sends it again.

    A missing phone number is filled in from the open challenge of `verification_id`. `raw_payload` holds
    no code: the provider takes it out.
    """

    event_type: WebhookEventType
    event_id: str
    phone_number: str | None = None
    verification_id: str | None = None
    delivery_status: DeliveryStatus | None = None
    #: As the vendor writes it, mostly ISO 8601.
    occurred_at: str | None = None
    raw_payload: Mapping[str, Any] | None = None
    provider: str | None = None
    #: The vendor has refused this number: no other channel is tried.
    number_at_fault: bool = False


@dataclass(frozen=True)
class WebhookReply:
    """What came of a webhook: its events, and the JSON body that the vendor wants, if it wants one."""

    events: Sequence[WebhookEvent] = ()
    body: Mapping[str, Any] | None = None


class InvalidSignature(Exception):
    """A webhook is not from the vendor, too old, or no key is configured to tell."""


class MalformedWebhook(ValueError):
    """A webhook from the vendor cannot be read."""


class External2FAProvider(ABC):
    """A vendor that makes, sends and checks codes.

    Built with the entries of its dict in `EXTERNAL_2FA` by keyword, without those that are the package's.
    The three methods return a result and never raise for a failure of the vendor. Numbers are E.164.
    """

    #: Default of `alias`, by which rows, webhook routes and log lines name the provider.
    name: ClassVar[str] = ""
    #: The channels it has; the first is the default.
    methods: ClassVar[tuple[VerificationMethod, ...]] = (VerificationMethod.SMS,)
    #: True: `verify_code` and `cancel_verification` also get the keyword `verification_id`, a text
    #: that is empty when the send gave none.
    uses_verification_id: ClassVar[bool] = False
    #: True: `send_verification` also gets the keyword `language`, Django's code of the user's language ("pt-br"), where
    #: `LANGUAGE_FOR_USER` knows it; it is left out otherwise.
    uses_language: ClassVar[bool] = False
    #: Media types of its webhooks; others answer 415.
    webhook_content_types: ClassVar[tuple[str, ...]] = ("application/json",)
    #: Headers that `handle_webhook` hands to `verify_webhook_signature`.
    signature_header: ClassVar[str] = ""
    timestamp_header: ClassVar[str] = ""

    def __init__(self, **options: Any) -> None:
        self.options = options

    @abstractmethod
    def send_verification(
        self, phone_number: str, method: VerificationMethod = VerificationMethod.SMS
    ) -> External2FAResult:
        """Start a verification; `PENDING` when the vendor took it."""

    @abstractmethod
    def verify_code(self, phone_number: str, code: str) -> External2FAResult:
        """Check a code; `ACCEPTED` when the vendor says so, about this number."""

    @abstractmethod
    def cancel_verification(self, phone_number: str) -> External2FAResult:
        """End an open verification; not a success where the vendor cannot."""

    def is_configured(self) -> bool:
        """Whether the options suffice; False turns its routes off (404)."""
        return True

    @property
    def accepts_webhooks(self) -> bool:
        """Whether it can tell its vendor's webhooks from others, by having a key for them; for `check --deploy`."""
        return type(self).verify_webhook_signature is not External2FAProvider.verify_webhook_signature

    def handle_webhook(self, body: bytes, headers: Mapping[str, str], url: str) -> WebhookReply:
        """Verify and read a webhook: the raw body, headers in any case, the URL as the vendor called it.

        Raises InvalidSignature before anything is read, MalformedWebhook after. The default asks
        `verify_webhook_signature` and `parse_webhook`.
        """
        signature, timestamp = header(headers, self.signature_header), header(headers, self.timestamp_header)
        if not self.verify_webhook_signature(body, signature, timestamp):
            raise InvalidSignature
        return WebhookReply([self.parse_webhook(json_object(body), headers)])

    def verify_webhook_signature(self, payload: bytes, signature: str, timestamp: str | None = None) -> bool:
        """Whether the raw body is signed by the vendor. The default refuses all."""
        return False

    def parse_webhook(self, payload: dict[str, Any], headers: Mapping[str, str] | None = None) -> WebhookEvent:
        """The event of a verified body. Raises MalformedWebhook."""
        raise MalformedWebhook("This provider has no webhooks.")


def result_of(question: Callable[[], object]) -> External2FAResult:
    """A provider's answer. One that raises, or answers something else than a result, is out of reach."""
    code = "no_result"
    try:
        answer = question()
    except Exception as error:  # noqa: BLE001 - a project's own provider may raise anything
        # The class only: the text may hold the number or the code.
        answer, code = None, type(error).__name__
    if isinstance(answer, External2FAResult) and isinstance(answer.status, VerificationStatus):
        return answer
    return External2FAResult(False, VerificationStatus.UNAVAILABLE, error_code=code)


def json_value(body: bytes) -> Any:
    """The JSON of a body. Raises MalformedWebhook."""
    try:
        return json.loads(body)
    except (RecursionError, ValueError):
        raise MalformedWebhook("The body is no JSON.") from None


def json_object(body: bytes) -> dict[str, Any]:
    """The JSON object of a body. Raises MalformedWebhook."""
    payload = json_value(body)
    if not isinstance(payload, dict):
        raise MalformedWebhook("The body is no JSON object.")
    return payload


def text(value: object) -> str | None:
    """A value of a vendor's JSON, if it is a text that any log and column takes: 1 to 255 printable characters."""
    return value if isinstance(value, str) and 0 < len(value) <= 255 and value.isprintable() else None


def header(headers: Mapping[str, str], name: str) -> str:
    """A header's value, whatever the case of its name; empty where there is none."""
    return next((value for key, value in headers.items() if key.lower() == name.lower()), "")
