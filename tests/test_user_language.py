"""`LANGUAGE_FOR_USER`: messages go out in the user's language, answers in that of the client."""

import logging
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest
import sms
from django.core import mail
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import translation

from jwt_drf_passwordless.delivery import Outgoing
from jwt_drf_passwordless.external_2fa import VerificationMethod
from jwt_drf_passwordless.two_factor.notices import notify
from tests.conftest import sent_sms_code
from tests.contact.conftest import Change
from tests.external_2fa import providers
from tests.external_2fa.providers import ScriptedProvider
from tests.two_factor.conftest import PHONE, TwoFactorApi, enrol, person

__all__ = ["person"]

pytestmark = pytest.mark.django_db

ADA, NUMBER, STRANGER = "ada@example.com", "+12015550123", "eve@example.com"
FACTORS = [
    "jwt_drf_passwordless.two_factor.phone.factor.PhoneFactor",
    "jwt_drf_passwordless.two_factor.email.EmailFactor",
]
#: What the project's function is asked about and answers, or raises.
ASKED = []
ANSWERS = {"language": "de"}
SUBJECTS = {
    "en": "Your sign-in code",
    "de": "Ihr Anmeldecode",
    "fr": "Votre code de connexion",
    "pt-br": "Seu código de login",
    "zh-hans": "您的登录验证码",
}


def language_of(user):
    """A project's own."""
    ASKED.append(user.pk)
    if isinstance(ANSWERS["language"], Exception):
        raise ANSWERS["language"]
    return ANSWERS["language"]


@pytest.fixture(autouse=True)
def _user_speaks(configure, settings):
    configure(LANGUAGE_FOR_USER=f"{__name__}.language_of", TOKEN_REQUEST_THROTTLE_SECONDS=0)
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, "django.middleware.locale.LocaleMiddleware"]
    ASKED.clear()
    ANSWERS.update(language="de")
    with translation.override("en"):  # the middleware leaves its language to the thread
        yield


FRENCH = {"headers": {"Accept-Language": "fr"}}


@pytest.mark.parametrize("language", ["de", "pt-br", "zh-hans"])
def test_the_message_is_in_the_language_of_the_user_and_the_answer_in_that_of_the_client(api, make_user, language):
    make_user(email=ADA)
    ANSWERS.update(language=language)
    answer = api.request_email(ADA, **FRENCH)
    assert answer.json()["detail"] == "Un code vous a été envoyé"
    assert mail.outbox[-1].subject == SUBJECTS[language]
    assert f'<html lang="{language}" dir="ltr">' in mail.outbox[-1].alternatives[0][0]


def test_an_sms_is_in_the_language_of_the_user(api, make_user):
    make_user(phone=NUMBER)
    api.request_mobile(NUMBER, **FRENCH)
    assert sms.outbox[-1].body.endswith("ist Ihr Anmeldecode. Geben Sie ihn nicht weiter.")


def test_html_of_a_language_from_right_to_left_says_so(api, make_user):
    make_user(email=ADA)
    ANSWERS.update(language="ar")
    api.request_email(ADA)
    assert '<html lang="ar" dir="rtl">' in mail.outbox[-1].alternatives[0][0]


@pytest.mark.parametrize(("code", "spoken"), [("de-AT", "de"), ("pt_BR", "pt-br"), ("zh-cn", "zh-hans"), ("DE", "de")])
def test_a_code_that_is_near_to_a_language_means_that(api, make_user, code, spoken):
    make_user(email=ADA)
    ANSWERS.update(language=code)
    api.request_email(ADA, **FRENCH)
    assert mail.outbox[-1].subject == SUBJECTS[spoken]


@pytest.mark.parametrize("code", [None, "", "xx", "klingon", "../de", "d" * 1000, "de\n"])
def test_without_a_language_of_the_site_it_is_that_of_the_request(api, make_user, caplog, code):
    make_user(email=ADA)
    ANSWERS.update(language=code)
    api.request_email(ADA, **FRENCH)
    assert mail.outbox[-1].subject == SUBJECTS["fr"]
    assert "LANGUAGE_FOR_USER" not in caplog.text


@pytest.mark.parametrize("failure", [ValueError(f"a secret of {ADA}"), KeyError("language"), 5])
def test_a_function_that_fails_costs_the_language_only(api, make_user, caplog, failure):
    user = make_user(email=ADA)
    ANSWERS.update(language=failure)
    assert api.request_email(ADA, **FRENCH).status_code == 200
    assert mail.outbox[-1].subject == SUBJECTS["fr"]
    (line,) = [record for record in caplog.records if "LANGUAGE_FOR_USER" in record.message]
    name = type(failure).__name__ if failure != 5 else "AttributeError"
    assert (line.levelno, line.name) == (logging.ERROR, "jwt_drf_passwordless.messages")
    assert line.message == f"LANGUAGE_FOR_USER has failed for the user {user.pk}: {name}"


@pytest.mark.parametrize("when", ["exchange", "request"])
def test_who_is_being_registered_reads_the_language_of_the_request(api, configure, when):
    configure(REGISTER_NONEXISTENT_USERS=True, REGISTER_ON=when)
    api.request_email(STRANGER, **FRENCH)
    assert mail.outbox[-1].subject == SUBJECTS["fr"]
    assert ASKED == []


def test_known_and_unknown_addresses_are_answered_alike_by_the_same_statements(api, make_user):
    make_user(email=ADA)
    seen = []
    for address in (ADA, STRANGER):
        api.request_email(address)  # what is kept for the next time
        with CaptureQueriesContext(connection) as queries:
            answer = api.request_email(address, **FRENCH)
        seen.append((answer.status_code, answer.content, dict(answer.headers), len(queries)))
    assert seen[0] == seen[1]
    assert {message.to[0] for message in mail.outbox} == {ADA}


class Queue:
    """A project's delivery class, whose worker has another language."""

    def deliver(self, outgoing):
        sealed = outgoing.seal()
        with translation.override("ja"):
            Outgoing.unseal(sealed).send()


@pytest.mark.parametrize("delivery", [f"{__name__}.Queue", "jwt_drf_passwordless.delivery.Inline"])
def test_whoever_sends_later_sends_what_was_written(api, configure, make_user, delivery):
    configure(DELIVERY=delivery)
    make_user(email=ADA)
    api.request_email(ADA, **FRENCH)
    assert mail.outbox[-1].subject == SUBJECTS["de"]
    assert "Der Code lautet" not in mail.outbox[-1].body
    assert "Ihr Anmeldecode lautet: " in mail.outbox[-1].body


def test_the_code_to_a_new_address_and_the_notices_of_it(make_user, configure):
    configure(SESSIONS={})
    make_user(email=ADA)
    api, change = (
        TwoFactorApi(),
        Change("email", ADA, "lovelace@example.com", "", "EMAIL_FIELD_NAME", "email", german_code),
    )
    access = change.access(api)
    change.ask(api, access, **FRENCH)
    assert mail.outbox[-1].subject == "Bestätigen Sie Ihre Adresse"
    change.confirm(api, access, **FRENCH)
    assert {message.to[0]: message.subject for message in mail.outbox[1:]} == dict.fromkeys(
        (ADA, "lovelace@example.com"), "Die E-Mail-Adresse Ihres Kontos wurde geändert"
    )
    change = Change("mobile", "", NUMBER, "", "MOBILE_FIELD_NAME", "phone", sent_sms_code)
    change.ask(api, access, **FRENCH)
    assert sms.outbox[-1].body.endswith("ist Ihr Code, um dieses Telefon zu bestätigen. Geben Sie ihn nicht weiter.")


def german_code():
    return re.search(r"lautet: (\d{6})", mail.outbox[-1].body)[1]


@pytest.fixture
def grace(person, configure):
    """A user whose phone is the second factor."""
    configure(TWO_FACTOR={"factors": FACTORS})
    return person(device=PHONE)


def test_the_code_of_the_second_step_by_sms(grace):
    TwoFactorApi().call("token/", TwoFactorApi.credentials(grace), **FRENCH)
    assert sms.outbox[-1].body.endswith("ist Ihr Anmeldecode. Geben Sie ihn nicht weiter.")


def test_the_code_of_a_factor_by_email_and_the_notice_of_it(grace):
    api = TwoFactorApi()
    ticket = api.token(grace).json()["ticket"]
    access = api.verify(ticket, sent_sms_code()).json()["access"]
    api.call("2fa/factors/email/", {}, access)
    assert mail.outbox[-1].subject == "Bestätigen Sie Ihre Adresse"
    api.call("2fa/factors/email/confirm/", {"token": german_code()}, access)
    assert mail.outbox[-1].subject == "Ein zweiter Faktor wurde Ihrem Konto hinzugefügt"
    assert mail.outbox[-1].body.startswith(
        "Dies ist jetzt ein zweiter Faktor Ihres Kontos: E-Mail (a***@example.com)\n"
    )


def test_a_notice_counts_in_the_plural_of_the_language(grace):
    ANSWERS.update(language="pl")
    sentences = []
    for remaining in (1, 3, 5):
        notify(grace, action="recovery_code_used", factor="", name="", remaining=remaining)
        sentences.append(mail.outbox[-1].body.splitlines()[0].partition(". ")[2])
    assert sentences == ["Pozostał 1 kod.", "Pozostały 3 kody.", "Pozostało 5 kodów."]


class LanguageProvider(ScriptedProvider):
    """One whose vendor is told the language."""

    uses_language = True

    def send_verification(self, phone_number, method=VerificationMethod.SMS, *, language="none"):
        providers.VENDOR.asked.append((self.name, "language", phone_number, language))
        return super().send_verification(phone_number, method)


@pytest.fixture
def languages(configure):
    """What the vendor of `LanguageProvider` was told."""
    providers.VENDOR.__init__()
    provider = {"provider": f"{__name__}.LanguageProvider", "escalate": ["sms", "call"]}
    configure(EXTERNAL_2FA=provider, REGISTER_NONEXISTENT_USERS=True, TWO_FACTOR={"phone": provider})
    cache.clear()
    return lambda: [detail for _, action, _, detail in providers.VENDOR.asked if action == "language"]


def test_a_vendor_is_told_the_language_of_the_user_and_none_of_a_stranger(api, make_user, languages):
    make_user(phone=NUMBER)
    api.request_mobile(NUMBER, **FRENCH)
    api.request_mobile("+12015550124", **FRENCH)
    assert languages() == ["de", "none"]


def test_a_vendor_that_knows_no_languages_is_told_none(api, configure, make_user, languages):
    configure(EXTERNAL_2FA={"provider": providers.PATH})
    make_user(phone=NUMBER)
    assert api.request_mobile(NUMBER).status_code == 200
    assert providers.VENDOR.actions() == [("first", "send")]


@pytest.mark.parametrize(("code", "told"), [("de", ["de", "de"]), (None, ["none", "none"])])
def test_the_next_channel_is_in_the_language_of_the_user_too(api, client, make_user, languages, code, told):
    make_user(phone=NUMBER)
    ANSWERS.update(language=code)
    api.request_mobile(NUMBER)
    failed = providers.event("failed", verification_id="first-1")
    headers = {"X-Signature": providers.SIGNATURE}
    client.post("/passwordless/external/webhook/", failed, content_type="application/json", headers=headers)
    assert languages() == told
    assert [detail for _, action, _, detail in providers.VENDOR.asked if action == "send"] == ["sms", "call"]


@pytest.mark.parametrize(("code", "told"), [("de", "de"), (None, "none")])
def test_a_vendor_of_the_second_factor_is_told_the_language(person, languages, code, told):
    ANSWERS.update(language=code)
    user = person()
    enrol(user, PHONE, provider="first")
    assert TwoFactorApi().token(user).status_code == 206
    assert languages() == [told]


def test_a_vendor_is_told_the_language_of_who_changes_the_number(make_user, languages):
    make_user(email=ADA)
    api = TwoFactorApi()
    access = Change("email", ADA, "", "", "EMAIL_FIELD_NAME", "email", german_code).access(api)
    Change("mobile", "", NUMBER, "", "MOBILE_FIELD_NAME", "phone", sent_sms_code).ask(api, access)
    assert languages() == ["de"]


def test_the_page_on_languages_is_true(api, configure, make_user, monkeypatch):
    page = (Path(__file__).parent.parent / "docs" / "languages.md").read_text()
    function, setting = re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL)
    shop, module, namespace = ModuleType("shop"), ModuleType("shop.languages"), {}
    exec(function, vars(module))  # noqa: S102 - our own page
    exec(setting, namespace)  # noqa: S102
    monkeypatch.setitem(sys.modules, "shop", shop)
    monkeypatch.setitem(sys.modules, "shop.languages", module)
    configure(**namespace["JWT_DRF_PASSWORDLESS"])
    user = make_user(email=ADA)
    monkeypatch.setattr(type(user), "language", "fr", raising=False)
    api.request_email(ADA)
    assert mail.outbox[-1].subject == SUBJECTS["fr"]
