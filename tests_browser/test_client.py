"""The client module by itself: what a page cannot show."""

import json
import re
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
import time_machine
from django.contrib.auth import get_user_model

from jwt_drf_passwordless.models import Session
from jwt_drf_passwordless.testing import enrol_phone
from tests_browser.conftest import ADA, PASSWORD, PHONE
from tests_browser.screen import code_sent_to

GRACE = "grace@example.com"
RUN = """
const done = arguments[arguments.length - 1];
import("/static/web/passwordless.js").then(async ({ PasswordlessClient, PasswordlessError }) => {
  const calls = [];
  const { fetch } = window;
  window.fetch = (url, options) => { calls.push(url); return fetch(url, options); };
  const run = async (PasswordlessClient, calls, ...given) => { %s };
  return run(PasswordlessClient, calls, ...arguments).finally(() => { window.fetch = fetch; });
}).then(done, (error) => done({ name: error.name, message: error.message, ...error }));
"""


@pytest.fixture
def run(screen, ada):
    """Runs the body of a function of `PasswordlessClient`, `calls` (the URLs that were fetched) and `given`."""
    screen.open("/inbox/")

    def run(body, *given):
        return screen.driver.execute_async_script(RUN % body, *given)

    return run


@pytest.fixture
def signed_in(run):
    run("await new PasswordlessClient().signInByPassword(...given)", ADA, PASSWORD)
    return run


@pytest.fixture
def strict_sessions(settings):
    """A refresh token that is used twice ends its session."""
    settings.JWT_DRF_PASSWORDLESS["SESSIONS"] = {"grace": 0}


def test_calls_at_one_time_refresh_once(strict_sessions, signed_in):
    calls = signed_in("""
        const client = new PasswordlessClient();
        await Promise.all([client.factors(), client.sessions(), client.fetch("/api/me/")]);
        return calls;
    """)
    assert calls[0] == "/api/token/refresh/"
    assert sorted(calls[1:]) == ["/api/2fa/factors/", "/api/me/", "/api/sessions/"]


def test_headers_of_a_call_are_sent_whatever_their_form(signed_in):
    statuses = signed_in("""
        const asked = { Accept: "image/png" }, client = new PasswordlessClient();
        const answers = [asked, new Headers(asked)].map((headers) => client.fetch("/api/sessions/", { headers }));
        return (await Promise.all(answers)).map((answer) => answer.status);
    """)
    assert statuses == [406, 406]


def test_tabs_take_turns_with_the_refresh_token(strict_sessions, signed_in):
    """Each client is what a tab has; the store is that of all."""
    calls = signed_in("""
        const tabs = [1, 2, 3].map(() => new PasswordlessClient());
        await Promise.all(tabs.map((tab) => tab.sessions()));
        return calls;
    """)
    assert calls.count("/api/token/refresh/") == 3
    assert Session.objects.count() == 1


def test_an_access_token_that_has_expired_is_renewed(signed_in, screen):
    screen.driver.execute_async_script("""
        const done = arguments[0];
        import("/static/web/passwordless.js").then(async ({ PasswordlessClient }) => {
          window.client = new PasswordlessClient();
          await client.sessions();
        }).then(done, done);
    """)
    with time_machine.travel(datetime.now(timezone.utc) + timedelta(minutes=6)):
        statuses = signed_in("""
            const answer = await client.fetch("/api/me/");
            return [answer.status, calls];
        """)
    assert statuses == [200, ["/api/me/", "/api/token/refresh/", "/api/me/"]]


@pytest.fixture
def grace(ada):
    return get_user_model().objects.create_user(GRACE, password=PASSWORD)


def test_a_login_stays_that_of_who_signed_in_last(signed_in, grace):
    """A tab is still waiting for the next token of who was signed in before."""
    me = signed_in(
        """
        const { fetch } = window;
        let answered;
        const login = new Promise((resolve) => { answered = resolve; });
        window.fetch = async (url, options) => {
          const response = await fetch(url, options);
          if (url === "/api/token/") answered();
          if (url === "/api/token/refresh/") await login.then(() => new Promise((resolve) => setTimeout(resolve, 200)));
          return response;
        };
        const [tab, other] = [new PasswordlessClient(), new PasswordlessClient()];
        await Promise.all([tab.refresh(), other.signInByPassword(...given)]);
        return (await new PasswordlessClient().fetch("/api/me/")).json();
        """,
        GRACE,
        PASSWORD,
    )
    assert me["email"] == GRACE


def test_what_one_user_began_is_not_done_as_another_who_has_signed_in_in_another_tab(signed_in, grace):
    answers = signed_in(
        """
        const [tab, other] = [new PasswordlessClient(), new PasswordlessClient()];
        await tab.sessions();
        await other.signOut();
        await other.signInByPassword(...given);
        const refused = await tab.endOtherSessions().catch(({ status, code }) => [status, code]);
        return [refused, (await (await tab.fetch("/api/me/")).json()).email];
        """,
        GRACE,
        PASSWORD,
    )
    assert answers == [[401, "user_changed"], GRACE]


def test_who_has_to_add_a_factor_first_leaves_no_session_of_another(signed_in, grace, settings):
    settings.JWT_DRF_PASSWORDLESS["TWO_FACTOR"]["required"] = True
    body = """
        const client = new PasswordlessClient();
        const { code } = await client.signInByPassword(...given);
        return [code, client.isSignedIn, (await client.factors()).required];
    """
    assert signed_in(body, GRACE, PASSWORD) == ["second_factor_enrolment_required", False, True]


def test_a_session_that_has_ended_is_forgotten(signed_in):
    Session.objects.all().delete()
    error = signed_in("await new PasswordlessClient().sessions()")
    assert (error["name"], error["status"], error["code"]) == ("PasswordlessError", 401, "token_not_valid")
    assert signed_in("return [new PasswordlessClient().isSignedIn, localStorage.length]") == [False, 0]


def test_a_server_out_of_reach_ends_no_session(signed_in):
    body = """
        window.fetch = () => Promise.reject(new TypeError("gone"));
        const client = new PasswordlessClient();
        const error = await client.sessions().catch((error) => error);
        return [error.status, error.code, client.isSignedIn];
    """
    assert signed_in(body) == [0, "unreachable", True]


def test_signing_out_ends_the_session_and_forgets_both_tokens(signed_in):
    body = """
        const client = new PasswordlessClient();
        await client.sessions();
        await client.signOut();
        return client.sessions().catch(({ status, code }) => [status, code, localStorage.length]);
    """
    assert signed_in(body) == [401, "not_authenticated", 0]
    assert not Session.objects.exists()


def test_the_handle_of_a_request_goes_with_its_code(run, settings):
    settings.JWT_DRF_PASSWORDLESS["BIND_TO_REQUEST"] = True
    run("window.client = new PasswordlessClient(); await client.requestCode(...given)", ADA)
    given = (ADA, code_sent_to(ADA))
    refused = run("await new PasswordlessClient().exchangeCode(...given)", *given)
    assert (refused["status"], refused["code"]) == (400, "invalid_credentials")
    assert run("return client.exchangeCode(...given)", *given) is None


def test_a_wait_is_told_in_seconds(run, settings):
    settings.JWT_DRF_PASSWORDLESS["TOKEN_REQUEST_THROTTLE_SECONDS"] = 60
    run("await new PasswordlessClient().requestCode(...given)", ADA)
    error = run("await new PasswordlessClient().requestCode(...given)", ADA)
    assert (error["status"], error["code"]) == (429, "throttled")
    assert 0 < error["retryAfter"] <= 60


def test_a_malformed_field_is_told_by_its_sentence(run):
    error = run("await new PasswordlessClient().requestCode('@')")
    assert (error["status"], error["message"]) == (400, error["answer"]["email"][0])


def test_a_factor_and_a_session_are_renamed(signed_in, ada):
    listed = signed_in("""
        const client = new PasswordlessClient();
        const [{ id }] = await client.sessions();
        await client.renameSession(id, "Mine");
        return client.sessions();
    """)
    assert [one["name"] for one in listed] == ["Mine"]


def test_a_store_of_ones_own_holds_what_is_kept(run, ada):
    enrol_phone(ada, PHONE)
    pending = run("return new PasswordlessClient().signInByPassword(...given)", ADA, PASSWORD)
    assert pending["methods"] == ["phone"]
    kept = run(
        """
        const kept = {};
        const store = { get: (name) => kept[name], set: (name, value) => { kept[name] = value; } };
        await new PasswordlessClient({ store }).verify(given[0], "phone", given[1], true);
        return [Object.keys(kept), localStorage.length];
        """,
        pending,
        code_sent_to(PHONE),
    )
    assert json.dumps(kept) == json.dumps([["device", "refresh"], 0])


#: A prompt that is answered by the inbox.
ANSWERED = """
window.prompt = () => {
  const request = new XMLHttpRequest();
  request.open("GET", "/inbox/messages/", false);
  request.send();
  return JSON.parse(request.responseText).messages[0].text.match(/\\b\\d{6}\\b/)[0];
};
"""


def test_the_script_of_the_documentation_signs_in(screen, ada):
    enrol_phone(ada, PHONE)
    page = Path(__file__).resolve().parent.parent / "docs" / "javascript-client.md"
    script = re.search(r"```js\n(.*?)```", page.read_text(), flags=re.DOTALL)[1]
    body = re.sub(r'import (.*?) from "(.*?)"', r'const \1 = await import("\2")', script)
    screen.open("/inbox/")
    run = f"{ANSWERED} (async () => {{ {body} }})().then(arguments[0], arguments[0])"
    me = screen.driver.execute_async_script(run)
    assert (me["email"], me["amr"]) == (ADA, ["otp", "sms", "mfa"])
