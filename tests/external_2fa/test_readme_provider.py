"""The provider of the README of 0.x runs as it stands: three methods, no constructor, no ids."""

import pytest

from jwt_drf_passwordless.external_2fa import (
    External2FAProvider,
    External2FAResult,
    VerificationMethod,
    VerificationStatus,
    get_external_2fa_provider,
)

pytestmark = pytest.mark.django_db

PHONE = "+12015550123"


class MyProvider(External2FAProvider):
    def send_verification(self, phone_number, method=VerificationMethod.SMS):
        # Send code via your provider
        return External2FAResult(success=True, status=VerificationStatus.PENDING)

    def verify_code(self, phone_number, code):
        # Verify code with your provider
        return External2FAResult(success=True, status=VerificationStatus.ACCEPTED)

    def cancel_verification(self, phone_number):
        return External2FAResult(success=True, status=VerificationStatus.EXPIRED)  # pragma: no cover - as in the README


@pytest.fixture(autouse=True)
def _provider(configure, make_user):
    configure(
        EXTERNAL_2FA={
            "provider": f"{__name__}.MyProvider",
            "api_key": "YOUR_API_KEY",
            "verify_profile_id": "YOUR_PROFILE_ID",
            "webhook_public_key": "YOUR_PUBLIC_KEY",
        }
    )
    make_user(phone=PHONE)


def test_it_signs_in(api):
    assert api.request_mobile(PHONE).status_code == 200
    assert api.exchange_mobile(PHONE, "123456").status_code == 200


def test_it_cannot_be_used_twice_though_it_accepts_everything(api):
    api.request_mobile(PHONE)
    api.exchange_mobile(PHONE, "123456")
    assert api.exchange_mobile(PHONE, "123456").status_code == 400


def test_it_signs_nobody_in_who_has_not_asked(api):
    assert api.exchange_mobile(PHONE, "123456").status_code == 400


def test_it_is_the_configured_provider(configure):
    assert isinstance(get_external_2fa_provider(), MyProvider)
    assert isinstance(get_external_2fa_provider("MyProvider"), MyProvider)
    assert get_external_2fa_provider("other") is None
    configure(EXTERNAL_2FA=None)
    assert get_external_2fa_provider() is None


def test_its_webhooks_are_refused(client):
    answer = client.post("/passwordless/external/webhook/", "{}", content_type="application/json")
    assert answer.status_code == 401
