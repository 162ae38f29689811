"""The scripts of the pages in docs/: the login page of the tutorial, and the refresh of a single-page app."""

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait

from tests.pages import ORIGIN, ROOT, Walk, code

#: A server whose tokens are used once each: the second access token is good.
SERVER = """
let asked = 0;
window.fetch = async (url, options) => {
  if (url !== "/api/token/refresh/") {
    const ok = options.headers.Authorization === "Bearer second";
    return { ok, status: ok ? 200 : 401 };
  }
  asked += 1;
  await new Promise((done) => setTimeout(done, 20));
  const ok = asked === 1 && JSON.parse(options.body).refresh === "one";
  return { ok, status: ok ? 200 : 401, json: async () => ({ access: "second", refresh: "two" }) };
};
"""


@pytest.fixture
def shop(tmp_path):
    """The project of the tutorial, after its last step."""
    with Walk(tmp_path) as walk:
        walk.page((ROOT / "docs" / "tutorial.md").read_text())
        yield walk


def click(driver, url):
    """What the page says after a click; a link is opened anew, as from a mail."""
    driver.get("about:blank")
    driver.get(url)
    status = driver.find_element(By.CSS_SELECTOR, "[role=status]")
    assert status.text == ""
    driver.find_element(By.TAG_NAME, "button").click()
    WebDriverWait(driver, 10).until(lambda _: status.text)
    return status.text


def test_the_link_of_the_tutorial_signs_in_once_by_a_click(driver, shop):
    shop.server.curl(shop.commands[6].replace("ada@", "grace@"))
    origin = f"http://127.0.0.1:{shop.server.port}"
    link = f"{ORIGIN}/#token={shop.server.known['TOKEN']}"
    assert link in shop.server.printed
    link = link.replace(ORIGIN, origin)
    assert click(driver, link) == "Hello grace@example.com"
    assert driver.current_url == f"{origin}/"
    assert click(driver, link) == "Invalid credentials"


def test_ten_calls_of_a_single_page_app_refresh_once(driver):
    (script,) = code((ROOT / "docs" / "howto" / "single-page-app.md").read_text(), "js")
    calls = "pair = {access: 'first', refresh: 'one'}; return Promise.all(Array.from({length: 10}, () => call('/me/')))"
    driver.get("about:blank")
    answers = driver.execute_script(
        f"{SERVER}\n{script}\nreturn (async () => {{ {calls} }})().then((all) => [all, asked, pair])"
    )
    assert answers == [[{"ok": True, "status": 200}] * 10, 1, {"access": "second", "refresh": "two"}]


def test_a_single_page_app_whose_session_has_ended_is_told(driver):
    (script,) = code((ROOT / "docs" / "howto" / "single-page-app.md").read_text(), "js")
    calls = "pair = {access: 'first', refresh: 'used'}; return call('/me/')"
    driver.get("about:blank")
    answers = driver.execute_script(
        f"{SERVER}\n{script}\nreturn (async () => {{ {calls} }})().then((one) => [one.status, pair])"
    )
    assert answers == [401, None]
