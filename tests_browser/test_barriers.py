"""Each step of the page, looked at by axe-core, on a wide and a narrow screen, in light and dark colours.

PICTURES=1 writes what docs/pictures/ holds.
"""

import os
from pathlib import Path

import pytest

from jwt_drf_passwordless.testing import enrol_totp, recovery_codes, totp_code
from tests_browser.conftest import ADA
from tests_browser.screen import DESKTOP, PHONE, code_sent_to, link_sent_to

#: In docs/pictures/.
KEPT = {
    "sign-in-light",
    "code-light",
    "account-light",
    "sign-in-dark",
    "second-factor-dark",
    "authenticator-app-dark",
    "account-dark",
}
PICTURES = Path(__file__).resolve().parent.parent / "docs" / "pictures"


@pytest.fixture(params=[("light", DESKTOP), ("dark", PHONE)], ids=["light", "dark"])
def looked_at(request, screen):
    """Call it at a step: no barriers. A name is that of its picture."""
    scheme, size = request.param
    screen.look(size, scheme)

    def look(name=None):
        assert screen.barriers() == []
        if f"{name}-{scheme}" in KEPT and os.environ.get("PICTURES") == "1":
            PICTURES.mkdir(exist_ok=True)
            away = {"type": "mouseMoved", "x": 0, "y": 0}
            screen.driver.execute_cdp_cmd("Input.dispatchMouseEvent", away)
            screen.driver.execute_script("document.activeElement.blur(); scrollTo(0, 0)")
            screen.driver.save_screenshot(str(PICTURES / f"{name}-{scheme}.png"))

    return look


def test_signing_in(screen, looked_at, ada, settings):
    screen.open()
    screen.find("#messages li")
    looked_at("sign-in")
    screen.press("Send me a code")
    screen.fails("Email address or phone number is missing.")
    looked_at()
    screen.press("Use a password")
    looked_at()
    screen.ask_for_code(ADA)
    screen.find("#messages strong")
    looked_at("code")
    screen.press("Send a new code")
    screen.says("A new code is on its way.")
    looked_at()
    screen.driver.get("about:blank")
    screen.driver.get(link_sent_to(ADA))
    screen.heading("Sign in by link")
    looked_at()
    settings.JWT_DRF_PASSWORDLESS["EXTERNAL_2FA"] = {"provider": "web.inbox.Vendor"}
    screen.open()
    screen.find(".choice")
    looked_at()


def test_the_second_step_and_the_account(screen, looked_at, ada, phone):
    secret = enrol_totp(ada)
    recovery_codes(ada)
    screen.sign_in(ADA)
    screen.heading("One more step")
    looked_at("second-factor")
    screen.choose("Phone")
    looked_at()
    screen.choose("Authenticator app")
    screen.answer(totp_code(secret))
    screen.heading("Your account")
    looked_at("account")
    screen.press("Replace phone")
    screen.heading("Add a phone")
    looked_at()
    screen.press("Back")
    screen.press("Replace authenticator app")
    screen.heading("Add an authenticator app")
    looked_at("authenticator-app")
    screen.press("Back")
    screen.press("Replace recovery codes")
    screen.heading("Your recovery codes")
    looked_at()


def test_the_inbox(screen, looked_at, ada):
    screen.open("/inbox/")
    screen.says("Nothing yet.", "#messages")
    looked_at()
    screen.ask_for_code(ADA)
    screen.open("/inbox/")
    screen.says(code_sent_to(ADA), "#messages strong")
    looked_at()


def test_the_console_tells_what_the_policy_forbids(driver, screen, ada):
    """Or the other tests could see nothing."""
    screen.open()
    screen.heading("Sign in")
    driver.execute_script("""
        document.body.append(Object.assign(new Image(), {src: "https://example.com/"}));
        const style = document.createElement("style");
        style.append("a {}");
        document.body.append(style);
    """)
    found = []
    screen.wait(lambda: found.extend(screen.complaints()) or len(found) >= 2)
    policy = " ".join(one for one in found if "Content Security Policy" in one)
    assert ("img-src" in policy, "style-src" in policy) == (True, True)


def test_a_barrier_is_found(screen, ada):
    screen.open()
    screen.heading("Sign in")
    script = "document.querySelector('label').remove(); document.body.style.width = '200vw'"
    screen.driver.execute_script(script)
    found = {barrier.split(":")[0] for barrier in screen.barriers()}
    assert {"label", "the page scrolls sideways"} <= found
