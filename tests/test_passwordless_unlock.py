"""`manage.py passwordless_unlock`: what support does for somebody who has to wait."""

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from jwt_drf_passwordless.models import PasswordlessChallengeToken
from tests.conftest import sent_code

pytestmark = pytest.mark.django_db

ADA = "ada@example.com"
PHONE = "+12015550123"


def unlock(identifier, capsys):
    call_command("passwordless_unlock", identifier)
    return capsys.readouterr().out


def test_the_wait_and_the_tries_of_an_address_are_forgotten(api, make_user, capsys):
    make_user(email=ADA)
    api.request_email(ADA)
    for _ in range(6):
        api.exchange_email(ADA, "abcdef")
    assert api.request_email(ADA).status_code == 429

    assert unlock("ADA@example.com", capsys) == "Challenges deleted: 1. A new code can be asked for at once.\n"

    assert api.request_email(ADA).status_code == 200
    assert api.exchange_email(ADA, sent_code()).status_code == 200


def test_all_challenges_of_the_user_are_forgotten_with_it(api, make_user, capsys):
    make_user(email=ADA, phone=PHONE)
    api.request_email(ADA)
    api.request_mobile(PHONE)
    assert unlock("+1 201 555 0123", capsys).startswith("Challenges deleted: 2.")
    assert PasswordlessChallengeToken.objects.count() == 0


def test_others_are_left_alone(api, make_user, capsys):
    make_user(email=ADA)
    make_user(email="bob@example.com")
    api.request_email(ADA)
    api.request_email("bob@example.com")
    unlock(ADA, capsys)
    assert PasswordlessChallengeToken.objects.get().identifier == "bob@example.com"


def test_an_address_without_account_is_unlocked_too(api, capsys):
    api.request_email(ADA)
    assert unlock(ADA, capsys).startswith("Challenges deleted: 1.")


def test_an_address_that_two_accounts_share_is_unlocked_too(api, make_user, capsys, django_user_model):
    if django_user_model._meta.label == "tests.UuidUser":
        return  # its addresses are unique
    make_user(email=ADA)
    make_user(email=ADA.upper())
    api.request_email(ADA)
    assert unlock(ADA, capsys).startswith("Challenges deleted: 1.")


def test_with_a_field_that_the_user_model_lacks_the_other_is_looked_up(configure, api, make_user, capsys):
    configure(MOBILE_FIELD_NAME="nowhere", ALLOWED_PASSWORDLESS_METHODS=["EMAIL"])
    make_user(email=ADA)
    api.request_email(ADA)
    assert unlock(ADA, capsys).startswith("Challenges deleted: 1.")
    assert unlock(PHONE, capsys).startswith("Challenges deleted: 0.")


@pytest.mark.parametrize("identifier", ["ada", "12", ""])
def test_what_is_no_identifier_is_an_error(identifier):
    with pytest.raises(CommandError, match="no email address and no phone number"):
        call_command("passwordless_unlock", identifier)


def test_the_waits_that_accounts_have_in_common_for_an_address_are_forgotten(capsys):
    now = timezone.now()
    for purpose in ("text_number", "contact_target"):
        PasswordlessChallengeToken.objects.create(
            key=purpose, purpose=purpose, identifier=PHONE, expires_at=now, next_send_at=now
        )
    assert unlock(PHONE, capsys).startswith("Challenges deleted: 2.")
