"""What somebody sees of the example's page and does there, and what a checker and the console say of it."""

import json
import re
from importlib.resources import files
from typing import Any

from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait
from web import inbox

#: Of axe-playwright-python only the script is taken, which works in any browser.
AXE = (files("axe_playwright_python") / "axe.min.js").read_text()
RUN_AXE = "const done = arguments[arguments.length - 1]; axe.run(document).then(done);"
#: Widest and narrowest screen that the page is looked at on, with the colours that are asked for.
DESKTOP, PHONE = (1040, 620), (360, 760)


def code_sent_to(to: str) -> str:
    """The code in the newest message there."""
    return next(found[0] for text in _texts(to) if (found := re.search(r"\b\d{6}\b", text)))


def link_sent_to(to: str) -> str:
    return next(found[0] for text in _texts(to) if (found := re.search(r"https?://\S+", text)))


def _texts(to: str) -> list[str]:
    return [message["text"] for message in inbox.messages if message["to"] == to]


class Screen:
    def __init__(self, driver: Any, site: str) -> None:
        self.driver = driver
        self.site = site
        self._scripts: list[str] = []

    def prepare(self) -> None:
        self.driver.execute_cdp_cmd("Storage.clearDataForOrigin", {"origin": self.site, "storageTypes": "all"})
        self.driver.get_log("browser")
        self.look()

    def look(self, size: tuple[int, int] = DESKTOP, scheme: str = "light") -> None:
        """The size of the window, in CSS pixels, and the colours that the user prefers."""
        metrics = {"width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": False}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        self.driver.execute_cdp_cmd("Emulation.setScrollbarsHidden", {"hidden": True})
        media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", media)

    def before_each_page(self, script: str) -> None:
        """Run a script before those of the pages that are opened from now on, until the test ends."""
        added = self.driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": script})
        self._scripts.append(added["identifier"])

    def leave(self) -> None:
        for window in self.driver.window_handles[1:]:
            self.driver.switch_to.window(window)
            self.driver.close()
        self.driver.switch_to.window(self.driver.window_handles[0])
        for identifier in self._scripts:
            self.driver.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", {"identifier": identifier})
        self.driver.get("about:blank")  # no more polls

    def complaints(self) -> list[str]:
        """What the console holds; but it calls each answer that refuses something a failure, which is none here."""
        log = self.driver.get_log("browser")
        return [one["message"] for one in log if not (one["source"] == "network" and "a status of 4" in one["message"])]

    # What there is to see.

    def open(self, path: str = "/") -> None:
        self.driver.get(self.site + path)

    def wait(self, condition: Any, message: str = "") -> Any:
        return WebDriverWait(self.driver, 20, poll_frequency=0.05).until(lambda driver: condition(), message)

    def find(self, selector: str) -> Any:
        """The one that can be seen, once it can."""
        return self.wait(lambda: next((one for one in self.all(selector) if one.is_displayed()), None), selector)

    def all(self, selector: str) -> list[Any]:
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def heading(self, text: str) -> None:
        """Wait for the step with this heading."""
        self.wait(lambda: self._heading() == text, f"the heading {text!r}, not {self._heading()!r}")

    def _heading(self) -> str:
        return self._text("main > section:not([hidden]) h1")

    def says(self, text: str, selector: str = "#status") -> None:
        """Wait for a text that begins so."""
        self.wait(lambda: self._text(selector).startswith(text), f"{text!r}, not {self._text(selector)!r}")

    def fails(self, text: str) -> None:
        self.says(text, "section:not([hidden]) .error:not(:empty)")

    def _text(self, selector: str) -> str:
        script = "return document.querySelector(arguments[0])?.innerText ?? ''"
        return self.driver.execute_script(script, selector)

    def listed(self, name: str) -> list[str]:
        """The titles in one of the account's lists."""
        return [one.text for one in self.all(f"#{name} li strong")]

    @property
    def focused(self) -> str:
        """The id of the element that has the focus."""
        return self.driver.execute_script("return document.activeElement.id")

    # What there is to do.

    def type(self, selector: str, text: str) -> None:
        field = self.find(selector)
        field.clear()
        field.send_keys(text)

    def press(self, name: str) -> None:
        """A button by what it says, or what it says to who cannot see."""
        script = """return [...document.querySelectorAll("button, main a")].find((one) => one.checkVisibility() &&
            [one.textContent.trim(), one.ariaLabel].includes(arguments[0]))"""
        self.wait(lambda: self.driver.execute_script(script, name), f"a button {name!r}").click()

    def choose(self, label: str) -> None:
        script = """return [...document.querySelectorAll("label")].find((one) => one.checkVisibility() &&
            one.textContent.trim() === arguments[0])"""
        self.wait(lambda: self.driver.execute_script(script, label), f"a choice {label!r}").click()

    def answer(self, code: str) -> None:
        self.type("#code", code)
        self.press("Continue")

    def ask_for_code(self, identifier: str) -> None:
        self.open()
        self.type("#identifier", identifier)
        self.press("Send me a code")
        self.heading("Enter the code")

    def sign_in(self, identifier: str) -> None:
        self.ask_for_code(identifier)
        self.answer(code_sent_to(identifier))

    def sign_out(self) -> None:
        self.press("Sign out")
        self.says("You are signed out.")

    def sign_in_by_password(self, username: str, password: str) -> None:
        self.open()
        self.press("Use a password")
        self.type("#username", username)
        self.type("#current-password", password)
        self.press("Sign in")

    # What a checker says.

    def barriers(self) -> list[str]:
        """What axe-core finds that is serious or critical, and whether something is wider than the window."""
        self.driver.execute_script(AXE)
        found = self.driver.execute_async_script(RUN_AXE)
        violations = [one for one in found["violations"] if one["impact"] in ("serious", "critical")]
        barriers = [f"{one['id']}: {json.dumps([node['html'] for node in one['nodes']])}" for one in violations]
        if self.driver.execute_script("return document.documentElement.scrollWidth > innerWidth"):
            barriers.append("the page scrolls sideways")
        return barriers
