"""First factor by state of the factor by state of the user: never a token before the second proof."""

import jwt
import pytest
import sms
from django.conf import settings as django_settings
from django.contrib.auth import get_user_model
from django.core import mail

from jwt_drf_passwordless.conf import settings as package_settings
from jwt_drf_passwordless.external_2fa.base import External2FAProvider, External2FAResult, VerificationStatus
from jwt_drf_passwordless.models import PhoneDevice
from jwt_drf_passwordless.token_response import PasswordlessJwtRefreshTokenResponse
from jwt_drf_passwordless.two_factor import LocalPhoneProvider
from tests.conftest import sent_code, sent_link_token, sent_sms_code
from tests.two_factor.conftest import EMAIL, LOGIN_PHONE, PHONE, WRONG, enrol
from tests.two_factor.test_login import BAD_TICKET, INVALID, outcome

pytestmark = pytest.mark.django_db

SAME_PHONE = (
    403,
    {"detail": "This phone is your second factor. Please sign in another way.", "code": "second_factor_same_phone"},
)
BROKEN = (403, {"detail": "Your second factor cannot be used. Please ask support.", "code": "second_factor_broken"})


class CountingResponse(PasswordlessJwtRefreshTokenResponse):
    """Counts the refresh tokens that are made."""

    made = 0

    @classmethod
    def get_token(cls, user):
        CountingResponse.made += 1
        return super().get_token(user)


class AcceptingProvider(External2FAProvider):
    """A vendor that takes every number and the code 246810."""

    name = "accepting"

    def send_verification(self, phone_number, method=None):
        return External2FAResult(True, VerificationStatus.PENDING, verification_id="v1")

    def verify_code(self, phone_number, code):
        is_right = code == "246810"
        status = VerificationStatus.ACCEPTED if is_right else VerificationStatus.REJECTED
        return External2FAResult(is_right, status)

    def cancel_verification(self, phone_number):
        raise NotImplementedError


class UnbuildableProvider(LocalPhoneProvider):
    def __init__(self):
        raise ValueError("no key")


@pytest.fixture
def tokens(configure):
    """How many refresh tokens were made."""
    path = "tests.two_factor.test_every_first_factor.CountingResponse"
    configure(
        SERIALIZERS={"passwordless_token_response_class": path},
        PASSWORDLESS_EMAIL_LOGIN_URL="https://app.example/login#token={token}",
    )
    CountingResponse.made = 0
    return lambda: CountingResponse.made


def by_password(api, configure):
    return api.token(get_user_model().objects.get())


def by_email_code(api, configure):
    api.request_email(EMAIL)
    return api.exchange_email(EMAIL, sent_code())


def by_link(api, configure):
    api.request_email(EMAIL)
    return api.post("exchange/", {"token": sent_link_token()})


def by_sms(api, configure):
    api.request_mobile(LOGIN_PHONE)
    return api.exchange_mobile(LOGIN_PHONE, sent_sms_code())


def by_vendor(api, configure):
    configure(EXTERNAL_2FA={"provider": "tests.two_factor.test_every_first_factor.AcceptingProvider"})
    body = {package_settings.MOBILE_FIELD_NAME: LOGIN_PHONE}
    api.post("external/request/", body)
    return api.post("external/verify/", {**body, "code": "246810"})


WAYS = {
    by_password: ["pwd"],
    by_email_code: ["otp"],
    by_link: ["otp"],
    by_sms: ["otp", "sms"],
    by_vendor: ["otp", "sms"],
}
every_way = pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)


@pytest.fixture
def holder(person):
    return person(phone=LOGIN_PHONE)


@every_way
def test_without_a_factor_each_login_gives_tokens(api, holder, configure, tokens, way):
    assert way(api, configure).status_code == 200
    assert tokens() == 1


@every_way
def test_with_a_factor_no_token_exists_before_the_second_proof(api, holder, configure, settings, tokens, way):
    settings.SIMPLE_JWT = {"UPDATE_LAST_LOGIN": True}
    enrol(holder)
    answer = way(api, configure)
    assert (answer.status_code, answer.json()["code"], tokens()) == (206, "second_factor_required", 0)
    holder.refresh_from_db()
    assert holder.last_login is None

    wrong = api.verify(answer.json()["ticket"], sent_sms_code().translate(WRONG))
    assert (outcome(wrong), tokens()) == (INVALID, 0)

    pair = api.verify(answer.json()["ticket"], sent_sms_code())
    assert (pair.status_code, tokens()) == (200, 1)
    claims = jwt.decode(pair.json()["access"], django_settings.SECRET_KEY, algorithms=["HS256"])
    assert claims["amr"] == list(dict.fromkeys([*WAYS[way], "otp", "sms", "mfa"]))
    assert claims["acr"] == "aal2"


HALF_FILLED = {
    "not confirmed": {"confirmed_at": None},
    "no number": {"number": ""},
    "no plus sign": {"number": "12015550199"},
}


@every_way
@pytest.mark.parametrize("state", HALF_FILLED.values(), ids=HALF_FILLED)
def test_a_half_filled_factor_refuses_each_login(api, holder, configure, tokens, way, state):
    enrol(holder)
    PhoneDevice.objects.update(**state)
    assert (outcome(way(api, configure)), tokens()) == (BROKEN, 0)


PROVIDERS = {
    "cannot be made": "tests.two_factor.test_every_first_factor.UnbuildableProvider",
    "is gone": "tests.two_factor.no_such_module.Provider",
    "lacks options": "jwt_drf_passwordless.external_2fa.TelnyxVerifyProvider",
    "knows no such user": "jwt_drf_passwordless.two_factor.AuthyProvider",
}


@every_way
@pytest.mark.parametrize("path", PROVIDERS.values(), ids=PROVIDERS)
def test_a_provider_that_fails_refuses_each_login(api, holder, configure, two_factor, tokens, way, path):
    options = {"api_key": "KEY0123"} if "Authy" in path else {}
    two_factor(phone={"provider": path, **options})
    enrol(holder)
    assert (outcome(way(api, configure)), tokens()) == (BROKEN, 0)


@every_way
def test_a_provider_that_cannot_be_reached_is_a_503(api, holder, configure, settings, two_factor, tokens, way):
    two_factor(phone={"provider": "tests.two_factor.test_every_first_factor.DeafProvider"})
    enrol(holder)
    answer = way(api, configure)
    assert (answer.status_code, answer.json()["code"], tokens()) == (503, "provider_unavailable", 0)
    assert "marker" not in answer.text


class DeafProvider(LocalPhoneProvider):
    def send(self, *args, **kwargs):
        raise OSError("marker")


@pytest.mark.parametrize("way", [by_sms, by_vendor], ids=lambda way: way.__name__)
def test_the_phone_that_signs_in_cannot_be_the_second_factor_too(api, holder, configure, tokens, way):
    enrol(holder, LOGIN_PHONE)
    sms.outbox.clear()
    assert (outcome(way(api, configure)), tokens()) == (SAME_PHONE, 0)
    assert len(sms.outbox) == (1 if way is by_sms else 0)


@pytest.mark.parametrize("way", [by_sms, by_vendor], ids=lambda way: way.__name__)
def test_the_setting_lets_it_sign_in_at_level_one(api, holder, configure, two_factor, way):
    two_factor(same_phone="allow")
    enrol(holder, LOGIN_PHONE)
    answer = way(api, configure)
    assert answer.status_code == 200
    claims = jwt.decode(answer.json()["access"], django_settings.SECRET_KEY, algorithms=["HS256"])
    assert (claims["amr"], claims["acr"]) == (["otp", "sms"], "aal1")


@pytest.mark.parametrize("way", [by_password, by_email_code, by_link], ids=lambda way: way.__name__)
def test_the_login_phone_is_a_second_factor_to_other_ways(api, holder, configure, tokens, way):
    enrol(holder, LOGIN_PHONE)
    assert way(api, configure).status_code == 206


# The user, between the two steps


def promoted(user):
    return {"is_staff" if hasattr(user, "is_staff") else "is_admin": True}


CHANGES = {
    "deactivated": (lambda user: {"is_active": False}, {}, BAD_TICKET),
    "deactivated, with activation by login": (
        lambda user: {"is_active": False},
        {"ACTIVATE_INACTIVE_USERS": True},
        BAD_TICKET,
    ),
    "promoted": (promoted, {}, BAD_TICKET),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
@pytest.mark.parametrize("way", [by_email_code, by_link, by_sms, by_vendor], ids=lambda way: way.__name__)
def test_the_rules_on_users_are_asked_again(api, holder, configure, tokens, way, change):
    fields, changes, expected = change
    enrol(holder)
    ticket = way(api, configure).json()["ticket"]
    code = sent_sms_code()
    configure(**changes)
    get_user_model().objects.filter(pk=holder.pk).update(**fields(holder))
    assert (outcome(api.verify(ticket, code)), tokens()) == (expected, 0)


def test_an_administrator_signs_in_by_password_and_phone(api, person):
    user = person(staff=True, device=PHONE)
    assert api.verify(api.ticket(user), sent_sms_code()).status_code == 200


def test_the_rule_of_simplejwt_is_asked_again(api, grace, settings):
    ticket, code = api.ticket(grace), sent_sms_code()
    settings.SIMPLE_JWT = {"USER_AUTHENTICATION_RULE": "tests.two_factor.test_every_first_factor.refuse_all"}
    assert outcome(api.verify(ticket, code)) == BAD_TICKET
    assert outcome(api.call("2fa/resend/", {"ticket": ticket})) == BAD_TICKET


def refuse_all(user):
    return False


@pytest.mark.parametrize("active", [True, False])
def test_an_inactive_users_password_is_a_401_with_and_without_a_factor(api, person, active):
    user = person(is_active=active, device=PHONE)
    assert api.token(user).status_code == (206 if active else 401)
    assert len(sms.outbox) == int(active)


def test_without_the_setting_nothing_is_asked(api, holder, configure):
    enrol(holder)
    configure(TWO_FACTOR=None)
    assert by_email_code(api, configure).status_code == 200
    assert len(mail.outbox) == 1
