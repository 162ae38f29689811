"""The example's page, used as somebody would, with each of its flows."""

import time
from datetime import datetime, timedelta, timezone

import pytest
import time_machine
from accounts.models import User
from selenium.webdriver import ActionChains
from selenium.webdriver.common.keys import Keys
from web import inbox

from jwt_drf_passwordless.models import Authenticator, PasswordlessChallengeToken, PhoneDevice, Session
from jwt_drf_passwordless.services import PasswordlessTokenService
from jwt_drf_passwordless.testing import enrol_totp, forget_waits, recovery_codes, totp_code
from tests_browser.conftest import ADA, PASSWORD, PHONE
from tests_browser.screen import code_sent_to, link_sent_to

NEW = "lovelace@example.com"
#: Without it the virtual authenticator signs in as soon as the page waits for a choice among the proposals.
NO_AUTOFILL = "PublicKeyCredential.isConditionalMediationAvailable = async () => false"


def later(secret):
    """The code that the app shows next: one is used up by each proof."""
    return totp_code(secret, time.time() + 30)


@pytest.fixture
def grace(site):
    return User.objects.create_user("grace@example.com", PHONE)


@pytest.fixture
def authenticator(browser, screen):
    """Beside the page; it is used by a press of a button only."""
    screen.before_each_page(NO_AUTOFILL)


@pytest.fixture
def waits(settings):
    """Seconds between two messages, as many as it is called with."""

    def change(seconds):
        settings.JWT_DRF_PASSWORDLESS["TOKEN_REQUEST_THROTTLE_SECONDS"] = seconds

    return change


# Signing in.


def test_by_a_code_in_an_email_that_the_inbox_shows(screen, ada):
    screen.ask_for_code(ADA)
    code = screen.find("#messages strong").text
    screen.answer(code)
    screen.heading("Your account")
    screen.says("You are signed in.")
    assert "one factor: one-time code" in screen.find("#account-text").text


def test_a_wrong_code_is_told_where_it_was_typed(screen, ada):
    screen.ask_for_code(ADA)
    screen.answer("000000" if code_sent_to(ADA) != "000000" else "111111")
    screen.fails("That code is wrong, or no longer good.")
    assert screen.focused == "code"
    assert screen.find("#code").get_attribute("aria-invalid") == "true"
    screen.answer(code_sent_to(ADA))
    screen.heading("Your account")


def test_an_empty_field_needs_no_server(screen, ada):
    screen.open()
    screen.press("Send me a code")
    screen.fails("Email address or phone number is missing.")
    assert screen.focused == "identifier"


def test_a_number_that_is_none_is_told(screen, ada):
    screen.open()
    screen.type("#identifier", "12")
    screen.press("Send me a code")
    screen.fails("Enter a valid phone number.")


def test_by_keys_alone(screen, ada):
    screen.open()
    screen.heading("Sign in")
    assert screen.focused == "identifier"
    ActionChains(screen.driver).send_keys(ADA, Keys.ENTER).perform()
    screen.heading("Enter the code")
    screen.wait(lambda: screen.focused == "code")
    ActionChains(screen.driver).send_keys("wrong", Keys.TAB, Keys.ENTER).perform()
    screen.fails("That code is wrong")
    ActionChains(screen.driver).send_keys(code_sent_to(ADA), Keys.ENTER).perform()  # in place of the wrong one
    screen.heading("Your account")
    assert screen.focused == "account-title"
    ActionChains(screen.driver).send_keys(Keys.TAB, Keys.SPACE).perform()
    screen.says("You are signed out.")


def test_a_link_is_used_by_its_button_only(screen, ada):
    screen.ask_for_code(ADA)
    link = link_sent_to(ADA)
    for _ in range(2):
        screen.driver.get("about:blank")
        screen.driver.get(link)
        screen.heading("Sign in by link")
        assert screen.driver.current_url == f"{screen.site}/"
        assert (PasswordlessChallengeToken.objects.get(user=ada).uses, Session.objects.count()) == (0, 0)
    screen.press("Sign in")
    screen.heading("Your account")
    assert PasswordlessChallengeToken.objects.get(user=ada).uses == 1
    screen.driver.get("about:blank")
    screen.driver.get(link)
    screen.press("Sign in")
    screen.fails("This link was used already, or is too old.")


def test_a_link_that_somebody_sends_to_who_is_signed_in_says_what_its_button_does(screen, ada, grace):
    screen.ask_for_code(ADA)
    link = link_sent_to(ADA)
    screen.sign_in(PHONE)
    screen.heading("Your account")
    screen.driver.get("about:blank")
    screen.driver.get(link)
    screen.heading("Sign in by link")
    assert "signs you in as who that email was sent to" in screen.find("#ask-text").text


def test_a_link_in_the_inbox_opens_the_page_anew(screen, ada):
    screen.ask_for_code(ADA)
    screen.find("#messages a").click()
    screen.wait(lambda: len(screen.driver.window_handles) == 2)
    screen.driver.switch_to.window(screen.driver.window_handles[1])
    screen.press("Sign in")
    screen.heading("Your account")


def test_by_sms(screen, grace):
    screen.ask_for_code("+1 201 555 0199")
    assert [one.text for one in screen.all(".person")] == [grace.email, PHONE]
    screen.answer(code_sent_to(PHONE))
    screen.heading("Your account")
    assert "one-time code, SMS" in screen.find("#account-text").text


def test_the_browser_fills_in_the_code_of_an_sms(screen, grace):
    """WebOTP, whose part of the browser is played: no computer gets SMS."""
    played = """navigator.credentials.get = ({ otp }) => new Promise((resolve) => {
        window.arrive = (code) => resolve({ type: "otp", code: otp.transport[0] === "sms" && code });
    }); window.OTPCredential = class {};"""
    screen.before_each_page(f"{NO_AUTOFILL}; {played}")
    screen.ask_for_code(PHONE)
    assert inbox.messages[0]["text"].endswith(f"@localhost #{code_sent_to(PHONE)}")
    screen.driver.execute_script("arrive(arguments[0])", code_sent_to(PHONE))
    screen.heading("Your account")


@pytest.mark.parametrize("channel", ["SMS", "Call"])
def test_by_a_vendors_code(screen, grace, settings, channel):
    settings.JWT_DRF_PASSWORDLESS["EXTERNAL_2FA"] = {"provider": "web.inbox.Vendor", "code": "246810"}
    screen.open()
    screen.type("#identifier", PHONE)
    screen.choose(channel)
    screen.press("Send me a code")
    screen.heading("Enter the code")
    assert inbox.messages[0]["kind"] == f"Vendor, {channel.lower()}"
    screen.answer("246810")
    screen.heading("Your account")
    assert f"one-time code, {channel.replace('Call', 'call')}" in screen.find("#account-text").text


def test_by_password(screen, ada):
    screen.sign_in_by_password(ADA, "wrong")
    screen.fails("No active account found")
    assert screen.focused == "current-password"
    screen.type("#current-password", PASSWORD)
    screen.press("Sign in")
    screen.heading("Your account")


def test_the_next_code_may_be_asked_for_after_the_wait(screen, ada, waits):
    waits(60)
    screen.ask_for_code(ADA)
    screen.press("Send a new code")
    screen.says("Send a new code in ", "#resend")
    again = screen.find("#resend")
    assert again.get_attribute("aria-disabled") == "true"
    again.click()
    screen.driver.execute_script("const { now } = Date; Date.now = () => now() + 60000")  # a minute later
    forget_waits(ADA)
    screen.wait(lambda: again.text == "Send a new code")
    assert (again.get_attribute("aria-disabled"), len(inbox.messages)) == ("false", 1)
    again.click()
    screen.says("A new code is on its way.")
    assert len(inbox.messages) == 2


def test_who_asks_too_soon_goes_on_with_the_code_sent_before(screen, ada, waits):
    waits(60)
    screen.ask_for_code(ADA)
    screen.ask_for_code(ADA)
    screen.says("Send a new code in ", "#resend")
    screen.answer(code_sent_to(ADA))
    screen.heading("Your account")


def test_a_server_that_is_out_of_reach_is_told(screen, ada):
    screen.open()
    screen.type("#identifier", ADA)
    screen.driver.execute_script("window.fetch = () => Promise.reject(new TypeError('gone'))")
    screen.press("Send me a code")
    screen.fails("The server cannot be reached.")


# Passkeys.


def test_a_passkey_is_added_and_signs_in_by_the_button(authenticator, screen, ada):
    screen.sign_in(ADA)
    screen.press("Add passkey")
    screen.says("Passkey added.")
    assert screen.listed("factors") == ["Passkey"]
    assert screen.find("#factors span").text.startswith("added")
    screen.sign_out()
    screen.press("Use a passkey")
    screen.heading("Your account")
    assert "two factors: passkey" in screen.find("#account-text").text


def test_a_passkey_signs_in_by_autofill(browser, screen, ada):
    screen.sign_in(ADA)
    screen.press("Add passkey")
    screen.says("Passkey added.")
    screen.driver.execute_script("localStorage.clear()")
    screen.open()
    screen.heading("Your account")
    screen.says("You are signed in.")


def test_a_browser_without_the_json_of_webauthn_uses_passkeys_too(authenticator, screen, ada):
    screen.before_each_page("""
        for (const name of ["Creation", "Request"]) delete PublicKeyCredential[`parse${name}OptionsFromJSON`];
        delete PublicKeyCredential.prototype.toJSON;
    """)
    screen.sign_in(ADA)
    assert screen.driver.execute_script("return PublicKeyCredential.prototype.toJSON ?? null") is None
    screen.press("Add passkey")
    screen.says("Passkey added.")
    screen.sign_out()
    screen.press("Use a passkey")
    screen.heading("Your account")


def test_who_turns_away_from_a_passkey_is_told(authenticator, screen, ada):
    screen.open()
    screen.driver.execute_script(
        "navigator.credentials.get = () => Promise.reject(new DOMException('no', 'NotAllowedError'))"
    )
    screen.press("Use a passkey")
    screen.fails("No passkey was used.")


def test_a_passkey_that_is_not_known_is_told(browser, screen, ada):
    screen.sign_in(ADA)
    screen.press("Add passkey")
    screen.says("Passkey added.")
    Authenticator.objects.all().delete()
    screen.driver.execute_script("localStorage.clear()")
    screen.open()
    screen.fails("This passkey is not known here.")


def test_at_an_ip_address_the_place_for_passkeys_is_named(screen, ada, settings, site):
    settings.ALLOWED_HOSTS = ["127.0.0.1"]
    screen.driver.get(site.replace("localhost", "127.0.0.1"))
    assert screen.find(".note a").get_attribute("href") == f"{site}/"
    screen.press("Use a passkey")
    screen.fails("Passkeys do not work at this address of the site.")


def test_a_passkey_is_the_second_factor(authenticator, screen, ada):
    screen.sign_in(ADA)
    screen.press("Add passkey")
    screen.says("Passkey added.")
    screen.sign_out()
    screen.sign_in(ADA)
    screen.heading("One more step")
    screen.press("Use the passkey")
    screen.heading("Your account")
    assert "two factors: one-time code, passkey" in screen.find("#account-text").text


# The second factor.


def test_an_app_is_added_by_its_qr_code_and_asked_for(screen, ada):
    screen.sign_in(ADA)
    screen.press("Add authenticator app")
    screen.heading("Add an authenticator app")
    assert screen.driver.execute_script("return document.querySelector('#prove-app img').naturalWidth") > 0
    secret = screen.find("#prove-secret").text.replace(" ", "")
    screen.answer(totp_code(secret))
    screen.says("Authenticator app added.")
    screen.sign_out()
    screen.sign_in(ADA)
    screen.heading("One more step")
    screen.answer(later(secret))
    screen.heading("Your account")
    assert "two factors" in screen.find("#account-text").text


def test_one_of_several_factors_is_chosen(screen, ada, phone):
    enrol_totp(ada)
    (code, *_) = recovery_codes(ada)
    screen.sign_in(ADA)
    screen.heading("One more step")
    assert [one.text for one in screen.all("#prove-methods label")] == ["Authenticator app", "Phone", "Recovery code"]
    screen.choose("Phone")
    screen.press("Send me a code")
    screen.says("A new code is on its way.")
    assert code_sent_to(PHONE)
    screen.choose("Recovery code")
    screen.answer(code)
    screen.heading("Your account")
    assert "one factor: one-time code, recovery code" in screen.find("#account-text").text


def test_a_phone_is_texted_at_once_and_again_after_the_wait(screen, ada, phone, waits):
    waits(60)
    screen.sign_in(ADA)
    screen.heading("One more step")
    assert "We have sent you a code." in screen.find("#prove-text").text
    screen.press("Send a new code")
    screen.says("Send a new code in ", "#resend")
    screen.answer(code_sent_to(PHONE))
    screen.heading("Your account")


def test_a_ticket_that_is_void_leads_back(screen, ada):
    secret = enrol_totp(ada)
    screen.sign_in(ADA)
    screen.heading("One more step")
    PasswordlessChallengeToken.objects.filter(user=ada).delete()
    screen.answer(totp_code(secret))
    screen.heading("Sign in")
    screen.says("That took too long.")


def test_a_trusted_device_is_not_asked_again_until_it_is_forgotten(screen, ada):
    secret = enrol_totp(ada)
    screen.sign_in(ADA)
    screen.heading("One more step")
    screen.choose("Do not ask again on this device for 30 days")
    screen.answer(totp_code(secret))
    screen.heading("Your account")
    screen.sign_out()
    screen.sign_in(ADA)
    screen.heading("Your account")
    screen.press("Forget: Chrome on Linux")
    screen.says("That device is asked again.")
    screen.sign_out()
    screen.sign_in(ADA)
    screen.heading("One more step")


def test_a_phone_is_added_and_removed(screen, ada):
    screen.sign_in(ADA)
    screen.press("Add phone")
    screen.type("#value", PHONE)
    screen.press("Send a code there")
    screen.heading("Enter the code")
    screen.answer(code_sent_to(PHONE))
    screen.says("Phone added.")
    assert PhoneDevice.objects.get(user=ada).number == PHONE
    screen.sign_out()
    screen.sign_in(ADA)
    screen.heading("One more step")
    screen.answer(code_sent_to(PHONE))
    screen.press("Remove: Phone")
    screen.says("Removed.")
    assert screen.listed("factors") == []


def test_the_address_is_added_for_who_has_a_password(screen, ada):
    screen.sign_in_by_password(ADA, PASSWORD)
    screen.press("Add email")
    screen.heading("Enter the code")
    screen.answer(code_sent_to(ADA))
    screen.says("Email added.")
    screen.sign_out()
    screen.sign_in_by_password(ADA, PASSWORD)
    screen.heading("One more step")
    screen.answer(code_sent_to(ADA))
    screen.heading("Your account")


def test_recovery_codes_are_shown_once(screen, ada):
    secret = enrol_totp(ada)
    screen.sign_in(ADA)
    screen.heading("One more step")
    screen.answer(totp_code(secret))
    screen.press("Add recovery codes")
    screen.heading("Your recovery codes")
    assert len(screen.all("#ask-codes li")) == 10
    screen.press("I have kept them")
    screen.says("Recovery codes added.")
    assert screen.listed("factors") == ["Authenticator app", "Recovery codes"]


# What needs a fresh login.


def test_a_factor_is_removed_after_another_proof_once_the_login_is_old(screen, ada):
    secret = enrol_totp(ada)
    screen.sign_in(ADA)
    screen.heading("One more step")
    screen.answer(totp_code(secret))
    screen.heading("Your account")
    with time_machine.travel(datetime.now(timezone.utc) + timedelta(minutes=6)):
        screen.press("Remove: Authenticator app")
        screen.heading("Confirm that it is you")
        screen.answer(totp_code(secret))
        screen.says("Removed.")
    assert screen.listed("factors") == []


def test_somebody_steps_up(screen, ada):
    secret = enrol_totp(ada)
    screen.sign_in(ADA)
    screen.heading("One more step")
    screen.answer(totp_code(secret))
    screen.press("Confirm that it is you")
    screen.heading("Confirm that it is you")
    screen.answer(later(secret))
    screen.says("Confirmed:")
    assert Session.objects.count() == 1


def test_who_cannot_step_up_signs_in_again(screen, ada):
    screen.sign_in(ADA)
    screen.press("Confirm that it is you")
    screen.heading("Please sign in again")
    screen.press("Sign out, and in again")
    screen.heading("Sign in")
    assert not Session.objects.exists()


# Addresses, sessions.


def test_the_address_is_changed(screen, ada):
    screen.sign_in(ADA)
    screen.press("Change: Email address")
    screen.type("#value", NEW)
    screen.press("Send a code there")
    screen.heading("Enter the code")
    screen.answer(code_sent_to(NEW))
    screen.says("Changed.")
    ada.refresh_from_db()
    assert ada.email == NEW


def test_the_number_is_changed(screen, ada):
    screen.sign_in(ADA)
    screen.press("Change: Phone number")
    screen.type("#value", PHONE)
    screen.press("Send a code there")
    screen.heading("Enter the code")
    screen.answer(code_sent_to(PHONE))
    screen.says("Changed.")
    ada.refresh_from_db()
    assert ada.phone_number == PHONE


def other_session(client):
    body = {"username": ADA, "password": PASSWORD}
    assert client.post("/api/token/", body, headers={"user-agent": "Firefox on a Windows"}).status_code == 200


def test_another_session_is_ended(screen, ada, client):
    other_session(client)
    screen.sign_in(ADA)
    screen.heading("Your account")
    assert sorted(screen.listed("sessions")) == ["Chrome on Linux", "Firefox on Windows"]
    screen.press("End: Firefox on Windows")
    screen.says("That session has ended.")
    assert screen.listed("sessions") == ["Chrome on Linux"]


def test_all_other_sessions_are_ended(screen, ada, client):
    for _ in range(2):
        other_session(client)
    screen.sign_in(ADA)
    screen.press("End all others")
    screen.says("All other sessions have ended.")
    assert screen.listed("sessions") == ["Chrome on Linux"]


def test_a_page_that_is_loaded_anew_is_still_signed_in(screen, ada):
    screen.sign_in(ADA)
    screen.heading("Your account")
    assert screen.driver.execute_script("return Object.keys(localStorage)") == ["passwordless.refresh"]
    screen.open()
    screen.heading("Your account")


def test_a_session_that_was_ended_elsewhere_leads_back(screen, ada):
    screen.sign_in(ADA)
    screen.heading("Your account")
    Session.objects.all().delete()
    screen.open()
    screen.heading("Sign in")
    screen.says("Your session has ended.")


def test_signing_out_ends_the_session_in_all_tabs(screen, ada):
    screen.sign_in(ADA)
    screen.heading("Your account")
    first = screen.driver.current_window_handle
    screen.driver.switch_to.new_window("tab")
    screen.open()
    screen.sign_out()
    screen.driver.switch_to.window(first)
    screen.says("You have signed out in another tab.")
    assert screen.driver.execute_script("return localStorage.length") == 0
    assert not Session.objects.exists()


def left(screen, *texts):
    """Which of the texts the page still has, whether or not they are seen."""
    page = screen.driver.execute_script("return document.querySelector('main').outerHTML")
    return [text for text in texts if text in page]


def test_no_app_of_a_user_is_left_in_the_page_after_signing_out(screen, ada):
    screen.sign_in(ADA)
    screen.press("Add authenticator app")
    screen.heading("Add an authenticator app")
    secret = screen.find("#prove-secret").text
    screen.answer(totp_code(secret.replace(" ", "")))
    screen.says("Authenticator app added.")
    screen.sign_out()
    assert left(screen, ADA, secret, secret.replace(" ", ""), "otpauth:", "data:") == []


def test_no_recovery_code_of_a_user_is_left_in_the_page_after_signing_out(screen, ada):
    secret = enrol_totp(ada)
    screen.sign_in(ADA)
    screen.heading("One more step")
    screen.answer(totp_code(secret))
    screen.press("Add recovery codes")
    screen.heading("Your recovery codes")
    code = screen.find("#ask-codes li").text
    screen.press("I have kept them")
    screen.says("Recovery codes added.")
    screen.sign_out()
    assert left(screen, ADA, code) == []


def test_no_recovery_code_is_left_in_the_page_after_signing_out_in_another_tab(screen, ada):
    secret = enrol_totp(ada)
    screen.sign_in(ADA)
    screen.heading("One more step")
    screen.answer(totp_code(secret))
    screen.press("Add recovery codes")
    screen.heading("Your recovery codes")
    code = screen.find("#ask-codes li").text
    first = screen.driver.current_window_handle
    screen.driver.switch_to.new_window("tab")
    screen.open()
    screen.sign_out()
    screen.driver.switch_to.window(first)
    screen.says("You have signed out in another tab.")
    assert left(screen, ADA, code) == []


def test_an_account_that_comes_after_signing_out_is_not_shown(screen, ada):
    screen.sign_in(ADA)
    screen.heading("Your account")
    late = """
    const { fetch } = window;
    window.fetch = async (url, options) => {
      const answer = await fetch(url, options);
      if (url === "/api/2fa/trusted-devices/") await new Promise((done) => { window.arrive = done; });
      return answer;
    };
    document.getElementById("end-others").click();
    """
    screen.driver.execute_script(late)
    screen.wait(lambda: screen.driver.execute_script("return 'arrive' in window"), "the list of devices")
    screen.sign_out()
    screen.driver.execute_async_script("arrive(); setTimeout(arguments[0], 200)")
    screen.heading("Sign in")
    assert left(screen, ADA) == []


def test_what_somebody_has_typed_is_not_sent_as_who_has_signed_in_in_another_tab(screen, ada, grace):
    screen.sign_in(ADA)
    screen.press("Change: Email address")
    screen.type("#value", NEW)
    first = screen.driver.current_window_handle
    screen.driver.switch_to.new_window("tab")
    screen.open(f"/#token={PasswordlessTokenService.create_token(grace, 'email').token}")
    screen.press("Sign in")
    screen.heading("Your account")
    screen.driver.switch_to.window(first)
    Session.objects.filter(user=ada).delete()  # as hers ends in time
    screen.press("Send a code there")
    screen.says("Somebody else has signed in here.")
    screen.says(grace.email, "#account-text")
    assert not [message for message in inbox.messages if message["to"] == NEW]


def test_a_name_in_a_factor_is_a_text(authenticator, screen, ada):
    screen.sign_in(ADA)
    screen.press("Add passkey")
    screen.says("Passkey added.")
    Authenticator.objects.update(name="<img src=x onerror=alert(1)>")
    screen.open()
    screen.heading("Your account")
    assert "<img src=x" in screen.find("#factors").text


def test_who_must_have_a_second_factor_adds_one_and_signs_in_again(screen, ada, settings):
    settings.JWT_DRF_PASSWORDLESS["TWO_FACTOR"]["required"] = True
    screen.sign_in(ADA)
    screen.heading("Your account")
    assert [one.text for one in screen.all("#account h2") if one.is_displayed()] == ["Second factors"]
    screen.press("Add phone")
    screen.type("#value", PHONE)
    screen.press("Send a code there")
    screen.heading("Enter the code")
    screen.answer(code_sent_to(PHONE))
    screen.heading("Sign in")
    screen.says("Phone added.")
    screen.sign_in(ADA)
    screen.heading("One more step")
