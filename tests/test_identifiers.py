"""Which account an address or number names: one form for each, and never a look-alike's account."""

import re
import time
from email import message_from_bytes, policy

import pytest
import sms
from django.core import mail
from django.db import connection
from django.test.utils import CaptureQueriesContext

from jwt_drf_passwordless.conf import settings as package_settings
from tests.conftest import sent_code, sent_link_token, sent_sms_code
from tests.test_neutral_answers import BY_EMAIL, BY_MOBILE, each_way

pytestmark = pytest.mark.django_db

OTHER_NUMBER = "+12015550199"


def _signed_in(api, pair):
    """Whose token pair the answer holds: the user's id as text."""
    assert pair.status_code == 200
    return api.client.get("/whoami/", headers={"Authorization": f"Bearer {pair.json()['access']}"}).json()["id"]


@pytest.fixture
def links(configure):
    """Emails hold a link whose token the tests can read."""
    configure(PASSWORDLESS_EMAIL_LOGIN_URL="https://app.example/login#token={token}")


@pytest.mark.parametrize("stored", ["ada@example.com", "Ada@Example.com", "ADA@EXAMPLE.COM"])
@pytest.mark.parametrize("typed", ["ada@example.com", "aDa@eXample.com", " ADA@EXAMPLE.COM "])
def test_case_makes_no_difference_and_the_message_goes_to_the_stored_form(api, make_user, stored, typed):
    user = make_user(email=stored)

    api.request_email(typed)

    assert [message.to for message in mail.outbox] == [[stored]]
    assert _signed_in(api, api.exchange_email(typed, sent_code())) == str(user.pk)


def test_forms_of_one_address_share_one_cooldown(api, make_user):
    make_user(email="ada@example.com")

    assert api.request_email("ada@example.com").status_code == 200
    assert api.request_email("ADA@example.com").status_code == 429


LOOK_ALIKES = [
    pytest.param("mike@example.com", "m\u0131ke@example.com", id="dotless i"),
    pytest.param("mike@example.com", "M\u0130KE@example.com", id="dotted capital I"),
    pytest.param("mike@mike.example", "mike@m\u0131ke.example", id="dotless i in domain"),
    pytest.param("strasse@example.com", "stra\u00dfe@example.com", id="sharp s"),
    pytest.param("ada@strasse.example", "ada@stra\u00dfe.example", id="sharp s in domain"),
    pytest.param("ada@strasse.example", "ada@STRA\u1e9eE.example", id="capital sharp s in domain"),
    pytest.param("sister@example.com", "\u017fister@example.com", id="long s"),
    pytest.param("ada@\u03c3\u03b1\u03c3.example", "ada@\u03c3\u03b1\u03c2.example", id="final sigma"),
    pytest.param("ada@example.com", "\uff41da@example.com", id="full-width letter"),
    pytest.param("ada@example.com", "ada@\uff45xample.com", id="full-width letter in domain"),
    pytest.param("ada@example.com", "ada\uff20example.com", id="full-width at sign"),
    pytest.param("ada@example.com", "ada@example\u3002com", id="ideographic full stop"),
    pytest.param("ada@five.example", "ada@\ufb01ve.example", id="ligature"),
    pytest.param("ada@example.com", "ada@\u24d4xample.com", id="circled letter"),
    pytest.param("ada@x2.example", "ada@x\u00b2.example", id="superscript"),
    pytest.param("ada@caf\u00e9.example", "ada@cafe\u0301.example", id="combining accent"),
    pytest.param("ada@cafe.example", "ada@caf\u00e9.example", id="accent"),
    pytest.param("ada@example.com", "ada@ex\u00e4mple.com", id="umlaut"),
    pytest.param("ada@example.com", "ada@exa\u200bmple.com", id="zero-width space"),
    pytest.param("ada@example.com", "ada@exa\u00admple.com", id="soft hyphen"),
    pytest.param("ada@example.com", "\u0430da@example.com", id="cyrillic a"),
    pytest.param("ada@example.com", "ada@ex\u0430mple.com", id="cyrillic a in domain"),
    pytest.param("ada@example.com", "ada@example.com.", id="trailing dot"),
]


@pytest.mark.parametrize(("stored", "typed"), LOOK_ALIKES)
def test_a_look_alike_gets_no_message_of_another_account(api, make_user, stored, typed):
    make_user(email=stored)

    assert api.request_email(typed).status_code in {200, 400}
    assert mail.outbox == []


@pytest.mark.parametrize(("stored", "typed"), LOOK_ALIKES)
def test_a_look_alike_does_not_redeem_the_code_of_another_account(api, make_user, stored, typed):
    user = make_user(email=stored)
    api.request_email(stored)
    code = sent_code()

    assert api.exchange_email(typed, code).status_code == 400
    assert _signed_in(api, api.exchange_email(stored, code)) == str(user.pk)


def test_the_kelvin_sign_sends_nothing_to_the_submitted_address(api, make_user):
    # Its lower case is the letter k, so it names the account; but never where messages go (CVE-2019-19844).
    make_user(email="mike@example.com")

    assert api.request_email("mi\u212ae@example.com").status_code == 200
    assert [message.to for message in mail.outbox] == [["mike@example.com"]]


def test_registering_with_the_kelvin_sign_sends_nothing_to_the_submitted_address(api, configure):
    configure(REGISTER_NONEXISTENT_USERS=True)

    api.request_email("mi\u212ae@example.com")

    assert [message.to for message in mail.outbox] == [["mike@example.com"]]


NO_EMAIL = [
    '"ada"@example.com',
    '"ada smith"@example.com',
    '"ada@evil.example"@example.com',
    "ada@[127.0.0.1]",
    "ada@[IPv6:::1]",
    "ada@127.0.0.1",
    "ada(comment)@example.com",
    "Ada <ada@example.com>",
    "<ada@example.com>",
    "ada@example.com,eve@example.com",
    "ada@example.com;eve@example.com",
    "ada@example.com eve@example.com",
    "ada@example.com\nBcc: eve@example.com",
    "ada@example.com\r\nBcc: eve@example.com",
    "ada\n@example.com",
    "ada@exam\nple.com",
    "ada@exam\u2028ple.com",
    "ada@exam\u2029ple.com",
    "ada@exam\u202eple.com",
    "ada@exam\u0085ple.com",
    "ada\x00@example.com",
    "ada@example.com\x00",
    "ada@exam\x00ple.com",
    "ada\x07@example.com",
    "ada@exam\x1bple.com",
    "ada\x7f@example.com",
    "ada\ud800@example.com",
    "ada@ex\udfffample.com",
    "\ud83d",
    "ada@@example.com",
    "ada",
    "@example.com",
    "ada@",
    "ada@.example.com",
    "ada@example..com",
    "ada@-example.com",
    ".ada@example.com",
    "ada..b@example.com",
    "",
    " ",
    None,
    5,
    True,
    1.5,
    [],
    ["ada@example.com"],
    {},
    {"contains": "@"},
]


@pytest.mark.parametrize("typed", NO_EMAIL, ids=ascii)
def test_what_is_no_plain_email_address_is_refused_by_a_request(api, make_user, typed):
    make_user(email="ada@example.com")

    answer = api.request_email(typed)

    assert (answer.status_code, list(answer.json())) == (400, [package_settings.EMAIL_FIELD_NAME])
    assert mail.outbox == []


@pytest.mark.parametrize("typed", NO_EMAIL, ids=ascii)
def test_what_is_no_plain_email_address_is_refused_by_an_exchange(api, typed):
    answer = api.exchange_email(typed, "123456")

    assert (answer.status_code, list(answer.json())) == (400, [package_settings.EMAIL_FIELD_NAME])


@pytest.mark.parametrize(
    "typed",
    [
        pytest.param("a" * 243 + "@example.com", id="255 characters"),
        pytest.param("ada@" + "\u00e4" * 240 + ".example", id="255 characters that are not ASCII"),
        pytest.param("\ufdfa" * 2_500 + "@example.com", id="18 letters out of each by NFKC"),
        pytest.param("ada@" + "a." * 7_000 + "com", id="many labels"),
        pytest.param("\u0300" * 2_500, id="combining marks"),
    ],
)
def test_an_address_that_is_too_long_is_refused_at_once(api, typed):
    start = time.monotonic()

    assert api.request_email(typed).status_code == 400
    assert api.exchange_email(typed, "123456").status_code == 400
    assert time.monotonic() - start < 2


def test_an_address_of_254_characters_is_taken(api, make_user):
    longest = "a" * 60 + "@" + ".".join(["b" * 62] * 3) + ".exam"
    assert len(longest) == 254
    make_user(email=longest)

    assert api.request_email(longest).status_code == 200
    assert [message.to for message in mail.outbox] == [[longest]]


@pytest.mark.parametrize("request_it", [BY_EMAIL.request, BY_MOBILE.request], ids=["email", "mobile"])
def test_a_megabyte_is_refused_at_once_as_too_large(api, request_it):
    start = time.monotonic()

    assert request_it(api, "a" * 1_000_000).status_code == 413
    assert time.monotonic() - start < 2


def test_the_message_has_one_recipient_and_no_header_of_the_submitted_text(api, make_user):
    make_user(email="Ada@example.com")

    api.request_email(" aDA@Example.com\r\n")

    message = message_from_bytes(mail.outbox[0].message().as_bytes(), policy=policy.default)
    assert message.get_all("To") == ["Ada@example.com"]
    assert message.get_all("Cc") is message.get_all("Bcc") is None
    assert "aDA" not in str(message)


def test_the_address_is_compared_without_case_by_default(api, make_user):
    make_user(email="ada@example.com")

    with CaptureQueriesContext(connection) as queries:
        api.request_email("ada@example.com")

    assert "LOWER(" in queries[0]["sql"]


def test_an_exact_lookup_compares_the_bare_column_with_the_canonical_form(api, make_user, configure):
    configure(EMAIL_LOOKUP="exact")
    user = make_user(email="ada@example.com")

    with CaptureQueriesContext(connection) as queries:
        api.request_email("ADA@Example.com")

    column = connection.ops.quote_name(package_settings.EMAIL_FIELD_NAME)
    assert re.search(rf"{column} = '?ada@example.com", queries[0]["sql"])
    assert _signed_in(api, api.exchange_email("Ada@example.com", sent_code())) == str(user.pk)


# Two accounts with one address. The column `password` stands for the address here: the one text column that
# every user model has and that need not be unique.


@pytest.fixture
def sharing(make_user, configure):
    """Make users who hold these texts, by email and by number alike."""

    def make(way, *identifiers):
        configure(**{way.field_setting: "password"})
        users = [make_user() for _ in identifiers]
        for user, identifier in zip(users, identifiers, strict=True):
            user.password = identifier
            user.save()
        return users

    return make


@each_way
def test_two_accounts_with_one_address_are_both_refused(api, sharing, way):
    sharing(way, way.known, way.known)

    assert way.request(api, way.known).status_code == 200
    assert way.outbox == []


@each_way
def test_two_accounts_with_one_address_are_logged_with_the_address_masked(api, sharing, caplog, way):
    sharing(way, way.known, way.known)

    way.request(api, way.known)

    assert {"email": "a***@example.com", "mobile": "***23"}[way.name] in caplog.text
    assert way.known not in caplog.text


def test_two_accounts_whose_addresses_differ_in_case_are_both_refused(api, sharing):
    sharing(BY_EMAIL, "ada@example.com", "Ada@Example.com")

    assert api.request_email("ada@example.com").status_code == 200
    assert mail.outbox == []


@each_way
def test_two_accounts_with_one_address_get_no_third_one(api, sharing, configure, way):
    configure(REGISTER_NONEXISTENT_USERS=True)
    sharing(way, way.known, way.known)

    assert way.request(api, way.known).status_code == 200
    assert way.outbox == []


@each_way
def test_a_newcomer_whose_address_two_accounts_took_meanwhile_is_refused(api, sharing, configure, way):
    configure(REGISTER_NONEXISTENT_USERS=True, **{way.field_setting: "password"})
    way.request(api, way.known)
    code = way.last_code()
    sharing(way, way.known, way.known)

    answer = way.exchange(api, way.known, code)

    assert (answer.status_code, answer.json()["detail"]) == (400, "Invalid credentials")


def test_accounts_whose_addresses_the_database_takes_for_equal_do_not_hide_the_right_one(api, sharing):
    # MariaDB's usual collations ignore accents.
    *_, adam = sharing(BY_EMAIL, "\u00e1dam@example.com", "ad\u00e1m@example.com", "adam@example.com")

    api.request_email("adam@example.com")

    assert [message.to for message in mail.outbox] == [["adam@example.com"]]
    assert _signed_in(api, api.exchange_email("adam@example.com", sent_code())) == str(adam.pk)


def test_accounts_whose_addresses_the_database_takes_for_equal_do_not_hide_a_double(api, sharing):
    sharing(BY_EMAIL, "adam@example.com", "ad\u00e1m@example.com", "adam@example.com")

    api.request_email("adam@example.com")

    assert mail.outbox == []


FORMS_OF_THE_NUMBER = [
    "+1 (201) 555-0123",
    " +1-201-555-0123 ",
    "+1.201.555.0123",
    "+\uff11\uff12\uff10\uff11\uff15\uff15\uff15\uff10\uff11\uff12\uff13",
    "\uff0b12015550123",
    "+\u0661\u0662\u0660\u0661\u0665\u0665\u0665\u0660\u0661\u0662\u0663",
    "tel:+1-201-555-0123",
]


@pytest.mark.parametrize("typed", FORMS_OF_THE_NUMBER)
def test_forms_of_one_number_name_one_account(api, make_user, typed):
    user = make_user(phone="+12015550123")

    api.request_mobile(typed)

    assert [message.recipients for message in sms.outbox] == [["+12015550123"]]
    assert _signed_in(api, api.exchange_mobile("+12015550123", sent_sms_code())) == str(user.pk)


@pytest.mark.parametrize("typed", FORMS_OF_THE_NUMBER)
def test_forms_of_one_number_share_one_cooldown_and_one_code(api, make_user, typed):
    user = make_user(phone="+12015550123")
    api.request_mobile("+12015550123")

    assert api.request_mobile(typed).status_code == 429
    assert _signed_in(api, api.exchange_mobile(typed, sent_sms_code())) == str(user.pk)


@pytest.mark.parametrize("typed", ["2015550123", "(201) 555-0123", "1 201 555 0123", "+12015550123"])
def test_a_national_number_is_one_of_the_default_region(api, make_user, settings, typed):
    settings.PHONENUMBER_DEFAULT_REGION = "US"
    user = make_user(phone="+12015550123")

    assert api.request_mobile(typed).status_code == 200
    assert api.request_mobile("+12015550123").status_code == 429
    assert _signed_in(api, api.exchange_mobile(typed, sent_sms_code())) == str(user.pk)


NO_NUMBER = [
    "+12015550123 ext. 5",
    "+12015550123;ext=5",
    "+12015550123x5",
    "+12015550123#5",
    "2015550123",
    "12015550123",
    "911",
    "112",
    "+1911",
    "+19002345678",
    "+449012345678",
    "+448431234567",
    "+3531850123456",
    "+37181123456",
    "+1201555012",
    "+120155501234",
    "+999123456789",
    "+12015550123,+12015550124",
    "+1201\n5550123",
    "+12015550123\x00",
    "+1201\x005550123",
    "+1201\x075550123",
    "+1201\u200e5550123",
    "+1201\ud8005550123",
    "+" + " " * 21 + "12015550123",
    "+" + "1" * 15_000,
    "ada@example.com",
    "+",
    "",
    None,
    12015550123,
    1.2,
    True,
    [],
    ["+12015550123"],
    {"startswith": "+1"},
]


@pytest.mark.parametrize("typed", NO_NUMBER, ids=lambda value: ascii(value)[:40])
def test_what_is_no_number_of_a_subscriber_is_refused_by_a_request(api, make_user, typed):
    make_user(phone="+12015550123")

    answer = api.request_mobile(typed)

    assert (answer.status_code, list(answer.json())) == (400, [package_settings.MOBILE_FIELD_NAME])
    assert sms.outbox == []


@pytest.mark.parametrize("typed", NO_NUMBER, ids=lambda value: ascii(value)[:40])
def test_what_is_no_number_of_a_subscriber_is_refused_by_an_exchange(api, typed):
    answer = api.exchange_mobile(typed, "123456")

    assert (answer.status_code, list(answer.json())) == (400, [package_settings.MOBILE_FIELD_NAME])


@pytest.mark.parametrize("number", ["+19002345678", "+3531850123456"], ids=["premium", "shared cost"])
def test_no_message_goes_to_a_number_that_costs_extra_even_when_an_account_has_it(api, make_user, number):
    make_user(phone=number)

    assert api.request_mobile(number).status_code == 400
    assert sms.outbox == []


def test_a_code_sent_by_email_fails_on_the_mobile_routes(api, make_user):
    make_user(email="ada@example.com", phone="+12015550123")
    api.request_email("ada@example.com")
    code = sent_code()

    assert api.exchange_mobile("+12015550123", code).status_code == 400
    body = {package_settings.MOBILE_FIELD_NAME: "+12015550123", "token": code}
    assert api.post("exchange/", body).status_code == 400
    assert api.exchange_email("ada@example.com", code).status_code == 200


def test_a_code_sent_by_sms_fails_on_the_email_routes(api, make_user):
    make_user(email="ada@example.com", phone="+12015550123")
    api.request_mobile("+12015550123")
    code = sent_sms_code()

    assert api.exchange_email("ada@example.com", code).status_code == 400
    body = {package_settings.EMAIL_FIELD_NAME: "ada@example.com", "token": code}
    assert api.post("exchange/", body).status_code == 400
    assert api.exchange_mobile("+12015550123", code).status_code == 200


@each_way
def test_the_code_of_one_account_fails_for_another(api, make_user, configure, way):
    configure(SHORT_TOKEN_LENGTH=12)  # so that two codes are never equal by chance
    make_user(**way.held(way.known))
    make_user(**way.held(way.unknown))
    way.request(api, way.known)
    code = way.last_code()
    way.request(api, way.unknown)

    assert way.exchange(api, way.unknown, code).status_code == 400
    assert way.exchange(api, way.known, code).status_code == 200


@each_way
def test_an_account_that_got_another_address_is_not_reached_by_the_old_one(api, make_user, way):
    user = make_user(**way.held(way.known))
    way.request(api, way.known)
    setattr(user, way.field, way.unknown)
    user.save()

    answer = way.exchange(api, way.known, way.last_code())

    assert (answer.status_code, answer.json()["detail"]) == (400, "Invalid credentials")


@each_way
def test_a_code_for_an_address_that_moved_to_another_account_lets_nobody_in(api, make_user, way):
    first = make_user(**way.held(way.known))
    way.request(api, way.known)
    setattr(first, way.field, way.unknown)
    first.save()
    make_user(**way.held(way.known))

    assert way.exchange(api, way.known, way.last_code()).status_code == 400


@each_way
def test_two_accounts_that_swapped_addresses_are_not_let_in_by_codes_from_before(api, make_user, way):
    third = {"email": "eve@example.com", "mobile": OTHER_NUMBER}[way.name]
    first, second = make_user(**way.held(way.known)), make_user(**way.held(way.unknown))
    way.request(api, way.known)
    first_code = way.last_code()
    way.request(api, way.unknown)
    second_code = way.last_code()
    for user, identifier in ((first, third), (second, way.known), (first, way.unknown)):
        setattr(user, way.field, identifier)
        user.save()

    assert way.exchange(api, way.known, first_code).status_code == 400
    assert way.exchange(api, way.unknown, second_code).status_code == 400


@each_way
def test_the_code_of_a_deleted_account_is_void(api, make_user, configure, way):
    configure(REGISTER_NONEXISTENT_USERS=True)
    user = make_user(**way.held(way.known))
    way.request(api, way.known)
    user.delete()

    assert way.exchange(api, way.known, way.last_code()).status_code == 400


@each_way
def test_the_code_of_a_deleted_account_is_void_for_the_next_holder_of_the_address(api, make_user, way):
    user = make_user(**way.held(way.known))
    way.request(api, way.known)
    user.delete()
    make_user(**way.held(way.known))

    assert way.exchange(api, way.known, way.last_code()).status_code == 400


@pytest.mark.parametrize("route", ["exchange/", "exchange/email/"])
def test_a_link_with_the_address_of_another_account_is_refused_and_still_works(api, make_user, links, route):
    ada = make_user(email="ada@example.com")
    make_user(email="bob@example.com")
    api.request_email("ada@example.com")
    token = sent_link_token()

    body = {package_settings.EMAIL_FIELD_NAME: "bob@example.com", "token": token}
    assert api.post(route, body).status_code == 400
    assert _signed_in(api, api.post(route, {"token": token})) == str(ada.pk)


@pytest.mark.parametrize("number", ["+12015550123", "+12015550124"], ids=["own", "of another account"])
def test_an_email_link_with_a_number_is_refused_and_still_works(api, make_user, links, number):
    ada = make_user(email="ada@example.com", phone="+12015550123")
    make_user(phone="+12015550124")
    api.request_email("ada@example.com")
    token = sent_link_token()

    assert api.exchange_mobile(number, token).status_code == 400
    assert api.post("exchange/", {package_settings.MOBILE_FIELD_NAME: number, "token": token}).status_code == 400
    assert _signed_in(api, api.post("exchange/", {"token": token})) == str(ada.pk)


def test_an_email_link_alone_is_refused_by_the_mobile_route_and_still_works(api, make_user, links):
    ada = make_user(email="ada@example.com")
    api.request_email("ada@example.com")
    token = sent_link_token()

    assert api.post("exchange/mobile/", {"token": token}).status_code == 400
    assert _signed_in(api, api.post("exchange/email/", {"token": token})) == str(ada.pk)


def test_a_link_with_its_own_address_in_another_case_is_accepted(api, make_user, links):
    ada = make_user(email="ada@example.com")
    api.request_email("ada@example.com")

    pair = api.post("exchange/", {package_settings.EMAIL_FIELD_NAME: "ADA@example.com", "token": sent_link_token()})

    assert _signed_in(api, pair) == str(ada.pk)


def test_a_link_is_void_once_the_account_has_another_address(api, make_user, links):
    user = make_user(email="ada@example.com")
    api.request_email("ada@example.com")
    setattr(user, BY_EMAIL.field, "new@example.com")
    user.save()

    assert api.post("exchange/", {"token": sent_link_token()}).status_code == 400


def test_an_address_and_a_number_together_are_refused(api, make_user):
    make_user(email="ada@example.com", phone="+12015550123")
    api.request_email("ada@example.com")

    body = {
        package_settings.EMAIL_FIELD_NAME: "ada@example.com",
        package_settings.MOBILE_FIELD_NAME: "+12015550123",
        "token": sent_code(),
    }
    assert api.post("exchange/", body).status_code == 400


@pytest.mark.parametrize(
    "address",
    [
        "ada@exa\ufe0fmple.com",  # IDNA drops variation selectors and joiners: the mail would go to ada@example.com
        "ada@ex\u034fample.com",
        "ada@exam\u180bple.com",
        "=?utf-8?q?ada?=@example.com",  # mailers decode such words
        "=?iso-8859-1?q?=61da?=@example.com",
        "\u0130@example.com",  # its lower case is no address
    ],
)
def test_another_spelling_of_a_mailbox_is_refused(api, configure, address):
    configure(REGISTER_NONEXISTENT_USERS=True)
    assert api.request_email(address).status_code == 400


def test_a_domain_in_another_script_is_served(api, make_user):
    make_user(email="ada@ex\u00e4mple.com")
    assert api.request_email("ada@ex\u00c4mple.com").status_code == 200
    assert [message.to for message in mail.outbox] == [["ada@ex\u00e4mple.com"]]


@pytest.mark.parametrize("lookup", ["iexact", "exact"])
def test_many_accounts_with_accents_do_not_hide_the_plain_one(api, make_user, configure, lookup):
    configure(EMAIL_LOOKUP=lookup, EMAIL_FIELD_NAME="password")
    for number in range(24):
        user = make_user()
        user.password = f"ada@ex\u00e0mple.com{' ' * number}" if number else "ada@example.com"
        user.save()
    assert api.request_email("ada@example.com").status_code == 200
    assert len(mail.outbox) == 1
