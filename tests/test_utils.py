"""Random codes, keyed digests, rotation of the secret key, masking, and the do-nothing decorators."""

import pickle
import random
import string
from collections import Counter

import pytest
from django.core import mail
from django.core.cache import cache
from django.db import connection

from jwt_drf_passwordless.utils import (
    challenge_key,
    create_challenge,
    keyed_digests,
    mask,
    token_redeem_limiter,
    token_request_limiter,
)
from tests.conftest import sent_code, sent_link_token

#: Chi-square beyond which a uniform source comes with a chance under 1e-9, by degrees of freedom.
CHI_SQUARE_LIMIT = {9: 65, 99: 215}


def chi_square(seen, cells):
    expected = sum(seen.values()) / cells
    return sum((count - expected) ** 2 / expected for count in seen.values()) + (cells - len(seen)) * expected


@pytest.fixture(scope="module")
def codes():
    return [create_challenge(6, string.digits) for _ in range(20_000)]


@pytest.mark.parametrize(("length", "alphabet"), [(6, string.digits), (64, "abc123"), (1, "x"), (255, "ÄÖ+-")])
def test_a_challenge_has_the_length_and_the_alphabet_asked_for(length, alphabet):
    challenge = create_challenge(length, alphabet)
    assert len(challenge) == length
    assert set(challenge) <= set(alphabet)


def test_leading_zeros_are_kept(codes):
    assert {len(code) for code in codes} == {6}
    assert any(code.startswith("00") for code in codes)


@pytest.mark.parametrize("position", range(6))
def test_digits_are_uniform_at_every_position(codes, position):
    assert chi_square(Counter(code[position] for code in codes), 10) < CHI_SQUARE_LIMIT[9]


def test_neighbouring_digits_are_independent(codes):
    pairs = Counter(code[i : i + 2] for code in codes for i in (0, 2, 4))
    assert chi_square(pairs, 100) < CHI_SQUARE_LIMIT[99]


def test_codes_hardly_repeat(codes):
    # About 198 of 20,000 draws from a million repeat; 400 is 14 standard deviations away.
    assert len(set(codes)) > 19_600


def test_the_seedable_generator_of_python_is_not_used(monkeypatch):
    for name in ("random", "choice", "choices", "randint", "randrange", "getrandbits"):
        monkeypatch.delattr(random, name)
    assert len(create_challenge(64, string.ascii_lowercase)) == 64


def test_a_seed_does_not_repeat_a_challenge():
    random.seed(1)
    first = create_challenge(64, string.ascii_lowercase)
    random.seed(1)
    assert create_challenge(64, string.ascii_lowercase) != first


def test_digests_come_under_the_current_key_first_then_under_each_old_one(settings):
    settings.SECRET_KEY = "first key"
    settings.SECRET_KEY_FALLBACKS = ["second key"]
    # HMAC-SHA-256, key SHA-256("jwt_drf_passwordless.short" + secret), over both parts, each led by its length.
    assert keyed_digests("short", "ab", "123456") == [
        "14700a9ef1608a9920c0fe2eff9224ed39c0c1ec3fdd1c79bebd8a9c4856e80c",
        "388efc9744dadfeff1774ef21b83bd25f28896ccee99da8ec5280761b0434b28",
    ]


def test_without_old_keys_there_is_one_digest(settings):
    settings.SECRET_KEY = "first key"
    settings.SECRET_KEY_FALLBACKS = []
    assert keyed_digests("short", "ab", "123456") == [
        "14700a9ef1608a9920c0fe2eff9224ed39c0c1ec3fdd1c79bebd8a9c4856e80c"
    ]


def test_digests_of_one_label_fit_no_other():
    assert keyed_digests("short", "ab", "123456") != keyed_digests("long", "ab", "123456")


@pytest.mark.parametrize("other", [("a", "b123456"), ("ab123456", ""), ("ab123456",), ("123456", "ab")])
def test_characters_cannot_move_from_one_part_to_the_next(other):
    assert keyed_digests("short", "ab", "123456") != keyed_digests("short", *other)


def test_a_part_with_half_a_surrogate_pair_has_a_digest_too():
    assert keyed_digests("short", "\ud800") != keyed_digests("short", "?")


def test_the_key_of_a_challenge_is_sha_256_over_its_parts_each_led_by_its_length():
    assert challenge_key("login", "email", "ada@example.com") == (
        "3f457e123acbd82bf2e71718003d4af011d019ccb354dc4bc6325d12a74e66dd"
    )


def test_the_key_of_a_challenge_survives_a_new_secret_key(settings):
    before = challenge_key("login", "email", "ada@example.com")
    settings.SECRET_KEY = "another key"
    assert challenge_key("login", "email", "ada@example.com") == before


@pytest.mark.parametrize(
    "other",
    [
        ("second_factor", "email", "ada@example.com"),
        ("login", "phone_number", "ada@example.com"),
        ("login", "email", "adà@example.com"),
        ("login", "email", "ada@example.com "),
        ("logine", "mail", "ada@example.com"),
        ("login", "emaila", "da@example.com"),
    ],
)
def test_another_purpose_field_or_identifier_is_another_key(other):
    assert challenge_key(*other) != challenge_key("login", "email", "ada@example.com")


@pytest.mark.django_db
def test_codes_and_links_made_under_an_old_key_are_good_while_it_is_listed(api, make_user, configure, settings):
    configure(PASSWORDLESS_EMAIL_LOGIN_URL="https://app.example/#{token}", MAX_TOKEN_USES=2)
    make_user(email="ada@example.com")
    api.request_email("ada@example.com")

    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "a new key", [settings.SECRET_KEY]
    assert api.exchange_email("ada@example.com", sent_code()).status_code == 200
    assert api.post("exchange/", {"token": sent_link_token()}).status_code == 200


@pytest.mark.django_db
def test_codes_and_links_die_with_their_key(api, make_user, configure, settings):
    configure(PASSWORDLESS_EMAIL_LOGIN_URL="https://app.example/#{token}")
    make_user(email="ada@example.com")
    api.request_email("ada@example.com")

    settings.SECRET_KEY = "a new key"
    assert api.exchange_email("ada@example.com", sent_code()).status_code == 400
    assert api.post("exchange/", {"token": sent_link_token()}).status_code == 400


@pytest.mark.django_db
def test_new_codes_and_links_are_made_under_the_new_key(api, make_user, configure, settings):
    configure(PASSWORDLESS_EMAIL_LOGIN_URL="https://app.example/#{token}", MAX_TOKEN_USES=2)
    make_user(email="ada@example.com")
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "a new key", [settings.SECRET_KEY]
    api.request_email("ada@example.com")

    settings.SECRET_KEY_FALLBACKS = []
    assert api.exchange_email("ada@example.com", sent_code()).status_code == 200
    assert api.post("exchange/", {"token": sent_link_token()}).status_code == 200


@pytest.mark.django_db
def test_the_cooldown_outlives_the_secret_key(api, make_user, settings):
    make_user(email="ada@example.com")
    assert api.request_email("ada@example.com").status_code == 200
    settings.SECRET_KEY = "a new key"
    assert api.request_email("ada@example.com").status_code == 429


@pytest.mark.django_db
def test_no_table_and_no_cache_holds_a_code_or_a_link_in_clear(api, make_user, configure):
    # Capital letters, since six digits turn up in hex digests by chance.
    configure(PASSWORDLESS_EMAIL_LOGIN_URL="https://app.example/#{token}", SHORT_TOKEN_CHARS="GHJKLMNPQRSTUVWXYZ")
    make_user(email="ada@example.com")
    api.request_email("ada@example.com")

    rows = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")  # noqa: S608 - names from the database
            rows.extend(cursor.fetchall())
    stored = repr(rows) + repr([pickle.loads(value) for value in cache._cache.values()])  # noqa: S301 - our own cache
    assert "ada@example.com" in stored
    assert sent_code() not in stored
    assert sent_link_token() not in stored
    assert len(mail.outbox) == 1


@pytest.mark.parametrize(
    ("identifier", "shown"),
    [
        ("john@example.com", "j***@example.com"),
        ("j@example.com", "j***@example.com"),
        ('"a@b"@example.com', '"***@example.com'),
        ("+12015550123", "***23"),
        ("", "***"),
    ],
)
def test_a_mask_shows_no_more_than_a_log_may_hold(identifier, shown):
    assert mask(identifier) == shown


@pytest.mark.parametrize("limiter", [token_request_limiter, token_redeem_limiter])
def test_the_default_decorators_change_nothing(limiter):
    def view():
        return "answer"

    assert limiter(view) is view
    assert view() == "answer"
