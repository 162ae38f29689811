"""What every vendor's provider has to do, whatever its vendor does; inherited by the test class of each.

A vendor's module brings its play (`tests.vendor_server.Vendor`), its vectors and its table of errors.
"""

import json
import socket
import time
from collections.abc import Iterator
from typing import Any, ClassVar

import pytest
import time_machine
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jwt_drf_passwordless.external_2fa.base import (
    External2FAResult,
    InvalidSignature,
    MalformedWebhook,
    VerificationMethod,
    VerificationStatus,
    WebhookEvent,
    WebhookEventType,
)
from jwt_drf_passwordless.external_2fa.http import VendorProvider
from jwt_drf_passwordless.external_2fa.testing import ProviderContract
from jwt_drf_passwordless.http import deadline
from tests.vendor_server import NO_ANSWER, Answer, Misbehaviour, Vendor

#: Any JSON; with the names that vendors use, so that some of it goes deep.
NAMES = st.sampled_from(["data", "payload", "id", "sid", "status", "type", "code", "errors", "event_type", "to"])
JSON_VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9) | st.just("approved"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES | st.text(max_size=9), inner, max_size=4),
    max_leaves=12,
)
#: The same method runs for each class that inherits it, its server stays up for all examples.
FUZZ = settings(
    deadline=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.differing_executors, HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
#: Answers of another shape than any vendor's.
SHAPES = [None, True, 7, "accepted", [], [[]], {}, {"data": None}, {"data": []}, {"data": {"id": 7, "status": {}}}]
NO_PROOF = [VerificationStatus.ERROR, VerificationStatus.UNAVAILABLE]
JUNK = [None, True, 0, "", "accepted", [], {}, "\x00", "x" * 300]
STRANGE_IDS = [".", "..", "../x", "a/b", "a?b", "a#b", "%2e%2e", "\u00e9", "\ud800", " "]


def patience(misbehaviour: Misbehaviour) -> float:
    """Seconds to wait for an answer: few for those that never end, enough for a busy machine else."""
    never_ends = {Misbehaviour.SILENT, Misbehaviour.HEADER_DRIP, Misbehaviour.BODY_DRIP}
    return 0.2 if misbehaviour in never_ends else 5


class VendorContract(ProviderContract):
    """A provider against a vendor that is well, ill, or lies."""

    pytestmark = pytest.mark.standalone

    vendor_class: ClassVar[type[Vendor]]
    provider_class: ClassVar[type[VendorProvider]]
    #: All options but `base_url` and `timeout`.
    options: ClassVar[dict[str, Any]]
    #: What stands between the host and the vendor's paths.
    base_path: ClassVar[str] = ""
    #: Whether the vendor's answer to a check names the number; the id.
    echoes_number: ClassVar[bool] = True
    echoes_id: ClassVar[bool] = True
    #: Whether the vendor checks a code by number, if no id is known.
    checks_by_number: ClassVar[bool] = True
    cancels: ClassVar[bool] = False
    vendor: Vendor

    @pytest.fixture(autouse=True)
    def _vendor(self) -> Any:
        with self.vendor_class() as self.vendor:
            yield
        assert self.vendor.complaints == []

    def make_provider(self, **options: Any) -> VendorProvider:
        defaults = {"base_url": self.vendor.url + self.base_path, "timeout": 5}
        return self.provider_class(**{**self.options, **defaults, **options})

    def right_code(self, phone_number: str) -> str:
        return self.vendor.code

    def send_met_by(self, *, status: int = 200, body: Any = None) -> External2FAResult:
        """What comes of a send that the vendor answers so."""
        self.vendor.instead = Answer(status, body)
        return self.send(self.make_provider())

    def check_met_by(self, *, status: int = 200, body: Any = None) -> External2FAResult:
        """What comes of the right code if the vendor answers so."""
        provider = self.make_provider()
        sent = self.send(provider)
        self.vendor.instead = Answer(status, body)
        return self.check(provider, sent, self.vendor.code)

    def check_under(self, misbehaviour: Misbehaviour) -> External2FAResult:
        provider = self.make_provider()
        sent = self.send(provider)
        self.vendor.misbehaviour = misbehaviour
        with deadline(patience(misbehaviour)):
            return self.check(provider, sent, self.vendor.code)

    @pytest.mark.parametrize("misbehaviour", NO_ANSWER)
    def test_a_send_without_an_answer_is_unavailable_and_not_repeated(self, misbehaviour: Misbehaviour) -> None:
        self.vendor.misbehaviour = misbehaviour
        with deadline(patience(misbehaviour)):
            result = self.send(self.make_provider())
        assert (result.success, result.status) == (False, VerificationStatus.UNAVAILABLE)
        assert self.vendor.count_requests(1) == 1

    @pytest.mark.parametrize("misbehaviour", NO_ANSWER)
    def test_a_check_without_an_answer_is_unavailable_and_not_repeated(self, misbehaviour: Misbehaviour) -> None:
        result = self.check_under(misbehaviour)
        assert (result.success, result.status) == (False, VerificationStatus.UNAVAILABLE)
        assert self.vendor.count_requests(2) == 2

    def test_a_vendor_that_cannot_be_reached_is_unavailable(self) -> None:
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            provider = self.make_provider(base_url=f"http://127.0.0.1:{unused.getsockname()[1]}")
            assert self.send(provider).status is VerificationStatus.UNAVAILABLE

    @pytest.mark.parametrize(
        ("misbehaviour", "status"),
        [
            (Misbehaviour.UNAUTHORISED, VerificationStatus.MISCONFIGURED),
            (Misbehaviour.RATE_LIMITED, VerificationStatus.RATE_LIMITED),
        ],
    )
    def test_trouble_with_the_account_has_a_name(self, misbehaviour: Misbehaviour, status: VerificationStatus) -> None:
        assert self.check_under(misbehaviour).status is status
        assert self.send(self.make_provider()).status is status

    def test_an_answer_about_another_number_is_no_proof(self) -> None:
        result = self.check_under(Misbehaviour.OTHER_NUMBER)
        assert self._is_refused(result) is self.echoes_number, result

    def test_an_answer_about_another_verification_is_no_proof(self) -> None:
        result = self.check_under(Misbehaviour.OTHER_ID)
        assert self._is_refused(result) is self.echoes_id, result

    @pytest.mark.parametrize("shape", SHAPES, ids=str)
    def test_an_answer_of_another_shape_is_no_success(self, shape: Any) -> None:
        body = json.dumps(shape).encode()
        assert (self.send_met_by(body=body).success, self.check_met_by(body=body).success) == (False, False)

    def test_a_send_outlives_any_value_in_the_place_of_another(self) -> None:
        provider = self.make_provider()
        self.send(provider)
        for body in variants(self.vendor.answers[-1].body):
            self.vendor.instead = Answer(200, body)
            assert self.send(provider).status in (VerificationStatus.PENDING, *NO_PROOF), body

    def test_a_check_outlives_any_value_in_the_place_of_another(self) -> None:
        provider = self.make_provider()
        sent = self.send(provider)
        self.check(provider, sent, self.vendor.code)
        for body in variants(self.vendor.answers[-1].body):
            self.vendor.instead = Answer(200, body)
            result = self.check(provider, sent, self.vendor.code)
            assert result.success is (result.status is VerificationStatus.ACCEPTED), body

    @FUZZ
    @given(value=JSON_VALUES)
    def test_no_json_is_mistaken_for_a_proof(self, value: Any) -> None:
        body = json.dumps(value).encode()
        assert not self.check_met_by(body=body).success

    @FUZZ
    @given(status=st.sampled_from([400, 402, 404, 409, 410, 418, 422, 503]), value=JSON_VALUES)
    def test_no_error_is_mistaken_for_a_success(self, status: int, value: Any) -> None:
        body = json.dumps(value).encode()
        assert not self.send_met_by(status=status, body=body).success

    @pytest.mark.parametrize("strange_id", STRANGE_IDS)
    def test_no_id_leads_to_another_path(self, strange_id: str) -> None:
        provider = self.make_provider()
        self.send(provider)
        result = provider.verify_code(self.phone_number, self.vendor.code, verification_id=strange_id)
        assert self._is_refused(result), result

    def test_without_an_id_the_number_is_checked_where_the_vendor_can(self) -> None:
        provider = self.make_provider()
        self.send(provider)
        result = provider.verify_code(self.phone_number, self.vendor.code)
        expected = VerificationStatus.ACCEPTED if self.checks_by_number else VerificationStatus.NOT_FOUND
        assert (result.status, len(self.vendor.requests)) == (expected, 1 + self.checks_by_number)

    def test_a_channel_that_the_vendor_lacks_is_not_asked_for(self) -> None:
        provider = self.make_provider()
        lacking = [method for method in VerificationMethod if method not in provider.methods]
        results = {provider.send_verification(self.phone_number, method).status for method in lacking}
        assert (results, self.vendor.requests) == ({VerificationStatus.UNSUPPORTED_CHANNEL}, [])

    def test_each_of_its_channels_can_be_used(self) -> None:
        provider = self.make_provider()
        results = [provider.send_verification(self.phone_number, method) for method in provider.methods]
        assert {result.status for result in results} == {VerificationStatus.PENDING}

    def test_it_says_whether_it_could_cancel(self) -> None:
        provider = self.make_provider()
        sent = self.send(provider)
        result = provider.cancel_verification(self.phone_number, verification_id=sent.verification_id or "")
        assert result.success is self.cancels

    def test_a_cancel_without_an_answer_is_no_success(self) -> None:
        provider = self.make_provider()
        sent = self.send(provider)
        self.vendor.misbehaviour = Misbehaviour.RESET
        result = provider.cancel_verification(self.phone_number, verification_id=sent.verification_id or "")
        assert not result.success

    def test_without_its_options_it_is_not_configured(self) -> None:
        assert not self.make_provider(**dict.fromkeys(self.options, "")).is_configured()


def variants(body: Any) -> Iterator[Any]:
    """A JSON value with each of its values, one at a time, replaced by each kind of junk."""
    if isinstance(body, dict):
        yield from ({**body, name: new} for name, inner in body.items() for new in variants(inner))
    yield from JUNK


class WebhookContract:
    """The webhooks of a vendor that signs them."""

    #: A body as the vendor sends it.
    webhook: ClassVar[bytes]
    #: The option that holds the key.
    key_option: ClassVar[str]
    #: Header of the signature, which holds text that is not part of it before the last blank, if any.
    signature_header: ClassVar[str]
    #: Whether a time is signed; its age is limited then.
    signs_time: ClassVar[bool] = True

    def make_provider(self, **options: Any) -> VendorProvider:
        raise NotImplementedError

    def sign(self, body: bytes, at: int) -> tuple[dict[str, str], str]:
        """Headers and URL of a webhook that the vendor sends at a time in Unix seconds."""
        raise NotImplementedError

    def receive(self, body: bytes, **options: Any) -> list[WebhookEvent]:
        """The events of a body that the vendor has signed now."""
        headers, url = self.sign(body, int(time.time()))
        return list(self.make_provider(**options).handle_webhook(body, headers, url).events)

    def refuses(self, body: bytes, headers: dict[str, str], url: str, **options: Any) -> bool:
        try:
            self.make_provider(**options).handle_webhook(body, headers, url)
        except InvalidSignature:
            return True
        return False

    def signed_now(self) -> tuple[dict[str, str], str]:
        return self.sign(self.webhook, int(time.time()))

    def test_a_signed_webhook_is_taken(self) -> None:
        events = self.receive(self.webhook)
        assert [event.provider for event in events] == [self.make_provider().name] * len(events) != []

    def test_the_case_of_header_names_does_not_matter(self) -> None:
        headers, url = self.signed_now()
        for changed in (str.upper, str.lower):
            assert not self.refuses(self.webhook, {changed(name): headers[name] for name in headers}, url)

    def test_without_a_key_every_webhook_is_refused(self) -> None:
        headers, url = self.signed_now()
        assert self.refuses(self.webhook, headers, url, **{self.key_option: ""})

    def test_under_another_key_every_webhook_is_refused(self) -> None:
        headers, url = self.signed_now()
        assert self.refuses(
            self.webhook, headers, url, **{self.key_option: "bm8gc3VjaCBrZXksIG5vIHN1Y2gga2V5LCBuby4uLi4="}
        )

    def test_each_byte_of_the_body_counts(self) -> None:
        headers, url = self.signed_now()
        for position in range(len(self.webhook)):
            changed = bytearray(self.webhook)
            changed[position] ^= 1
            assert self.refuses(bytes(changed), headers, url), position

    def test_the_same_json_in_other_bytes_is_refused(self) -> None:
        headers, url = self.signed_now()
        again = json.dumps(json.loads(self.webhook), indent=1).encode()
        assert self.refuses(again, headers, url)

    @pytest.mark.parametrize("signature", ["", " ", "x", "AAAA", "\u00e9", "\ud800", "a.b.c", "=" * 88, "A" * 10_000])
    def test_another_signature_is_refused(self, signature: str) -> None:
        headers, url = self.signed_now()
        assert self.refuses(self.webhook, {**headers, self.signature_header: signature}, url)

    def test_each_header_of_the_signature_is_needed(self) -> None:
        headers, url = self.signed_now()
        for name in headers:
            assert self.refuses(self.webhook, {key: headers[key] for key in headers if key != name}, url), name

    @pytest.mark.parametrize("age", [301, -301])
    def test_an_old_webhook_and_one_from_the_future_are_refused_where_the_time_is_signed(self, age: int) -> None:
        with time_machine.travel(1_800_000_000, tick=False):
            headers, url = self.sign(self.webhook, 1_800_000_000 - age)
            assert self.refuses(self.webhook, headers, url) is self.signs_time

    @pytest.mark.parametrize("age", [300, -300])
    def test_clocks_may_differ_by_five_minutes(self, age: int) -> None:
        with time_machine.travel(1_800_000_000, tick=False):
            headers, url = self.sign(self.webhook, 1_800_000_000 - age)
            assert not self.refuses(self.webhook, headers, url)

    def test_the_same_webhook_sent_again_has_the_same_event_ids(self) -> None:
        provider, now = self.make_provider(), int(time.time())
        first, second = (
            [event.event_id for event in provider.handle_webhook(self.webhook, *self.sign(self.webhook, at)).events]
            for at in (now - 9, now)
        )
        assert first == second

    @FUZZ
    @given(value=JSON_VALUES)
    def test_any_signed_json_gives_events_or_is_malformed(self, value: Any) -> None:
        self._is_read_or_malformed(json.dumps(value).encode())

    @FUZZ
    @given(body=st.binary(max_size=50))
    def test_any_signed_bytes_give_events_or_are_malformed(self, body: bytes) -> None:
        self._is_read_or_malformed(body)

    def test_a_webhook_outlives_any_value_in_the_place_of_another(self) -> None:
        for body in variants(json.loads(self.webhook)):
            self._is_read_or_malformed(json.dumps(body).encode())

    @pytest.mark.parametrize("body", [b"", b"{", b"[" * 100_000, b"\xff", b"1" * 5000])
    def test_a_signed_body_that_is_no_json_is_malformed(self, body: bytes) -> None:
        with pytest.raises(MalformedWebhook):
            self.receive(body)

    def _is_read_or_malformed(self, body: bytes) -> None:
        try:
            events = self.receive(body)
        except MalformedWebhook:
            return
        for event in events:
            texts = [event.phone_number, event.verification_id, event.occurred_at]
            assert [type(event.event_type), type(event.event_id)] == [WebhookEventType, str]
            assert all(text is None or 0 < len(text) <= 255 for text in [event.event_id, *texts])
