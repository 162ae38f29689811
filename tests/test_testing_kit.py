"""What projects test with does what a login does, or says why not."""

import os
import re
import subprocess
import sys
import time
from importlib.metadata import EntryPoint
from pathlib import Path
from types import SimpleNamespace

import jwt
import pytest
import sms
import time_machine
from django.core import mail
from django.core.checks import run_checks
from django.test import Client, TestCase
from django.urls import reverse
from rest_framework.test import APIClient

from jwt_drf_passwordless import pytest_plugin, testing
from jwt_drf_passwordless.conf import settings as package_settings
from jwt_drf_passwordless.external_2fa import VerificationMethod, VerificationStatus, WebhookEventType
from jwt_drf_passwordless.external_2fa.signals import verification_delivered
from jwt_drf_passwordless.external_2fa.testing import signed_webhook
from jwt_drf_passwordless.models import Authenticator, PasswordlessChallengeToken, PhoneDevice, Session
from jwt_drf_passwordless.pytest_plugin import (  # noqa: F401 - as an installed plugin has them
    passwordless_client,
    passwordless_last_code,
    passwordless_last_link,
    passwordless_messages,
    passwordless_no_waits,
    passwordless_vendor,
)
from jwt_drf_passwordless.token_response import PasswordlessJwtRefreshTokenResponse
from tests.conftest import SCAN
from tests.two_factor.conftest import TwoFactorApi

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "testing.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)
ADA = "ada@example.com"
NUMBER = "+12015550123"
OTHER = "+12015550199"
FACTORS = [
    "jwt_drf_passwordless.two_factor.totp.TotpFactor",
    "jwt_drf_passwordless.two_factor.phone.factor.PhoneFactor",
    "jwt_drf_passwordless.two_factor.recovery.RecoveryCodeFactor",
]
LINK = "https://app.example.com/login?to={email}#token={token}"


@pytest.fixture
def ada(make_user):
    return make_user(email=ADA, phone=NUMBER)


@pytest.fixture
def two_factor(configure):
    configure(TWO_FACTOR={"factors": FACTORS})


def claims(token):
    SCAN.tokens.add(token)
    return jwt.decode(token, options={"verify_signature": False})


@pytest.mark.parametrize("make_client", [Client, APIClient])
def test_a_client_is_signed_in(ada, make_client):
    client = make_client()
    testing.authenticate(client, ada)
    answer = client.get("/whoami/")
    assert (answer.status_code, answer.json()) == (200, {"id": str(ada.pk)})


def test_another_header_is_the_project_s_own(ada, settings):
    settings.SIMPLE_JWT = {"AUTH_HEADER_NAME": "HTTP_X_ACCESS", "AUTH_HEADER_TYPES": ("Token",)}
    client = Client()
    testing.authenticate(client, ada)
    assert client.defaults["HTTP_X_ACCESS"].startswith("Token ")


def test_tokens_say_what_was_proven(ada):
    before = int(time.time())
    one, two = testing.tokens_for(ada), testing.tokens_for(ada, amr=testing.TWO_FACTORS)
    assert [claims(one[name])["acr"] for name in ("refresh", "access")] == ["aal1", "aal1"]
    assert claims(one["access"])["amr"] == ["otp"]
    assert claims(one["access"])["auth_time"] >= before
    assert (claims(two["access"])["acr"], claims(two["access"])["amr"]) == ("aal2", ["pwd", "otp", "mfa"])


def test_the_user_object_stays_as_it_was(ada):
    before = dict(vars(ada))
    testing.tokens_for(ada)
    assert vars(ada) == before


@pytest.mark.usefixtures("two_factor")
def test_a_login_of_long_ago_may_not_change_factors(ada):
    answers = [
        TwoFactorApi().call("2fa/factors/totp/", {}, access=testing.tokens_for(ada, fresh=fresh)["access"])
        for fresh in (True, False)
    ]
    assert [(answer.status_code, answer.json().get("code")) for answer in answers] == [
        (200, None),
        (403, "reauthentication_required"),
    ]


@pytest.mark.parametrize("fresh", [True, False])
def test_there_is_a_session_where_sessions_are_on(ada, configure, fresh):
    configure(SESSIONS={})
    pair = testing.tokens_for(ada, fresh=fresh)
    session = Session.objects.get()
    assert claims(pair["access"])["sid"] == str(session.pk)
    assert TwoFactorApi().call("token/refresh/", {"refresh": pair["refresh"]}).status_code == 200


class AcmeTokens(PasswordlessJwtRefreshTokenResponse):
    """A project's answer with a key of its own."""

    @classmethod
    def generate_auth_token(cls, user):
        return {**super().generate_auth_token(user), "tenant": "acme"}


@pytest.mark.parametrize("fresh", [True, False])
def test_the_answer_is_that_of_the_project_s_class(ada, configure, fresh):
    configure(SERIALIZERS={"passwordless_token_response_class": AcmeTokens})
    answer = testing.tokens_for(ada, fresh=fresh)
    assert set(answer) == {"refresh", "access", "tenant"}
    claims(answer["access"])


def test_the_code_is_found_in_email_and_sms(ada, api):
    api.request_email(ADA)
    by_mail = testing.last_code()
    api.request_mobile(NUMBER)
    by_sms = testing.last_code()
    assert by_mail in mail.outbox[0].body
    assert by_sms in sms.outbox[0].body
    assert testing.last_code("ADA@example.com") == by_mail
    assert testing.last_code(NUMBER) == by_sms
    assert api.exchange_email(ADA, by_mail).status_code == 200
    assert api.exchange_mobile(NUMBER, by_sms).status_code == 200


@pytest.mark.usefixtures("passwordless_no_waits")
def test_the_newest_is_the_one_that_was_sent_last_whatever_it_is(ada, api):
    newest = []
    for request, identifier in [(api.request_mobile, NUMBER), (api.request_email, ADA)] * 2 + [
        (api.request_email, ADA),
        (api.request_mobile, NUMBER),
        (api.request_mobile, NUMBER),
    ]:
        request(identifier)
        box = sms.outbox if identifier == NUMBER else mail.outbox
        newest.append(testing.last_code() in box[-1].body)
    assert newest == [True] * 7


def test_a_text_message_that_was_sent_before_somebody_empties_the_mail_is_the_older_one(ada, api):
    api.request_email(ADA)
    testing.forget_waits()
    api.request_mobile(NUMBER)
    mail.outbox.clear()
    api.request_email(ADA)
    assert testing.last_code() in mail.outbox[0].body


def test_a_text_message_that_nothing_is_known_of_is_the_oldest(ada, api):
    api.request_mobile(NUMBER)
    del sms.outbox[0].mail_before
    api.request_email(ADA)
    assert testing.last_code() in mail.outbox[0].body


def test_of_several_that_look_like_a_code_the_one_that_works_is_taken(ada, api, configure):
    configure(SITE_NAME="Room 123456, 654321 Town")
    api.request_email(ADA)
    assert api.exchange_email(ADA, testing.last_code()).status_code == 200


def test_the_characters_of_a_code_are_the_project_s(ada, api, configure):
    configure(SHORT_TOKEN_CHARS="ABC-^]", SHORT_TOKEN_LENGTH=8)
    api.request_email(ADA)
    assert re.fullmatch(r"[ABC^\]-]{8}", testing.last_code())


def test_the_link_is_found(ada, api, configure):
    configure(PASSWORDLESS_EMAIL_LOGIN_URL=LINK)
    api.request_email(ADA)
    assert testing.last_link(ADA) == testing.last_link()
    page, _, token = testing.last_link().partition("#token=")
    assert page == "https://app.example.com/login?to=ada%40example.com"
    assert api.post("exchange/", {"token": token}).status_code == 200


def test_nothing_sent_is_said_so():
    with pytest.raises(AssertionError) as raised:
        testing.last_code()
    assert str(raised.value) == "No code was sent. Nothing was sent at all."


def test_the_outboxes_need_not_be_there(monkeypatch):
    monkeypatch.delattr(sms, "outbox")
    monkeypatch.delattr(mail, "outbox")
    with pytest.raises(AssertionError, match="Nothing was sent at all"):
        testing.last_link(ADA)


def test_what_was_sent_instead_is_listed(ada, api):
    api.request_mobile(NUMBER)
    with pytest.raises(AssertionError) as raised:
        testing.last_code(ADA)
    body = sms.outbox[0].body
    assert str(raised.value) == f"No code was sent to {ADA}. Sent were:\nto {NUMBER}: {body!r}"


def test_without_a_url_there_is_no_link(ada, api):
    api.request_email(ADA)
    with pytest.raises(AssertionError, match=f"^No link was sent to {ADA}. Sent were:\nto {ADA}: "):
        testing.last_link(ADA)


def test_messages_are_collected_whatever_the_settings_say(ada, api, configure, settings):
    settings.SMS_BACKEND = "sms.backends.dummy.SmsBackend"
    configure(DELIVERY="jwt_drf_passwordless.delivery.Thread", TOKEN_LIFETIME=1234)
    with testing.collected_messages():
        assert package_settings.TOKEN_LIFETIME == 1234
        api.request_mobile(NUMBER)
        assert len(sms.outbox) == 1
    assert settings.SMS_BACKEND == "sms.backends.dummy.SmsBackend"


def test_waits_that_run_are_forgotten(ada, api):
    for request, identifier in ((api.request_email, ADA), (api.request_mobile, NUMBER)):
        assert [request(identifier).status_code for _ in range(2)] == [200, 429]
    assert testing.forget_waits("Ada@example.com") == 1
    assert (api.request_email(ADA).status_code, api.request_mobile(NUMBER).status_code) == (200, 429)
    assert testing.forget_waits(NUMBER) == 1
    assert api.request_mobile(NUMBER).status_code == 200
    assert testing.forget_waits() == 2
    assert [row.sends for row in PasswordlessChallengeToken.objects.all()] == [0, 0]


@pytest.mark.usefixtures("two_factor")
def test_the_wait_of_a_second_factor_is_found_by_the_user_s_key(ada, by_password):
    testing.enrol_phone(ada, OTHER)
    by_password()
    by_password()
    assert len(sms.outbox) == 1
    assert testing.forget_waits(ada.pk) == 1
    by_password()
    assert len(sms.outbox) == 2


def test_waits_are_not_begun(ada, api, configure):
    configure(REGISTER_NONEXISTENT_USERS=True, THROTTLE_RATES={"number_range": "1/h"})
    with testing.no_waits():
        assert {api.request_mobile(NUMBER).status_code for _ in range(4)} == {200}
    with time_machine.travel(time.time() + 1, tick=False):
        assert [api.request_mobile(OTHER).status_code for _ in range(2)] == [200, 429]


@pytest.fixture
def heard():
    """The events of which a project was told that their message came through."""
    events = []

    def receive(event, **kwargs):
        events.append((event.provider, event.phone_number, event.verification_id))

    verification_delivered.connect(receive)
    yield events
    verification_delivered.disconnect(receive)


def test_the_vendor_takes_its_code_and_no_other(ada, api):
    with testing.fake_vendor() as vendor:
        api.request_mobile(NUMBER)
        [(number, method, id_)] = vendor.sent
        assert (number, method) == (NUMBER, VerificationMethod.SMS)
        assert PasswordlessChallengeToken.objects.get().verification_id == id_
        assert api.exchange_mobile(NUMBER, "000000").status_code == 400
        assert api.exchange_mobile(NUMBER, vendor.code).status_code == 200
    assert package_settings.EXTERNAL_2FA is None


def test_its_settings_pass_the_checks():
    with testing.fake_vendor():
        assert [message for message in run_checks() if message.id.startswith("jwt_drf_passwordless.E")] == []


@pytest.mark.parametrize(
    ("status", "expected"),
    [(status, 200 if status is VerificationStatus.ACCEPTED else 400) for status in VerificationStatus],
)
def test_what_it_says_to_a_code_is_chosen(ada, api, status, expected):
    with testing.fake_vendor() as vendor:
        api.request_mobile(NUMBER)
        vendor.check = status
        assert api.exchange_mobile(NUMBER, "999999").status_code == expected


def test_what_it_says_to_a_number_is_chosen(ada, api, configure):
    configure(REVEAL_ACCOUNT_EXISTENCE=True)
    with testing.no_waits(), testing.fake_vendor() as vendor:
        vendor.send = VerificationStatus.UNAVAILABLE
        assert api.request_mobile(NUMBER).status_code == 503
        assert vendor.sent == []
        vendor.send = VerificationStatus.PENDING
        assert api.request_mobile(NUMBER).status_code == 200
        assert len(vendor.sent) == 1


def test_a_vendor_that_was_left_out_is_asked_again_by_the_next_test(ada, api):
    def fail():
        with testing.fake_vendor() as vendor:
            vendor.send = VerificationStatus.UNAVAILABLE
            for _ in range(5):
                api.request_mobile(NUMBER)
            vendor.send = None
            assert (api.request_mobile(NUMBER).status_code, vendor.sent) == (503, [])
            raise ZeroDivisionError

    with testing.no_waits():
        with pytest.raises(ZeroDivisionError):
            fail()
        with testing.fake_vendor() as vendor:
            api.request_mobile(NUMBER)
            assert len(vendor.sent) == 1


@pytest.mark.parametrize("make_client", [Client, APIClient])
def test_its_webhooks_are_signed(ada, api, heard, make_client):
    with testing.fake_vendor() as vendor:
        api.request_mobile(NUMBER)
        assert vendor.post_webhook(make_client()).status_code == 200
        assert vendor.post_webhook(make_client(), phone_number=OTHER, verification_id="v1").status_code == 200
        assert vendor.post_webhook(make_client(), timestamp=1).status_code == 401
    assert heard == [("fake", NUMBER, vendor.sent[0][2]), ("fake", OTHER, "v1")]


def test_it_tells_of_nothing_it_has_sent(db, heard):
    with testing.fake_vendor() as vendor:
        assert vendor.post_webhook(Client(), WebhookEventType.SENT).status_code == 200
    assert heard == []


def test_other_keys_of_the_vendor_are_the_test_s(ada, api):
    with testing.fake_vendor(escalate=["sms", "call"]) as vendor:
        api.request_mobile(NUMBER)
        vendor.post_webhook(Client(), WebhookEventType.FAILED)
        assert [method for _, method, _ in vendor.sent] == [VerificationMethod.SMS, VerificationMethod.CALL]


def test_it_sends_codes_of_second_factors(ada, by_password, configure):
    vendor = testing.FakeVendor()
    configure(TWO_FACTOR={"phone": vendor.config})
    testing.enrol_phone(ada, OTHER)
    ticket = by_password()
    assert [number for number, _, _ in vendor.sent] == [OTHER]
    assert TwoFactorApi().verify(ticket, vendor.code).status_code == 200


def test_a_webhook_can_be_signed_by_hand(db, heard):
    with testing.fake_vendor() as vendor:
        body, headers = signed_webhook(vendor.webhook_secret)
        url = reverse("external_2fa_webhook")
        assert Client().post(url, body, content_type="application/json", headers=headers).status_code == 200
    assert len(heard) == 1


@pytest.fixture
def by_password(ada):
    """Signs Ada in by her password: the ticket."""
    ada.set_password("correct horse battery")
    ada.save()
    return lambda: TwoFactorApi().ticket(ada)


@pytest.mark.usefixtures("two_factor")
def test_an_app_signs_in_at_once_and_by_the_next_code_again(ada, by_password):
    secret = testing.enrol_totp(ada)
    SCAN.tokens.add(secret)
    with time_machine.travel(time.time(), tick=False):
        code = testing.totp_code(secret)
        statuses = [TwoFactorApi().verify(by_password(), code).status_code for _ in range(2)]
        testing.forget_waits()
        statuses.append(TwoFactorApi().verify(by_password(), testing.totp_code(secret, time.time() + 30)).status_code)
    assert statuses == [200, 400, 200]


def test_codes_of_an_app_are_those_of_the_standard():
    """RFC 6238 appendix B, of eight digits the last six."""
    secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
    assert [testing.totp_code(secret, at) for at in (59, 1111111109, 20000000000)] == ["287082", "081804", "353130"]


@pytest.mark.usefixtures("two_factor")
def test_another_app_takes_the_place_of_the_first(ada, by_password):
    first, second = testing.enrol_totp(ada), testing.enrol_totp(ada)
    assert Authenticator.objects.count() == 1
    assert TwoFactorApi().verify(by_password(), testing.totp_code(first)).status_code == 400
    assert TwoFactorApi().verify(by_password(), testing.totp_code(second)).status_code == 200


@pytest.mark.usefixtures("two_factor")
def test_a_phone_gets_the_codes_of_a_second_factor(ada, by_password):
    SCAN.used(OTHER)
    testing.enrol_phone(ada, "+1 (201) 555-0199")
    device = PhoneDevice.objects.get()
    assert (device.number, device.provider) == (OTHER, "local")
    ticket = by_password()
    assert TwoFactorApi().verify(ticket, testing.last_code(OTHER)).status_code == 200


@pytest.mark.usefixtures("two_factor")
def test_recovery_codes_stand_in_for_the_other_factor(ada, by_password):
    testing.enrol_phone(ada, OTHER)
    codes = testing.recovery_codes(ada)
    SCAN.tokens |= {codes[0].replace("-", "")}
    assert (len(codes), len(set(codes))) == (10, 10)
    body = {"ticket": by_password(), "token": codes[0], "method": "recovery_code"}
    assert TwoFactorApi().call("2fa/token-verify/", body).status_code == 200


@pytest.mark.usefixtures("two_factor")
def test_who_gets_a_factor_is_neither_told_nor_signed_out_nor_made_to_wait(ada, configure):
    configure(SESSIONS={})
    access = testing.tokens_for(ada, amr=testing.TWO_FACTORS)["access"]
    testing.enrol_phone(ada, OTHER)
    testing.enrol_totp(ada)
    testing.recovery_codes(ada)
    assert (mail.outbox, sms.outbox, Session.objects.count()) == ([], [], 1)
    assert TwoFactorApi().call("2fa/factors/phone/", {"authy_phone": "+12015550177"}, access=access).status_code == 200


@pytest.mark.parametrize("two_factor_setting", [None, {}])
def test_a_factor_that_is_not_listed_is_said_so(ada, configure, two_factor_setting):
    configure(TWO_FACTOR=two_factor_setting)
    with pytest.raises(AssertionError, match="No factor of TWO_FACTOR is called 'totp'."):
        testing.enrol_totp(ada)


def test_without_second_factors_there_is_no_phone(ada):
    with pytest.raises(AssertionError, match="No factor of TWO_FACTOR is called 'phone'."):
        testing.enrol_phone(ada, OTHER)


class Login(testing.PasswordlessTestMixin, TestCase):
    """Not collected by itself: it is run below, with a user of the current model."""

    __test__ = False
    make_user = None

    def test_all_of_it(self):
        user, api = self.make_user(email=ADA, phone=NUMBER), TwoFactorApi(self.client)
        assert (mail.outbox, sms.outbox) == ([], [])
        self.no_waits()
        for _ in range(2):
            api.request_mobile(NUMBER)
        assert self.last_code(NUMBER) in sms.outbox[-1].body
        vendor = self.fake_vendor()
        api.request_mobile(NUMBER)
        assert len(vendor.sent) == 1
        self.authenticate(user, amr=testing.TWO_FACTORS, fresh=False)
        assert self.client.get("/whoami/").status_code == 200


def test_the_mixin_puts_everything_back(make_user, settings):
    settings.SMS_BACKEND = "sms.backends.dummy.SmsBackend"
    before = settings.JWT_DRF_PASSWORDLESS
    sms.outbox = mail.outbox = ["of another test"]
    case = Login("test_all_of_it")
    case.make_user = make_user
    case.client = Client()
    case.setUp()
    try:
        case.test_all_of_it()
    finally:
        case.doCleanups()
    assert (settings.SMS_BACKEND, settings.JWT_DRF_PASSWORDLESS) == ("sms.backends.dummy.SmsBackend", before)


def test_the_client_of_the_fixture_is_signed_in(ada, passwordless_client):  # noqa: F811
    assert passwordless_client(ada).get("/whoami/").json() == {"id": str(ada.pk)}
    token = passwordless_client(ada, amr=testing.TWO_FACTORS)._credentials["HTTP_AUTHORIZATION"].split()[1]
    assert claims(token)["acr"] == "aal2"


def test_the_fixtures_read_what_was_sent(
    ada,
    api,
    configure,
    passwordless_last_code,  # noqa: F811
    passwordless_last_link,  # noqa: F811
):
    configure(PASSWORDLESS_EMAIL_LOGIN_URL=LINK)
    api.request_email(ADA)
    assert passwordless_last_code() in mail.outbox[0].body
    assert passwordless_last_link(ADA).startswith("https://app.example.com/login?to=ada%40example.com#token=")


def test_the_fixture_of_the_vendor_is_in_the_settings(ada, api, passwordless_vendor):  # noqa: F811
    api.request_mobile(NUMBER)
    assert api.exchange_mobile(NUMBER, passwordless_vendor.code).status_code == 200
    assert passwordless_vendor.post_webhook(Client()).status_code == 200


def test_without_pytest_django_settings_are_undone_too():
    finalizers = []
    config = SimpleNamespace(pluginmanager=pytest.PytestPluginManager())
    request = SimpleNamespace(config=config, addfinalizer=finalizers.append)
    pytest_plugin._override(request, testing.override(TOKEN_LIFETIME=1234))
    changed = package_settings.TOKEN_LIFETIME
    [undo] = finalizers
    undo()
    assert (changed, package_settings.TOKEN_LIFETIME) == (1234, 600)


def run(*command, **variables):
    """In a process of its own: exit code and all that was said."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("DJANGO_", "PYTEST_"))}
    environment = {**kept, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", **variables}
    done = subprocess.run(
        [sys.executable, *command], capture_output=True, text=True, env=environment, check=False, timeout=120
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.standalone
def test_the_plugin_imports_neither_django_nor_the_rest_of_the_package():
    program = (
        "import sys, jwt_drf_passwordless.pytest_plugin; "
        "print([name for name in sys.modules if name.partition('.')[0] in ('django', 'rest_framework', 'sms')"
        " or name.startswith('jwt_drf_passwordless.') and not name.endswith('.pytest_plugin')])"
    )
    assert run("-c", program) == (0, "[]\n")


@pytest.mark.standalone
def test_the_entry_point_leads_to_the_plugin():
    section = (ROOT / "pyproject.toml").read_text().split("[project.entry-points.pytest11]\n")[1].split("\n\n")[0]
    name, value = section.strip().split(" = ")
    plugin = EntryPoint(name, value.strip('"'), "pytest11").load()
    assert (name, plugin.__name__) == ("jwt_drf_passwordless", "jwt_drf_passwordless.pytest_plugin")
    table = PAGE.split("| fixture |")[1].split("\n\n")[0]
    listed = re.findall(r"`(passwordless_\w+)`", "".join(row.split("|")[1] for row in table.splitlines()[2:]))
    assert sorted(listed) == sorted(name for name in vars(plugin) if name.startswith("passwordless_"))


@pytest.mark.standalone
def test_a_project_without_django_does_not_notice_the_plugin(tmp_path):
    (tmp_path / "test_sum.py").write_text("def test_sum():\n    assert 1 + 1 == 2\n")
    code, said = run("-m", "pytest", "-p", "jwt_drf_passwordless.pytest_plugin", "-W", "error", "-q", str(tmp_path))
    assert code == 0, said


def in_example(tmp_path, block, *arguments):
    """Run a module of tests in the example project."""
    path = os.pathsep.join([str(ROOT / "example_project"), os.environ.get("PYTHONPATH", "")])
    variables = {"DJANGO_SETTINGS_MODULE": "config.settings", "DJANGO_DB": ":memory:", "PYTHONPATH": path}
    (tmp_path / "test_page.py").write_text(block)
    options = ["-p", "jwt_drf_passwordless.pytest_plugin", "-p", "no:cacheprovider", "-W", "error", "-q"]
    return run("-m", "pytest", *options, *arguments, str(tmp_path), **variables)


@pytest.mark.standalone
@pytest.mark.parametrize(("block", "count"), [(0, 3), (1, 4), (2, 1)], ids=["mixin", "fixtures", "vendor"])
def test_the_page_is_true(tmp_path, block, count):
    code, said = in_example(tmp_path, BLOCKS[block], "-p", "pytest_django.plugin")
    assert code == 0, said
    assert f"{count} passed" in said
    assert len(BLOCKS) == 3


WITHOUT_PYTEST_DJANGO = """
import django
import pytest
from django.conf import settings

django.setup()
from jwt_drf_passwordless.conf import settings as package_settings  # noqa: E402


def test_waits_are_off(passwordless_no_waits):
    assert package_settings.TOKEN_REQUEST_THROTTLE_SECONDS == 0


def test_the_vendor_is_in_the_settings(passwordless_vendor, passwordless_messages):
    assert package_settings.EXTERNAL_2FA["vendor"] is passwordless_vendor


@pytest.fixture(autouse=True, scope="module")
def _put_back():
    before = settings.JWT_DRF_PASSWORDLESS
    yield
    assert settings.JWT_DRF_PASSWORDLESS is before
"""


@pytest.mark.standalone
def test_the_fixtures_work_without_pytest_django(tmp_path):
    code, said = in_example(tmp_path, WITHOUT_PYTEST_DJANGO)
    assert code == 0, said
    assert "2 passed" in said


@pytest.mark.standalone
def test_the_page_lists_what_there_is():
    table = PAGE.split("## Functions\n")[1].split("\n\n`amr`")[0]
    listed = re.findall(r"`(\w+)\(", "".join(row.split("|")[1] for row in table.splitlines() if row.startswith("| `")))
    functions = {name for name in testing.__all__ if name.islower()}
    assert set(listed) == functions
    starred = {
        name for row in table.splitlines() if "* |" in row for name in re.findall(r"`(\w+)\(", row.split("|")[1])
    }
    assert starred == {name for name in functions if hasattr(testing.PasswordlessTestMixin, name)}
