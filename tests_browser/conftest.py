"""The browser, its authenticators, the site and a user."""

import copy
import os
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core.cache import cache
from django.utils import timezone
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.virtual_authenticator import VirtualAuthenticatorOptions
from web import inbox

from jwt_drf_passwordless.models import PhoneDevice
from tests_browser.project import settings as project
from tests_browser.project.page import PAGE
from tests_browser.screen import Screen

PASSWORD = "correct horse battery"
PHONE = "+12015550199"
ADA = "ada@example.com"
#: Runs an expression in the page; what it throws becomes an object with its name, and the answer's status and body.
RUN = """
const done = arguments[arguments.length - 1];
(async () => ({arrow}))().then((f) => f(...arguments)).then(done, (error) =>
  done({{ name: error.name, message: error.message, status: error.status, answer: error.answer }}));
"""


class Browser:
    """A page of the site, and the authenticator that is plugged in."""

    def __init__(self, driver: Any) -> None:
        self.driver = driver

    def open(self, origin: str) -> None:
        self.driver.get(f"{origin}/documented/")

    def run(self, arrow: str, *arguments: Any) -> Any:
        """What a function of the page gives: `run("(access) => addPasskey(access)", access)`."""
        return self.driver.execute_async_script(RUN.format(arrow=arrow), *arguments)

    def plug_in(self) -> None:
        """An authenticator that is part of the device, with somebody's finger on it."""
        options = VirtualAuthenticatorOptions(
            protocol=VirtualAuthenticatorOptions.Protocol.CTAP2,
            transport=VirtualAuthenticatorOptions.Transport.INTERNAL,
            has_resident_key=True,
            has_user_verification=True,
            is_user_consenting=True,
            is_user_verified=True,
        )
        self.driver.add_virtual_authenticator(options)

    def unplug(self) -> None:
        if self.driver.virtual_authenticator_id:
            self.driver.remove_virtual_authenticator()


@pytest.fixture(scope="session")
def driver():
    options = webdriver.ChromeOptions()
    options.binary_location = os.environ.get("CHROMIUM", "/usr/bin/chromium")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    for argument in (
        "--headless=new",
        "--no-sandbox",
        "--disable-dev-shm-usage",
        "--disable-gpu",
        "--disable-lcd-text",
    ):
        options.add_argument(argument)
    service = Service(os.environ.get("CHROMEDRIVER", "/usr/bin/chromedriver"))
    driver = webdriver.Chrome(options=options, service=service)
    driver.set_script_timeout(15)
    yield driver
    driver.quit()


@pytest.fixture
def site(live_server, settings):
    """The site's origin, http://localhost and a port. Its messages go to the example's inbox, as without tests."""
    settings.SITE_URL = live_server.url
    settings.JWT_DRF_PASSWORDLESS = changed = copy.deepcopy(settings.JWT_DRF_PASSWORDLESS)
    changed["TWO_FACTOR"]["passkey"]["origins"] = [live_server.url]
    changed["PASSWORDLESS_EMAIL_LOGIN_URL"] = live_server.url + "/#token={token}"
    name = "MAILERS" if hasattr(project, "MAILERS") else "EMAIL_BACKEND"
    setattr(settings, name, getattr(project, name))
    inbox.messages.clear()
    cache.clear()
    return live_server.url


@pytest.fixture
def nobody_is_verified(site, settings):
    """Call it, and devices ask for no PIN or finger from then on."""

    def change():
        settings.JWT_DRF_PASSWORDLESS["TWO_FACTOR"]["passkey"]["user_verification"] = "discouraged"

    return change


@pytest.fixture
def browser(driver, site):
    """On the page with the documentation's script, with an authenticator."""
    browser = Browser(driver)
    browser.open(site)
    browser.plug_in()
    yield browser
    browser.unplug()


@pytest.fixture
def screen(driver, site):
    """The example's page, as somebody sees it, with nothing left of others; it must not have complained afterwards."""
    screen = Screen(driver, site)
    screen.prepare()
    yield screen
    screen.leave()
    assert screen.complaints() == []


@pytest.fixture
def other_site():
    """The same page at another port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # noqa: N802
            self.send_response(200)
            self.end_headers()
            self.wfile.write(PAGE.encode())

        def log_message(self, *args: Any) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("localhost", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://localhost:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def ada(site):
    return get_user_model().objects.create_user(ADA, password=PASSWORD)


@pytest.fixture
def phone(ada):
    """Her second factor, beside the passkey."""
    return PhoneDevice.objects.create(user=ada, number=PHONE, provider="local", confirmed_at=timezone.now())


@pytest.fixture
def passkey(browser, ada):
    """The entry of a passkey that she has registered."""
    access = browser.run("(body) => post('token/', body)", {"username": ADA, "password": PASSWORD})["access"]
    return browser.run("(access) => addPasskey(access, 'This computer')", access)
