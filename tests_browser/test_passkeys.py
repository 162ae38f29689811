"""Passkeys as a browser makes and uses them, by the script of the documentation."""

import jwt
import pytest
import requests
from django.conf import settings as django_settings

from jwt_drf_passwordless.models import Authenticator
from tests_browser.conftest import ADA as ADDRESS
from tests_browser.conftest import PASSWORD, PHONE
from tests_browser.screen import code_sent_to

INVALID = {"status": 400, "answer": {"detail": "Invalid credentials", "code": "invalid_credentials"}}
BY_PASSWORD = "(body) => post('token/', body)"
ADA = {"username": ADDRESS, "password": PASSWORD}


def claims(pair):
    return jwt.decode(pair["access"], django_settings.SECRET_KEY, algorithms=["HS256"])


def refused(answer):
    return {name: answer.get(name) for name in INVALID} == INVALID


def post(url, body):
    """What a relay of the answer is told."""
    return requests.post(url, json=body, timeout=15).status_code


def test_a_passkey_is_registered(passkey):
    assert (passkey["method"], passkey["name"], passkey["transports"]) == ("passkey", "This computer", ["internal"])
    assert Authenticator.objects.get().data["aaguid"] == passkey["aaguid"]


def test_the_same_device_is_not_registered_twice(browser, passkey):
    ticket = browser.run(BY_PASSWORD, ADA)
    access = browser.run("(answer) => secondStep(answer)", ticket)["access"]
    assert browser.run("(access) => addPasskey(access)", access)["name"] == "InvalidStateError"


def test_it_signs_in_by_a_button(browser, ada, passkey):
    token = claims(browser.run("() => signInByButton()"))
    assert (token["user_id"], token["acr"]) == (str(ada.pk), "aal2")
    assert token["amr"][-2:] == ["user", "mfa"]


def test_it_signs_in_by_autofill(browser, ada, passkey):
    assert claims(browser.run("() => signInByAutofill()"))["user_id"] == str(ada.pk)


def test_it_is_the_second_factor_after_a_password(browser, passkey):
    answer = browser.run(BY_PASSWORD, ADA)
    assert answer["methods"] == ["passkey"]
    token = claims(browser.run("(answer) => secondStep(answer)", answer))
    assert (token["amr"][0], token["amr"][-1], token["acr"]) == ("pwd", "mfa", "aal2")


def test_it_counts_its_uses(browser, passkey):
    for _ in range(2):
        browser.run("() => signInByButton()")
    (credential,) = browser.driver.get_credentials()
    assert Authenticator.objects.get().counter == credential.sign_count > 0


def test_a_copy_is_refused(browser, passkey):
    (original,) = browser.driver.get_credentials()
    for _ in range(3):
        browser.run("() => signInByButton()")
    browser.driver.remove_all_credentials()
    browser.driver.add_credential(original)  # as it was when it was new
    assert refused(browser.run("() => signInByButton()"))


def test_without_a_finger_the_other_factor_is_asked(browser, passkey, phone, nobody_is_verified):
    nobody_is_verified()
    answer = browser.run("() => signInByButton()")
    assert (answer["code"], answer["methods"]) == ("second_factor_required", ["phone"])
    code = code_sent_to(PHONE)
    pair = browser.run("(body) => post('2fa/token-verify/', body)", {"ticket": answer["ticket"], "token": code})
    assert claims(pair)["acr"] == "aal2"


def test_without_a_finger_and_another_factor_it_is_refused(browser, passkey, nobody_is_verified):
    nobody_is_verified()
    assert refused(browser.run("() => signInByButton()"))


@pytest.mark.parametrize("asks", ["this site", "the other site"])
def test_what_was_signed_for_another_origin_is_refused(browser, passkey, site, other_site, asks):
    """Its port differs, which is all the same to the browser as long as the domain is right."""
    asked = browser.run("() => post('passkey/request/')")
    browser.open(other_site if asks == "the other site" else site)
    credential = browser.run("(publicKey) => prove(publicKey)", asked["publicKey"])
    assert credential["type"] == "public-key"
    status = post(f"{site}/api/passkey/login/", {"ticket": asked["ticket"], "credential": credential})
    assert status == (400 if asks == "the other site" else 200)


def test_another_domain_is_given_nothing(browser, passkey, site, other_site):
    asked = browser.run("() => post('passkey/request/')")
    browser.open(other_site.replace("localhost", "127.0.0.1"))
    assert browser.run("(publicKey) => prove(publicKey)", asked["publicKey"])["name"] == "SecurityError"


def test_a_user_who_is_not_there_is_not_signed_in(browser, passkey):
    browser.driver.remove_all_credentials()
    assert browser.run("() => signInByButton()")["name"] == "NotAllowedError"
