"""What may stand in the body of an exchange: which identifier, which key for the token, which route."""

import pytest

from jwt_drf_passwordless.conf import settings as package_settings
from jwt_drf_passwordless.services import PasswordlessTokenService

pytestmark = pytest.mark.django_db

EMAIL = "ada@example.com"
PHONE = "+12015550123"
OTHER_EMAIL = "bob@example.com"
OTHER_PHONE = "+447400123456"
INVALID = (400, {"detail": "Invalid credentials", "code": "invalid_credentials"})
DISABLED = (404, {"detail": "This way of signing in is not available.", "code": "method_disabled"})
BAD_LENGTH_TOKENS = ["123456", "a" * 63, "a" * 65]


@pytest.fixture
def user(make_user):
    return make_user(email=EMAIL, phone=PHONE)


@pytest.fixture
def email_challenge(user):
    return PasswordlessTokenService.create_token(user, package_settings.EMAIL_FIELD_NAME)


@pytest.fixture
def mobile_challenge(user):
    return PasswordlessTokenService.create_token(user, package_settings.MOBILE_FIELD_NAME)


def by_email(value=EMAIL):
    return {package_settings.EMAIL_FIELD_NAME: value}


def by_phone(value=PHONE):
    return {package_settings.MOBILE_FIELD_NAME: value}


def outcome(answer):
    return answer.status_code, answer.json()


def is_pair(answer):
    return answer.status_code == 200 and answer.json().keys() == {"refresh", "access"}


@pytest.mark.parametrize("route", ["exchange/", "exchange/email/"])
def test_a_code_is_taken_with_its_email_address(api, email_challenge, route):
    assert is_pair(api.post(route, {"token": email_challenge.short_token, **by_email()}))


@pytest.mark.parametrize("route", ["exchange/", "exchange/mobile/"])
def test_a_code_is_taken_with_its_phone_number(api, mobile_challenge, route):
    assert is_pair(api.post(route, {"token": mobile_challenge.short_token, **by_phone()}))


@pytest.mark.parametrize("route", ["exchange/", "exchange/email/"])
@pytest.mark.parametrize("identifier", [dict, by_email], ids=["alone", "with its address"])
def test_a_link_of_an_email_needs_no_identifier(api, email_challenge, route, identifier):
    assert is_pair(api.post(route, {"token": email_challenge.token, **identifier()}))


@pytest.mark.parametrize("route", ["exchange/", "exchange/mobile/"])
@pytest.mark.parametrize("identifier", [dict, by_phone], ids=["alone", "with its number"])
def test_a_link_of_a_phone_number_needs_no_identifier(api, mobile_challenge, route, identifier):
    assert is_pair(api.post(route, {"token": mobile_challenge.token, **identifier()}))


@pytest.mark.parametrize("route", ["exchange/", "exchange/email/", "exchange/mobile/"])
@pytest.mark.parametrize("attribute", ["short_token", "token"])
def test_the_token_may_stand_under_code(api, email_challenge, mobile_challenge, route, attribute):
    challenge, identifier = (mobile_challenge, by_phone()) if "mobile" in route else (email_challenge, by_email())
    assert is_pair(api.post(route, {"code": getattr(challenge, attribute), **identifier}))


def test_token_goes_before_code(api, email_challenge):
    body = {"code": email_challenge.short_token, "token": "x", **by_email()}
    assert outcome(api.post("exchange/email/", body)) == INVALID


@pytest.mark.parametrize("route", ["exchange/", "exchange/email/"])
@pytest.mark.parametrize("spaced", ["{0} {1}", "{0}-{1}", " {0}{1} "])
def test_spaces_and_hyphens_of_people_are_dropped(api, email_challenge, route, spaced):
    code = email_challenge.short_token
    assert is_pair(api.post(route, {"token": spaced.format(code[:3], code[3:]), **by_email()}))


@pytest.mark.parametrize("attribute", ["short_token", "token"])
def test_two_identifiers_are_refused_and_use_nothing_up(api, email_challenge, attribute):
    token = getattr(email_challenge, attribute)
    answer = api.post("exchange/", {"token": token, **by_email(), **by_phone()})
    assert outcome(answer) == (
        400,
        {"non_field_errors": ["Give an email address or a phone number, not both."]},
    )
    assert is_pair(api.post("exchange/", {"token": token, **by_email()}))


@pytest.mark.parametrize("token", BAD_LENGTH_TOKENS)
@pytest.mark.parametrize("route", ["exchange/", "exchange/email/"])
def test_a_code_without_an_identifier_asks_for_the_email_address(api, route, token):
    answer = api.post(route, {"token": token})
    assert outcome(answer) == (400, {package_settings.EMAIL_FIELD_NAME: ["This field is required."]})


@pytest.mark.parametrize("token", BAD_LENGTH_TOKENS)
def test_a_code_without_an_identifier_asks_for_the_phone_number(api, token):
    answer = api.post("exchange/mobile/", {"token": token})
    assert outcome(answer) == (400, {package_settings.MOBILE_FIELD_NAME: ["This field is required."]})


def test_a_code_without_an_identifier_asks_for_that_of_a_method_that_is_on(api, configure):
    configure(ALLOWED_PASSWORDLESS_METHODS=["MOBILE"])
    answer = api.post("exchange/", {"token": "123456"})
    assert outcome(answer) == (400, {package_settings.MOBILE_FIELD_NAME: ["This field is required."]})


@pytest.mark.parametrize("route", ["exchange/", "exchange/email/", "exchange/mobile/"])
@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({}, "This field is required."),
        ({"token": ""}, "This field may not be blank."),
        ({"token": "   "}, "This field may not be blank."),
        ({"token": None}, "This field may not be null."),
        ({"code": ""}, "This field may not be blank."),
        ({"code": None}, "This field may not be null."),
        ({"token": 123456}, "Not a valid string."),
        ({"token": True}, "Not a valid string."),
        ({"token": ["123456"]}, "Not a valid string."),
        ({"token": "a" * 256}, "Ensure this field has no more than 255 characters."),
    ],
)
def test_a_token_that_is_none_is_an_error_of_the_field(api, route, body, sentence):
    identifier = by_phone() if "mobile" in route else by_email()
    assert outcome(api.post(route, {**body, **identifier})) == (400, {"token": [sentence]})


@pytest.mark.parametrize("token", ["-", "- - -", "000000"])
def test_a_token_of_nothing_but_separators_is_as_wrong_as_any(api, email_challenge, token, configure):
    configure(SHORT_TOKEN_CHARS="123456789")
    assert outcome(api.post("exchange/email/", {"token": token, **by_email()})) == INVALID


@pytest.mark.parametrize("identifier", ["", None, 7, "ada", ["ada@example.com"], {"a": "b"}])
@pytest.mark.parametrize("route", ["exchange/", "exchange/email/"])
def test_a_malformed_email_address_is_an_error_of_the_field(api, route, identifier):
    answer = api.post(route, {"token": "123456", **by_email(identifier)})
    assert answer.status_code == 400
    assert answer.json().keys() == {package_settings.EMAIL_FIELD_NAME}


@pytest.mark.parametrize("identifier", ["", None, 12015550123, "12", "+1201555012", ["+12015550123"]])
@pytest.mark.parametrize("route", ["exchange/", "exchange/mobile/"])
def test_a_malformed_phone_number_is_an_error_of_the_field(api, route, identifier):
    answer = api.post(route, {"token": "123456", **by_phone(identifier)})
    assert answer.status_code == 400
    assert answer.json().keys() == {package_settings.MOBILE_FIELD_NAME}


def test_the_email_route_refuses_a_link_of_a_phone_number_and_leaves_it(api, mobile_challenge):
    assert outcome(api.post("exchange/email/", {"token": mobile_challenge.token})) == INVALID
    assert is_pair(api.post("exchange/mobile/", {"token": mobile_challenge.token}))


def test_the_mobile_route_refuses_a_link_of_an_email_and_leaves_it(api, email_challenge):
    assert outcome(api.post("exchange/mobile/", {"token": email_challenge.token})) == INVALID
    assert is_pair(api.post("exchange/email/", {"token": email_challenge.token}))


def test_the_email_route_does_not_read_a_phone_number(api, mobile_challenge):
    answer = api.post("exchange/email/", {"token": mobile_challenge.short_token, **by_phone()})
    assert outcome(answer) == (400, {package_settings.EMAIL_FIELD_NAME: ["This field is required."]})


@pytest.mark.parametrize("route", ["exchange/", "exchange/email/"])
@pytest.mark.parametrize("attribute", ["short_token", "token"])
def test_what_was_sent_to_one_address_does_not_open_another(api, email_challenge, make_user, route, attribute):
    make_user(email=OTHER_EMAIL)
    token = getattr(email_challenge, attribute)
    assert outcome(api.post(route, {"token": token, **by_email(OTHER_EMAIL)})) == INVALID
    assert is_pair(api.post(route, {"token": token, **by_email()}))


@pytest.mark.parametrize("route", ["exchange/", "exchange/mobile/"])
@pytest.mark.parametrize("attribute", ["short_token", "token"])
def test_what_was_sent_to_one_number_does_not_open_another(api, mobile_challenge, make_user, route, attribute):
    make_user(phone=OTHER_PHONE)
    token = getattr(mobile_challenge, attribute)
    assert outcome(api.post(route, {"token": token, **by_phone(OTHER_PHONE)})) == INVALID
    assert is_pair(api.post(route, {"token": token, **by_phone()}))


@pytest.mark.parametrize("attribute", ["short_token", "token"])
def test_what_was_sent_by_email_is_not_proof_of_the_same_users_phone(api, email_challenge, attribute):
    body = {"token": getattr(email_challenge, attribute), **by_phone()}
    assert outcome(api.post("exchange/", body)) == INVALID


def test_an_identifier_in_another_spelling_is_the_same(api, email_challenge, mobile_challenge):
    assert is_pair(api.post("exchange/", {"token": email_challenge.short_token, **by_email("ADA@Example.COM")}))
    spelled = by_phone("+1 (201) 555-0123")
    assert is_pair(api.post("exchange/", {"token": mobile_challenge.short_token, **spelled}))


@pytest.mark.parametrize("attribute", ["short_token", "token"])
def test_a_phone_number_is_refused_with_404_while_its_method_is_off(api, mobile_challenge, configure, attribute):
    configure(ALLOWED_PASSWORDLESS_METHODS=["EMAIL"])
    body = {"token": getattr(mobile_challenge, attribute), **by_phone()}
    assert outcome(api.post("exchange/", body)) == DISABLED


@pytest.mark.parametrize("attribute", ["short_token", "token"])
def test_an_email_address_is_refused_with_404_while_its_method_is_off(api, email_challenge, configure, attribute):
    configure(ALLOWED_PASSWORDLESS_METHODS=["MOBILE"])
    body = {"token": getattr(email_challenge, attribute), **by_email()}
    assert outcome(api.post("exchange/", body)) == DISABLED


def test_a_link_of_a_method_that_is_off_is_invalid(api, email_challenge, mobile_challenge, configure):
    configure(ALLOWED_PASSWORDLESS_METHODS=["EMAIL"])
    assert outcome(api.post("exchange/", {"token": mobile_challenge.token})) == INVALID

    configure(ALLOWED_PASSWORDLESS_METHODS=["MOBILE"])
    assert outcome(api.post("exchange/", {"token": email_challenge.token})) == INVALID


@pytest.mark.parametrize(("methods", "expected"), [(["EMAIL"], INVALID), (["MOBILE"], INVALID), ([], DISABLED)])
def test_the_common_route_is_off_only_when_both_methods_are(api, configure, methods, expected):
    configure(ALLOWED_PASSWORDLESS_METHODS=methods)
    assert outcome(api.post("exchange/", {"token": "a" * 64})) == expected


def test_unknown_keys_of_the_body_are_ignored(api, email_challenge):
    body = {"token": email_challenge.short_token, "is_staff": True, "user": 1, "id": 7, **by_email()}
    assert is_pair(api.post("exchange/", body))


def test_the_name_of_another_user_field_is_no_identifier(api, email_challenge):
    body = {"token": email_challenge.short_token, "pk": "1", "contact": EMAIL}
    answer = api.post("exchange/email/", body)
    assert outcome(answer) == (400, {package_settings.EMAIL_FIELD_NAME: ["This field is required."]})
