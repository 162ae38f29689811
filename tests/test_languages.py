"""The translations: each sentence in each language, whole and compiled, and what users read of them."""

import ast
import re
from gettext import c2py
from pathlib import Path

import polib
import pytest
import sms
from django.core import mail
from django.utils import translation
from django.utils.translation.template import templatize

import jwt_drf_passwordless
from jwt_drf_passwordless.constants import Messages
from jwt_drf_passwordless.contact.notices import ContactChangedNotice
from jwt_drf_passwordless.email import PasswordlessRequestEmail
from jwt_drf_passwordless.sms import PasswordlessRequestSMS
from jwt_drf_passwordless.two_factor.email import EmailFactor
from jwt_drf_passwordless.two_factor.notices import SecondFactorChangedEmail
from jwt_drf_passwordless.two_factor.passkey.factor import PasskeyFactor
from jwt_drf_passwordless.two_factor.phone.factor import PhoneFactor
from jwt_drf_passwordless.two_factor.recovery import RecoveryCodeFactor
from jwt_drf_passwordless.two_factor.totp import TotpFactor
from tests.conftest import SCAN, sent_sms_code

PACKAGE = Path(jwt_drf_passwordless.__file__).parent
LOCALE = PACKAGE / "locale"
LOCALES = ["ar", "de", "es", "fi", "fr", "it", "ja", "nl", "pl", "pt_BR", "zh_Hans"]
#: English words that are words of these languages too.
SAME = {
    "de": {"Passkey", "Name"},
    "fr": {"session", "sessions"},
    "it": {"email", "passkey", "Passkey"},
    "nl": {"passkey", "Passkey"},
}
FACTORS = (EmailFactor, PasskeyFactor, PhoneFactor, RecoveryCodeFactor, TotpFactor)
#: 3GPP TS 23.038: one SMS holds 160 of these characters, or 70 UTF-16 units.
GSM = set(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)

in_each_language = pytest.mark.parametrize("locale", LOCALES)


def catalogue(locale):
    return polib.pofile(LOCALE / locale / "LC_MESSAGES" / "django.po", check_for_duplicates=True)


def forms(entry):
    """All translations of an entry, by the number of their plural form."""
    return entry.msgstr_plural if entry.msgid_plural else {0: entry.msgstr}


def marked(source):
    """The sentences in the gettext calls of a Python source."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            if node.func.id in {"_", "gettext", "gettext_lazy"}:
                yield node.args[0].value, ""
            elif node.func.id == "ngettext":
                yield node.args[0].value, node.args[1].value


def sentences():
    """What the sources mark for translation: Python, and the templates by Django's own reader."""
    for path in PACKAGE.rglob("*.py"):
        yield from marked(path.read_text("utf-8"))
    for path in PACKAGE.glob("templates/**/*.*"):
        one = r"u?(?:'[^']*'|\"[^\"]*\")"
        for call in re.findall(
            rf"gettext\({one}\)|ngettext\({one}, {one},\s*count\)", templatize(path.read_text("utf-8"))
        ):
            yield from marked(call)


def numbers_by_form(po):
    """For each plural form of a language the numbers that it serves."""
    plural = c2py(re.search(r"plural=(.+);", po.metadata["Plural-Forms"])[1])
    numbers = {}
    for number in range(1000):
        numbers.setdefault(plural(number), []).append(number)
    return numbers


def texts():
    """Everything that users and administrators read, in the current language."""
    code = {"token": "abc", "short_token": "012345", "user": None}
    contact = {"old": "a***@example.com", "new": "l***@example.com"}
    factor = {"factor": "", "name": "", "remaining": 3}
    for purpose in ("login", "change_contact"):
        for site_name in (None, "Acme"):
            context = code | {"purpose": purpose, "site_name": site_name}
            email = PasswordlessRequestEmail(None, context).render(["ada@example.com"])
            yield from (email.subject, email.body, email.alternatives[0][0])
            yield PasswordlessRequestSMS(None, context).render("+12015550123").body
    notices = [
        ContactChangedNotice(None, contact | {"method": method, "old": old})
        for method in ("EMAIL", "MOBILE")
        for old in ("", contact["old"])
    ]
    for notice in notices:
        yield notice.render_sms("+12015550123").body
    notices += [
        SecondFactorChangedEmail(None, factor | {"action": action})
        for action in ("added", "replaced", "removed", "recovery_code_used")
    ]
    for notice in notices:
        email = notice.render("ada@example.com")
        yield from (email.subject, email.body)
    yield from (str(value) for name, value in vars(Messages).items() if name.isupper())
    yield from (str(factor.label) for factor in FACTORS)


@pytest.mark.standalone
def test_the_languages_are_languages_of_django():
    assert sorted(path.name for path in LOCALE.iterdir()) == LOCALES
    for locale in LOCALES:
        assert (
            translation.to_locale(translation.get_supported_language_variant(translation.to_language(locale))) == locale
        )


@pytest.mark.standalone
@in_each_language
def test_a_catalogue_has_the_sentences_of_the_sources_and_no_others(locale):
    found = set(sentences())
    assert {("Sign in", ""), ("A second factor was removed from your account", "")} <= found
    assert {(entry.msgid, entry.msgid_plural) for entry in catalogue(locale)} == found


@pytest.mark.standalone
@in_each_language
def test_no_entry_is_missing_fuzzy_or_left_in_english(locale):
    po = catalogue(locale)
    assert len(po.translated_entries()) == len(po)
    assert not po.metadata_is_fuzzy
    assert not po.fuzzy_entries()
    assert not po.obsolete_entries()
    same = {entry.msgid for entry in po if {entry.msgid, entry.msgid_plural} & set(forms(entry).values())}
    assert same <= SAME.get(locale, set())


@pytest.mark.standalone
@in_each_language
def test_each_plural_form_is_there(locale):
    po = catalogue(locale)
    count = int(re.match(r"nplurals=(\d)", po.metadata["Plural-Forms"])[1])
    assert [sorted(forms(entry)) for entry in po if entry.msgid_plural] == [list(range(count))] * 2


@pytest.mark.standalone
@in_each_language
def test_placeholders_are_those_of_the_english_sentence(locale):
    po = catalogue(locale)
    numbers = numbers_by_form(po)
    for entry in po:
        expected = sorted(re.findall(r"%\(\w+\)s", entry.msgid))
        for form, text in forms(entry).items():
            # A form for one number alone may spell it out.
            spelled = entry.msgid_plural and len(numbers.get(form, ())) == 1 and "%" not in text
            assert spelled or sorted(re.findall(r"%\(\w+\)s", text)) == expected
            assert re.sub(r"%\(\w+\)s", "", text).count("%") == 0


@pytest.mark.standalone
@in_each_language
def test_the_compiled_catalogue_is_that_of_the_source(locale):
    po = catalogue(locale)
    mo = polib.mofile(LOCALE / locale / "LC_MESSAGES" / "django.mo")
    assert {(e.msgid, e.msgid_plural, *forms(e).items()) for e in mo} == {
        (e.msgid, e.msgid_plural, *forms(e).items()) for e in po
    }
    assert mo.metadata == po.metadata


@pytest.mark.standalone
@in_each_language
def test_no_text_is_the_english_one(locale, configure):
    configure(PASSWORDLESS_EMAIL_LOGIN_URL="https://app.example/login#token={token}")
    english = list(texts())
    with translation.override(translation.to_language(locale)):
        translated = list(texts())
    assert len(english) == len(translated) > 70
    same = {text for text, other in zip(english, translated, strict=True) if text == other}
    assert same <= SAME.get(locale, set())


@pytest.mark.standalone
@in_each_language
def test_the_code_to_sign_in_is_one_sms(locale, configure):
    configure(SITE_NAME="Acme")
    with translation.override(translation.to_language(locale)):
        body = PasswordlessRequestSMS(None, {"short_token": "012345"}).render("+12015550123").body
    assert "012345" in body
    assert "Acme" in body
    assert len(body) <= 160 if set(body) <= GSM else len(body.encode("utf-16-le")) <= 140


@pytest.mark.standalone
@pytest.mark.parametrize(
    ("language", "minutes", "sentence"),
    [
        ("pl", 1, "Można go użyć tylko raz, w ciągu 1 minuty."),
        ("pl", 2, "Można go użyć tylko raz, w ciągu 2 minut."),
        ("pl", 10, "Można go użyć tylko raz, w ciągu 10 minut."),
        ("ar", 1, "صالح للاستخدام مرة واحدة خلال دقيقة واحدة."),
        ("ar", 2, "صالح للاستخدام مرة واحدة خلال دقيقتين."),
        ("ar", 10, "صالح للاستخدام مرة واحدة خلال 10 دقائق."),
        ("ar", 11, "صالح للاستخدام مرة واحدة خلال 11 دقيقة."),
        ("ar", 100, "صالح للاستخدام مرة واحدة خلال 100 دقيقة."),
        ("ja", 10, "10 分以内に 1 回だけ使用できます。"),
    ],
)
def test_the_minutes_are_in_the_plural_of_the_language(configure, language, minutes, sentence):
    configure(TOKEN_LIFETIME=60 * minutes)
    with translation.override(language):
        email = PasswordlessRequestEmail(None, {"short_token": "012345"}).render(["ada@example.com"])
    assert sentence in email.body.splitlines()
    assert sentence in email.alternatives[0][0]


@pytest.fixture
def speak(settings):
    """The headers of a client that reads a language, at a site with Django's LocaleMiddleware."""
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, "django.middleware.locale.LocaleMiddleware"]
    with translation.override(translation.get_language()):  # the middleware leaves its language to the thread
        yield lambda language: {"headers": {"Accept-Language": language}}


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("accept", "detail", "subject", "code_is", "wrong"),
    [
        (
            "de-AT,en;q=0.5",
            "Wir haben Ihnen einen Code gesendet",
            "Ihr Anmeldecode für Acme",
            "Ihr Anmeldecode lautet:",
            "Ungültige Anmeldedaten",
        ),
        (
            "ar",
            "تم إرسال رمز إليك",
            "رمز تسجيل الدخول إلى Acme",
            "رمز تسجيل الدخول هو:",
            "بيانات تسجيل الدخول غير صحيحة",
        ),
    ],
)
def test_a_login_by_email_in_the_language_of_the_client(
    api, configure, make_user, speak, accept, detail, subject, code_is, wrong
):
    configure(SITE_NAME="Acme")
    make_user(email="ada@example.com")
    answer = api.request_email("ada@example.com", **speak(accept))
    assert answer.status_code == 200
    assert answer.json()["detail"] == detail
    assert mail.outbox[-1].subject == subject
    code = re.match(rf"{code_is} (\d{{6}})\n", mail.outbox[-1].body)[1]
    SCAN.used(code)
    other = code.translate(str.maketrans("0123456789", "1234567890"))
    refusal = api.exchange_email("ada@example.com", other, **speak(accept))
    assert (refusal.status_code, refusal.json()["detail"]) == (400, wrong)
    assert set(api.exchange_email("ada@example.com", code, **speak(accept)).json()) == {"refresh", "access"}


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("accept", "rest"),
    [
        ("de", "ist Ihr Anmeldecode. Geben Sie ihn nicht weiter."),
        ("ar", "هو رمز تسجيل الدخول. لا تشاركه مع أحد."),
        ("en", "is your sign-in code. Do not share it."),
        ("sv", "is your sign-in code. Do not share it."),
    ],
)
def test_a_login_by_sms_in_the_language_of_the_client(api, make_user, speak, accept, rest):
    make_user(phone="+12015550123")
    api.request_mobile("+12015550123", **speak(accept))
    code = sent_sms_code()
    assert sms.outbox[-1].body == f"{code} {rest}"
    assert api.exchange_mobile("+12015550123", code, **speak(accept)).status_code == 200
