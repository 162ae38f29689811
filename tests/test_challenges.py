"""What a challenge is and when it dies: expiry, uses, tries, resends, keys; and the service called directly."""

from datetime import datetime, timedelta, timezone

import pytest
import time_machine
from django.apps import apps

from jwt_drf_passwordless import challenges
from jwt_drf_passwordless.conf import settings as package_settings
from jwt_drf_passwordless.models import PasswordlessChallengeToken
from jwt_drf_passwordless.services import PasswordlessTokenService
from tests.conftest import sent_code, sent_link_token, sent_sms_code

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 6, 1, 12, tzinfo=timezone.utc)
ADA = "ada@example.com"
BOB = "bob@example.com"
PHONE = "+12015550123"
#: Turns a code into another one of the same form.
WRONG = str.maketrans("0123456789", "1234567890")
FULL_WIDTH = str.maketrans("0123456789", "\uff10\uff11\uff12\uff13\uff14\uff15\uff16\uff17\uff18\uff19")
ARABIC_INDIC = str.maketrans("0123456789", "\u0660\u0661\u0662\u0663\u0664\u0665\u0666\u0667\u0668\u0669")


@pytest.fixture(autouse=True)
def _with_links(configure):
    configure(PASSWORDLESS_EMAIL_LOGIN_URL="https://app.example/login#token={token}")


@pytest.fixture
def clock():
    with time_machine.travel(NOON, tick=False) as traveller:
        yield traveller


@pytest.fixture
def redeem(api):
    """Redeem what the last email brought: `redeem("code")` or `redeem("link")`; the status."""

    def post(kind: str) -> int:
        answer = api.exchange_email(ADA, sent_code()) if kind == "code" else api.post("exchange/", link_body())
        return answer.status_code

    def link_body() -> dict:
        return {"token": sent_link_token()}

    return post


def dump() -> str:
    """Every column of every table, as text."""
    return repr([list(model._base_manager.values_list()) for model in apps.get_models()])


# Storage


def test_a_code_of_ours_forgets_the_vendor_of_the_one_before(make_user):
    user = make_user(email=ADA)
    field = package_settings.EMAIL_FIELD_NAME
    PasswordlessTokenService.create_token(user, field)
    PasswordlessChallengeToken.objects.update(provider="vendor", verification_id="abc", channel="call")
    PasswordlessTokenService.create_token(user, field)
    row = PasswordlessChallengeToken.objects.get()
    assert (row.provider, row.verification_id, row.channel) == ("", "", "")


def test_a_wrong_code_for_an_unknown_address_costs_nobody_a_try(api, make_user):
    PasswordlessTokenService.create_token(make_user(email=BOB), package_settings.EMAIL_FIELD_NAME)
    # As of a vendor, without a digest; and the first of the table.
    PasswordlessChallengeToken.objects.update(id=1, short_digest="", long_digest=None, provider="vendor")
    assert api.exchange_email(ADA, "123456").status_code == 400
    assert api.post("exchange/", {"token": "a" * 64}).status_code == 400
    row = PasswordlessChallengeToken.objects.get()
    assert (row.pk, row.uses, row.tries) == (1, 0, 0)


def test_many_requests_for_one_address_keep_one_row(api, make_user, configure):
    configure(TOKEN_REQUEST_THROTTLE_SECONDS=0)
    make_user(email=ADA)

    for _ in range(5):
        assert api.request_email(ADA).status_code == 200

    assert PasswordlessChallengeToken.objects.count() == 1


def test_different_spellings_of_one_address_share_a_row(api, make_user, configure):
    configure(TOKEN_REQUEST_THROTTLE_SECONDS=0)
    make_user(email=ADA)

    for spelling in ("ada@example.com", "Ada@Example.COM", "ADA@EXAMPLE.COM"):
        assert api.request_email(spelling).status_code == 200

    assert PasswordlessChallengeToken.objects.count() == 1


def test_address_and_number_of_one_user_have_a_row_each(api, make_user):
    make_user(email=ADA, phone=PHONE)

    api.request_email(ADA)
    api.request_mobile(PHONE)

    assert PasswordlessChallengeToken.objects.count() == 2


def test_an_unknown_address_gets_a_row_too(api):
    api.request_email("nobody@example.com")

    row = PasswordlessChallengeToken.objects.get()
    assert (row.identifier, row.user_id) == ("nobody@example.com", None)


def test_no_table_holds_code_or_link_of_an_email(api, make_user, configure):
    configure(SHORT_TOKEN_LENGTH=14)  # six digits may turn up in a digest by chance
    make_user(email=ADA)

    api.request_email(ADA)

    content = dump()
    assert ADA in content
    assert sent_code() not in content
    assert sent_link_token() not in content


def test_no_table_holds_the_code_of_an_sms(api, make_user, configure):
    configure(SHORT_TOKEN_LENGTH=14)
    make_user(phone=PHONE)

    api.request_mobile(PHONE)

    content = dump()
    assert PHONE in content
    assert sent_sms_code() not in content


def test_equal_codes_of_two_addresses_are_stored_differently(make_user, configure):
    configure(SHORT_TOKEN_CHARS="7", LONG_TOKEN_CHARS="abcdefghij")  # every code is 777777
    for address in (ADA, BOB):
        PasswordlessTokenService.create_token(make_user(email=address), package_settings.EMAIL_FIELD_NAME)

    digests = PasswordlessChallengeToken.objects.values_list("short_digest", flat=True)
    assert len(set(digests)) == 2


# Expiry


@pytest.mark.parametrize("kind", ["code", "link"])
@pytest.mark.parametrize(("seconds", "status"), [(0, 200), (599, 200), (600, 400), (601, 400)])
def test_a_challenge_lives_for_ten_minutes_and_not_one_moment_longer(
    api, make_user, clock, redeem, kind, seconds, status
):
    make_user(email=ADA)
    api.request_email(ADA)

    clock.shift(seconds)
    assert redeem(kind) == status


@pytest.mark.parametrize("kind", ["code", "link"])
@pytest.mark.parametrize(("seconds", "status"), [(29, 200), (30, 400), (31, 400)])
def test_token_lifetime_sets_how_long(api, make_user, configure, clock, redeem, kind, seconds, status):
    configure(TOKEN_LIFETIME=30)
    make_user(email=ADA)
    api.request_email(ADA)

    clock.shift(seconds)
    assert redeem(kind) == status


def test_a_lifetime_changed_later_does_not_move_the_expiry_of_an_open_challenge(
    api, make_user, configure, clock, redeem
):
    make_user(email=ADA)
    api.request_email(ADA)

    configure(TOKEN_LIFETIME=3600)
    clock.shift(600)
    assert redeem("code") == 400


def test_a_wrong_try_does_not_extend_the_life_of_a_code(api, make_user, clock):
    make_user(email=ADA)
    api.request_email(ADA)

    clock.shift(599)
    assert api.exchange_email(ADA, sent_code().translate(WRONG)).status_code == 400
    clock.shift(2)
    assert api.exchange_email(ADA, sent_code()).status_code == 400


def test_a_use_does_not_extend_the_life_of_a_code_with_uses_left(api, make_user, configure, clock, redeem):
    configure(MAX_TOKEN_USES=3)
    make_user(email=ADA)
    api.request_email(ADA)

    clock.shift(599)
    assert redeem("code") == 200
    clock.shift(1)
    assert redeem("code") == 400
    assert redeem("link") == 400


def test_a_request_refused_by_the_cooldown_does_not_extend_the_life_of_a_code(api, make_user, configure, clock, redeem):
    configure(TOKEN_REQUEST_THROTTLE_SECONDS=3600)
    make_user(email=ADA)
    api.request_email(ADA)

    clock.shift(599)
    assert api.request_email(ADA).status_code == 429
    clock.shift(1)
    assert redeem("code") == 400


# Uses


@pytest.mark.parametrize(("first", "second"), [("code", "code"), ("code", "link"), ("link", "code"), ("link", "link")])
def test_code_and_link_of_one_message_work_once_in_all(api, make_user, redeem, first, second):
    make_user(email=ADA)
    api.request_email(ADA)

    assert [redeem(first), redeem(second)] == [200, 400]


@pytest.mark.parametrize("kinds", [("code", "link", "code"), ("link", "code", "link"), ("code", "code", "link")])
def test_with_two_uses_code_and_link_are_counted_together(api, make_user, configure, redeem, kinds):
    configure(MAX_TOKEN_USES=2)
    make_user(email=ADA)
    api.request_email(ADA)

    assert [redeem(kind) for kind in kinds] == [200, 200, 400]


# Wrong tries


def test_after_four_wrong_tries_the_right_code_still_works(api, make_user, redeem):
    make_user(email=ADA)
    api.request_email(ADA)

    for _ in range(4):
        assert api.exchange_email(ADA, sent_code().translate(WRONG)).status_code == 400
    assert redeem("code") == 200


def test_five_wrong_tries_kill_the_code_but_not_the_link(api, make_user, redeem):
    make_user(email=ADA)
    api.request_email(ADA)

    for _ in range(5):
        assert api.exchange_email(ADA, sent_code().translate(WRONG)).status_code == 400
    assert redeem("code") == 400
    assert redeem("link") == 200


def test_five_wrong_tries_kill_the_code_of_an_sms(api, make_user):
    make_user(phone=PHONE)
    api.request_mobile(PHONE)

    for _ in range(5):
        assert api.exchange_mobile(PHONE, sent_sms_code().translate(WRONG)).status_code == 400
    assert api.exchange_mobile(PHONE, sent_sms_code()).status_code == 400


def test_tries_beyond_the_cap_are_not_counted(api, make_user):
    make_user(email=ADA)
    api.request_email(ADA)

    for _ in range(8):
        api.exchange_email(ADA, sent_code().translate(WRONG))
    assert PasswordlessChallengeToken.objects.get().tries == 5


def test_wrong_links_cost_the_code_no_tries(api, make_user, redeem):
    make_user(email=ADA)
    api.request_email(ADA)

    for _ in range(6):
        assert api.exchange_email(ADA, "x" * 64).status_code == 400
    assert PasswordlessChallengeToken.objects.get().tries == 0
    assert redeem("code") == 200


@pytest.mark.parametrize(("cap", "wrong_tries", "status"), [(1, 0, 200), (1, 1, 400), (8, 7, 200), (8, 8, 400)])
def test_max_token_attempts_sets_how_many(api, make_user, configure, redeem, cap, wrong_tries, status):
    configure(MAX_TOKEN_ATTEMPTS=cap)
    make_user(email=ADA)
    api.request_email(ADA)

    for _ in range(wrong_tries):
        api.exchange_email(ADA, sent_code().translate(WRONG))
    assert redeem("code") == status


@pytest.mark.parametrize(
    ("uses", "attempts", "wrong_tries", "status"),
    [(1, 5, 0, 200), (1, 5, 1, 400), (3, 5, 2, 200), (3, 5, 3, 400), (3, 2, 1, 200), (3, 2, 2, 400)],
)
def test_incorrect_short_token_redeems_token_caps_tries_at_the_smaller_number(
    api, make_user, configure, redeem, uses, attempts, wrong_tries, status
):
    configure(INCORRECT_SHORT_TOKEN_REDEEMS_TOKEN=True, MAX_TOKEN_USES=uses, MAX_TOKEN_ATTEMPTS=attempts)
    make_user(email=ADA)
    api.request_email(ADA)

    for _ in range(wrong_tries):
        api.exchange_email(ADA, sent_code().translate(WRONG))
    assert redeem("code") == status


def test_incorrect_short_token_redeems_token_leaves_the_link_alone(api, make_user, configure, redeem):
    configure(INCORRECT_SHORT_TOKEN_REDEEMS_TOKEN=True)
    make_user(email=ADA)
    api.request_email(ADA)

    api.exchange_email(ADA, sent_code().translate(WRONG))
    assert redeem("code") == 400
    assert redeem("link") == 200


def test_tries_on_one_address_cost_another_none(api, make_user):
    make_user(email=ADA)
    make_user(email=BOB)
    api.request_email(ADA)
    code = sent_code()
    api.request_email(BOB)

    for _ in range(6):
        api.exchange_email(BOB, sent_code().translate(WRONG))
    assert api.exchange_email(ADA, code).status_code == 200


# Resends, and other people's requests


def test_a_resend_kills_the_old_code_and_the_old_link(api, make_user, configure, redeem):
    configure(TOKEN_REQUEST_THROTTLE_SECONDS=0)
    make_user(email=ADA)
    api.request_email(ADA)
    code, link = sent_code(), sent_link_token()
    api.request_email(ADA)

    assert api.exchange_email(ADA, code).status_code == 400
    assert api.post("exchange/", {"token": link}).status_code == 400
    assert redeem("code") == 200


def test_a_resend_gives_new_tries(api, make_user, configure, redeem):
    configure(TOKEN_REQUEST_THROTTLE_SECONDS=0)
    make_user(email=ADA)
    api.request_email(ADA)
    for _ in range(5):
        api.exchange_email(ADA, sent_code().translate(WRONG))

    api.request_email(ADA)
    assert redeem("code") == 200


def test_a_request_refused_by_the_cooldown_leaves_the_open_code_alone(api, make_user, redeem):
    make_user(email=ADA)
    api.request_email(ADA)

    assert api.request_email(ADA).status_code == 429
    assert redeem("code") == 200


def test_another_users_request_leaves_a_five_minute_old_code_valid(api, make_user, clock):
    make_user(email=ADA)
    make_user(email=BOB)
    api.request_email(ADA)
    code = sent_code()

    clock.shift(300)
    api.request_email(BOB)
    assert api.exchange_email(ADA, code).status_code == 200


def test_a_request_by_sms_leaves_the_code_of_the_email_valid(api, make_user, redeem):
    make_user(email=ADA, phone=PHONE)
    api.request_email(ADA)
    api.request_mobile(PHONE)

    assert redeem("code") == 200


def test_a_code_fits_no_other_address(api, make_user):
    make_user(email=ADA)
    make_user(email=BOB)
    api.request_email(ADA)
    code = sent_code()
    api.request_email(BOB)

    assert api.exchange_email(BOB, code if code != sent_code() else code.translate(WRONG)).status_code == 400


def test_a_link_presented_with_another_address_is_refused_and_stays_valid(api, make_user, redeem):
    make_user(email=ADA)
    make_user(email=BOB)
    api.request_email(ADA)

    assert api.exchange_email(BOB, sent_link_token()).status_code == 400
    assert redeem("link") == 200


# Keys


def rotate(settings, *fallbacks: str) -> None:
    settings.SECRET_KEY = "the next key of the site, of more than fifty characters too"
    settings.SECRET_KEY_FALLBACKS = list(fallbacks)


@pytest.mark.parametrize("kind", ["code", "link"])
def test_code_and_link_survive_a_new_secret_key_while_the_old_one_is_a_fallback(api, make_user, settings, redeem, kind):
    make_user(email=ADA)
    api.request_email(ADA)

    rotate(settings, "a key older than all", settings.SECRET_KEY)
    assert redeem(kind) == 200
    assert redeem(kind) == 400


@pytest.mark.parametrize("kind", ["code", "link"])
def test_code_and_link_die_with_the_key_they_were_made_under(api, make_user, settings, redeem, kind):
    make_user(email=ADA)
    api.request_email(ADA)

    rotate(settings)
    assert redeem(kind) == 400


@pytest.mark.parametrize("kind", ["code", "link"])
def test_what_is_made_after_a_rotation_does_not_need_the_old_key(api, make_user, settings, redeem, kind):
    make_user(email=ADA)
    rotate(settings, settings.SECRET_KEY)
    api.request_email(ADA)

    settings.SECRET_KEY_FALLBACKS = []
    assert redeem(kind) == 200


def test_wrong_tries_are_counted_once_however_many_keys_there_are(api, make_user, settings, redeem):
    make_user(email=ADA)
    api.request_email(ADA)
    rotate(settings, "a key older than all", settings.SECRET_KEY)

    for _ in range(4):
        api.exchange_email(ADA, sent_code().translate(WRONG))
    assert redeem("code") == 200


def test_a_new_secret_key_does_not_end_a_cooldown(api, make_user, settings, clock):
    make_user(email=ADA)
    api.request_email(ADA)

    rotate(settings)
    clock.shift(10)
    answer = api.request_email(ADA)
    assert (answer.status_code, answer["Retry-After"]) == (429, "50")


# Odd guesses


@pytest.mark.parametrize(
    "guess",
    [
        lambda code: code.translate(FULL_WIDTH),
        lambda code: code.translate(ARABIC_INDIC),
        lambda code: f"+{code}",
        lambda code: f"\u2212{code}",  # a minus sign, not a hyphen
        lambda code: f"{code[:3]}_{code[3:]}",
        lambda code: f"{code}.0",
        lambda code: f"0x{int(code):x}",
        lambda code: f"{code}\u0301",  # a combining accent on the last digit
        lambda code: f"{code[:3]}\u200b{code[3:]}",
        lambda code: code[:-1],
        lambda code: f"{code}0",
        lambda code: "caf\u00e9",
        lambda code: "\U0001f511",
        lambda code: "------",
        lambda code: "\u00e9" * 64,
    ],
)
def test_an_odd_guess_gets_the_one_failure_of_every_exchange(api, make_user, redeem, guess):
    make_user(email=ADA)
    api.request_email(ADA)

    answer = api.exchange_email(ADA, guess(sent_code()))
    assert (answer.status_code, answer.json()) == (
        400,
        {"detail": "Invalid credentials", "code": "invalid_credentials"},
    )
    assert redeem("code") == 200


@pytest.mark.parametrize("spelling", ["{0}{1} {2}{3}", "{0}{1}-{2}{3}", " {0} {1} - {2} {3} ", "{0}{1}{2}{3}\n"])
def test_spaces_and_hyphens_in_a_code_are_ignored(api, make_user, spelling):
    make_user(email=ADA)
    api.request_email(ADA)
    code = sent_code()

    typed = spelling.format(code[0], code[1:3], code[3:5], code[5])
    assert api.exchange_email(ADA, typed).status_code == 200


def test_a_hyphen_that_is_in_the_alphabet_counts(api, make_user, configure):
    configure(SHORT_TOKEN_CHARS="-0123456789", SHORT_TOKEN_LENGTH=40)
    make_user(email=ADA)
    api.request_email(ADA)

    assert api.exchange_email(ADA, f" {sent_code()[:20]} {sent_code()[20:]}").status_code == 200


# The service, called directly


def test_create_token_returns_the_clear_code_and_link(make_user):
    user = make_user(email=ADA)

    challenge = PasswordlessTokenService.create_token(user, package_settings.EMAIL_FIELD_NAME)
    assert (len(challenge.short_token), challenge.short_token.isdigit()) == (6, True)
    assert (len(challenge.token), challenge.token.isalnum()) == (64, True)
    assert challenge.user == user


def test_create_token_forgets_the_clear_code_with_the_object(make_user):
    PasswordlessTokenService.create_token(make_user(email=ADA), package_settings.EMAIL_FIELD_NAME)

    row = PasswordlessChallengeToken.objects.get()
    assert (row.short_token, row.token) == ("", "")


def test_create_token_ignores_the_cooldown_and_replaces_the_old_code(make_user):
    user = make_user(email=ADA)
    field = package_settings.EMAIL_FIELD_NAME
    old = PasswordlessTokenService.create_token(user, field).token
    new = PasswordlessTokenService.create_token(user, field).token

    assert PasswordlessChallengeToken.objects.count() == 1
    assert PasswordlessTokenService.check_token(old) is None
    assert PasswordlessTokenService.check_token(new).user == user


def test_create_token_starts_the_cooldown_of_the_request_routes(api, make_user, clock):
    PasswordlessTokenService.create_token(make_user(email=ADA), package_settings.EMAIL_FIELD_NAME)

    assert api.request_email(ADA)["Retry-After"] == "60"


def test_create_token_works_for_phone_numbers(api, make_user):
    challenge = PasswordlessTokenService.create_token(make_user(phone=PHONE), package_settings.MOBILE_FIELD_NAME)

    assert challenge.identifier == PHONE
    assert api.exchange_mobile(PHONE, challenge.short_token).status_code == 200


@pytest.mark.parametrize("setting", ["EMAIL_FIELD_NAME", "MOBILE_FIELD_NAME"])
def test_create_token_refuses_a_user_without_an_address(make_user, setting):
    with pytest.raises(ValueError, match="to sign in by"):
        PasswordlessTokenService.create_token(make_user(), getattr(package_settings, setting))
    assert not PasswordlessChallengeToken.objects.exists()


def test_create_token_refuses_a_field_that_is_no_way_to_sign_in(make_user):
    with pytest.raises(ValueError, match="no password to sign in by"):
        PasswordlessTokenService.create_token(make_user(email=ADA), "password")


def test_check_token_redeems_a_code_once(make_user):
    user = make_user(email=ADA)
    field = package_settings.EMAIL_FIELD_NAME
    code = PasswordlessTokenService.create_token(user, field).short_token

    assert PasswordlessTokenService.check_token(code, field, ADA).user == user
    assert PasswordlessTokenService.check_token(code, field, ADA) is None


def test_check_token_takes_the_value_in_any_spelling(make_user):
    field = package_settings.MOBILE_FIELD_NAME
    code = PasswordlessTokenService.create_token(make_user(phone=PHONE), field).short_token

    assert PasswordlessTokenService.check_token(code, field, "+1 (201) 555-0123") is not None


def test_check_token_loads_the_user_with_the_row(make_user, django_assert_num_queries):
    user = make_user(email=ADA)
    token = PasswordlessTokenService.create_token(user, package_settings.EMAIL_FIELD_NAME).token

    row = PasswordlessTokenService.check_token(token)
    with django_assert_num_queries(0):
        assert row.user == user


def test_check_token_counts_wrong_tries(make_user):
    field = package_settings.EMAIL_FIELD_NAME
    code = PasswordlessTokenService.create_token(make_user(email=ADA), field).short_token

    for _ in range(5):
        assert PasswordlessTokenService.check_token(code.translate(WRONG), field, ADA) is None
    assert PasswordlessTokenService.check_token(code, field, ADA) is None


def test_check_token_accepts_a_link_only_with_what_is_the_rows_own(make_user):
    field = package_settings.EMAIL_FIELD_NAME
    token = PasswordlessTokenService.create_token(make_user(email=ADA), field).token

    assert PasswordlessTokenService.check_token(token, field, BOB) is None
    assert PasswordlessTokenService.check_token(token, package_settings.MOBILE_FIELD_NAME) is None
    assert PasswordlessTokenService.check_token(token, package_settings.MOBILE_FIELD_NAME, PHONE) is None
    assert PasswordlessTokenService.check_token(token, field, ADA) is not None


def test_check_token_refuses_a_code_without_all_it_needs(make_user):
    field = package_settings.EMAIL_FIELD_NAME
    code = PasswordlessTokenService.create_token(make_user(email=ADA), field).short_token

    for arguments in [
        (None,),
        ("",),
        (code,),
        (code, field),
        (code, field, ""),
        (code, field, "no address"),
        (code, None, ADA),
        (code, "password", ADA),
    ]:
        assert PasswordlessTokenService.check_token(*arguments) is None
    assert PasswordlessTokenService.check_token(code, field, ADA) is not None


@pytest.mark.parametrize(("seconds", "wait"), [(0, 0), (1, 1), (60, 60), (120, 120), (121, 0)])
def test_a_wait_that_a_clock_made_longer_by_a_minute_counts_and_no_longer_one(seconds, wait):
    row = PasswordlessChallengeToken(sends=1, next_send_at=NOON + timedelta(seconds=seconds))
    assert challenges.remaining_wait(row, NOON) == wait


def test_should_throttle_until_the_cooldown_is_over(make_user, clock):
    user = make_user(email=ADA)
    assert PasswordlessTokenService.should_throttle(user) is False
    PasswordlessTokenService.create_token(user, package_settings.EMAIL_FIELD_NAME)

    clock.shift(timedelta(seconds=59))
    assert PasswordlessTokenService.should_throttle(user) is True
    clock.shift(timedelta(seconds=1))
    assert PasswordlessTokenService.should_throttle(user) is False


def test_should_throttle_asks_for_challenges_of_the_first_factor_only(make_user):
    user = make_user(email=ADA)
    challenges.issue("second_factor", "user", str(user.pk), user)

    assert PasswordlessTokenService.should_throttle(user) is False


def test_should_throttle_asks_for_the_users_own_challenges_only(make_user):
    ada, bob = make_user(email=ADA), make_user(email=BOB)
    PasswordlessTokenService.create_token(bob, package_settings.EMAIL_FIELD_NAME)

    assert PasswordlessTokenService.should_throttle(ada) is False
