"""Start the example project and walk through its login flows over HTTP, as a client and its user would.

The server is a real one, in a process of its own, with a new database; codes are read from the mails
and SMS that it prints. Each answer is compared with what is expected: the exit code is 1 if one differs.
PORT=8001 takes another port than 8000; ONCE=1 ends after the walk instead of keeping the server up.
"""

from __future__ import annotations

import json
import os
import queue
import re
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException
from pathlib import Path
from typing import Any

from demo_server import (
    BOLD,
    CYAN,
    DIM,
    GREEN,
    HOST,
    RED,
    YELLOW,
    Answer,
    Message,
    Server,
    Unexpected,
    expect,
    paint,
    say,
    shorten,
    site_url,
)

ADA = "ada@example.com"
GRACE = "grace@example.com"
GRACES_PHONE = "+12015550123"
LINUS_PHONE = "+12015550124"
HEDY = "hedy@example.com"
HEDYS_PHONE = "+12015550177"
HEDYS_PASSWORD = "correct horse battery"
NOBODY = "nobody@example.com"


class Walk:
    """The steps, each with a heading, what is sent, what comes back and what arrives."""

    def __init__(self, server: Server, steps: int = 0) -> None:
        self.server = server
        #: How many there were so far.
        self.steps = steps

    def step(self, title: str) -> None:
        self.steps += 1
        heading = f"{self.steps}. {title}"
        say(f"{paint(BOLD, heading)}\n{'-' * len(heading)}")

    def call(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        access: str | None = None,
        more: dict[str, str] | None = None,
        status: int,
        **expected: object,
    ) -> Answer:
        """Send a request, show it with its answer, compare status and the keys of `expected`."""
        say(f"    {paint(CYAN, f'{method} {path}')}")
        if access:
            say(shorten(f"    Authorization: Bearer {access}"))
        if body is not None:
            say(shorten(f"    {body.decode() if isinstance(body, bytes) else json.dumps(body)}"))
        try:
            answer = self.server.send(method, path, body, access, more)
        except (OSError, HTTPException) as error:
            raise Unexpected(f"no answer: {error}") from None
        colour = GREEN if answer.status < 400 else YELLOW if answer.status < 500 else RED
        is_json = answer.headers.get("Content-Type", "").startswith("application/json")
        text = shorten(json.dumps(answer.body)) if is_json else f"({answer.headers.get('Content-Type') or 'no body'})"
        say(f" {paint(DIM, '->')} {paint(colour, str(answer.status))} {text}")
        if "Retry-After" in answer.headers:
            say(f"    Retry-After: {answer.headers['Retry-After']}")
        say()
        expect("status", answer.status, status)
        for key, value in expected.items():
            expect(key, answer.body.get(key), value)
        return answer

    def run(self) -> None:
        request, exchange = "/passwordless/request", "/passwordless/exchange"

        self.step("The API asks for a token")
        self.call("GET", "/api/me/", status=401)

        self.step("Ada asks for a code by email")
        known = self.call("POST", f"{request}/email/", {"email": ADA}, status=200, code="token_sent")
        code = self.server.receive("Mail", ADA).find(r"code is (\d{6})\b")

        self.step("Once more, too soon: there is a wait between two messages to one address")
        again = self.call("POST", f"{request}/email/", {"email": ADA}, status=429, code="throttled")
        wait = int(again.headers.get("Retry-After", 0))
        expect("Retry-After between 1 and 60 seconds", 1 <= wait <= 60, True)
        self.server.receive_nothing()

        self.step("An address that no account has: the same answer, but no mail")
        unknown = self.call("POST", f"{request}/email/", {"email": NOBODY}, status=200, code="token_sent")
        expect("the answer to an unknown address", unknown.without_date(), known.without_date())
        self.server.receive_nothing()

        self.step("A wrong code")
        wrong = f"{(int(code) + 1) % 1_000_000:06}"
        self.call("POST", f"{exchange}/email/", {"email": ADA, "token": wrong}, status=400, code="invalid_credentials")

        self.step("The right code, for a pair of tokens that opens the API")
        pair = self.call("POST", f"{exchange}/email/", {"email": ADA, "token": code}, status=200).body
        expect("keys of the answer", sorted(pair), ["access", "refresh"])
        me = self.call("GET", "/api/me/", access=pair["access"], status=200, email=ADA, amr=["otp"]).body
        expect("auth_time is the time of the login", abs(time.time() - me["auth_time"]) < 60, True)

        self.step("The same code again: it works once")
        self.call("POST", f"{exchange}/email/", {"email": ADA, "token": code}, status=400, code="invalid_credentials")

        self.step("Grace follows a magic link")
        self.call("POST", f"{request}/email/", {"email": GRACE}, status=200, code="token_sent")
        mail = self.server.receive("Mail", GRACE)
        link = mail.find(rf"({re.escape(self.server.url)}/#token=\w+)")
        say("    Her browser opens the page, and keeps what stands behind the # to itself:")
        self.call("GET", "/", status=200)
        say("    She presses the button there:")
        token = link.split("#token=")[1]
        graces = self.call("POST", f"{exchange}/", {"token": token}, status=200).body
        self.call("GET", "/api/me/", access=graces["access"], status=200, email=GRACE, amr=["otp"])

        self.step("Grace signs in by SMS")
        self.call("POST", f"{request}/mobile/", {"phone_number": GRACES_PHONE}, status=200, code="token_sent")
        code = self.server.receive("SMS", GRACES_PHONE).find(r"^(\d{6})\b")
        body = {"phone_number": GRACES_PHONE, "token": code}
        graces = self.call("POST", f"{exchange}/mobile/", body, status=200).body
        self.call("GET", "/api/me/", access=graces["access"], status=200, email=GRACE, amr=["otp", "sms"])

        self.step("Ada's app gets a new pair: how and when she signed in stays as it was")
        newer = self.call("POST", "/api/token/refresh/", {"refresh": pair["refresh"]}, status=200).body
        expect("keys of the answer", sorted(newer), ["access", "refresh"])
        expect("the refresh token is a new one", newer["refresh"] != pair["refresh"], True)
        self.call("GET", "/api/me/", access=newer["access"], status=200, **me)
        say("    The old refresh token is used up. Sent again at once, as if the answer was lost, it gives no other:")
        again = {"refresh": pair["refresh"]}
        repeated = self.call("POST", "/api/token/refresh/", again, status=200).body
        expect("the refresh token of both answers", repeated["refresh"], newer["refresh"])
        self.run_sessions(graces["access"])
        self.run_second_factor()

    def run_sessions(self, access: str) -> None:
        self.step("Grace sees where she is signed in, and ends the other session")
        listed = self.call("GET", "/api/sessions/", access=access, status=200).body
        expect("sessions, the current one first", [one["current"] for one in listed], [True, False])
        self.call("DELETE", "/api/sessions/others/", access=access, status=204)
        expect("sessions that are left", len(self.call("GET", "/api/sessions/", access=access, status=200).body), 1)

    def run_second_factor(self) -> None:
        credentials = {"username": HEDY, "password": HEDYS_PASSWORD}

        self.step("Hedy signs in by password; she has no second factor yet")
        access = self.call("POST", "/api/token/", credentials, status=200).body["access"]
        self.call("GET", "/api/me/", access=access, status=200, email=HEDY, amr=["pwd"])

        self.step("She makes her phone the second factor")
        phone = {"authy_phone": HEDYS_PHONE}
        self.call("POST", "/api/2fa/phone-verify/", phone, access=access, status=204)
        code = self.server.receive("SMS", HEDYS_PHONE).find(r"^(\d{6})\b")
        body = {**phone, "token": code}
        self.call("POST", "/api/2fa/phone-register/", body, access=access, status=204)
        self.server.receive("Mail", HEDY)

        self.step("From now on her password gives a ticket, and no tokens")
        pending = self.call("POST", "/api/token/", credentials, status=206, code="second_factor_required").body
        code = self.server.receive("SMS", HEDYS_PHONE).find(r"^(\d{6})\b")

        self.step("The code from her phone finishes the login")
        body = {**credentials, "token": code}
        pair = self.call("POST", "/api/2fa/token-verify/", body, status=200).body
        amr = ["pwd", "otp", "sms", "mfa"]
        self.call("GET", "/api/me/", access=pair["access"], status=200, email=HEDY, amr=amr)
        say("    Her app could have sent the ticket instead of the password. It works once:")
        body = {"ticket": pending["ticket"], "token": code}
        self.call("POST", "/api/2fa/token-verify/", body, status=401, code="invalid_ticket")
        self.run_other_factors(pair["access"], credentials)

    def run_other_factors(self, access: str, credentials: dict[str, str]) -> None:
        import pyotp

        self.step("She adds an authenticator app")
        begun = self.call("POST", "/api/2fa/factors/totp/", access=access, status=200).body
        app = pyotp.TOTP(begun["secret"])
        code = app.now()
        body = {"token": code, "name": "My app"}
        self.call("POST", "/api/2fa/factors/totp/confirm/", body, access=access, status=201, name="My app")
        self.server.receive("Mail", HEDY)

        self.step("And ten recovery codes, to print")
        made = self.call("POST", "/api/2fa/factors/recovery_code/", access=access, status=201, remaining=10).body
        self.server.receive("Mail", HEDY)
        self.call("GET", "/api/2fa/factors/", access=access, status=200)

        self.step("The code that proved the app is used up: the next login takes the next one, or a recovery code")
        pending = self.call("POST", "/api/token/", credentials, status=206).body
        expect("factors to choose from", pending["methods"], ["totp", "phone", "recovery_code"])
        body = {"ticket": pending["ticket"], "token": code}
        self.call("POST", "/api/2fa/token-verify/", body, status=400, code="invalid_credentials")
        body = {"ticket": pending["ticket"], "token": made["codes"][0], "method": "recovery_code"}
        self.call("POST", "/api/2fa/token-verify/", body, status=200)
        self.server.receive("Mail", HEDY)


class VendorWalk(Walk):
    """The steps against a server whose codes by phone come from a verification vendor, which is made up."""

    def run(self) -> None:
        from django.conf import settings

        from jwt_drf_passwordless.external_2fa.testing import signed_webhook

        vendor = settings.JWT_DRF_PASSWORDLESS["EXTERNAL_2FA"]

        self.step("Linus signs in by a vendor's code: it calls him, and we never see the code")
        body = {"phone_number": LINUS_PHONE, "method": "call"}
        self.call("POST", "/passwordless/external/request/", body, status=200, code="token_sent")
        body = {"phone_number": LINUS_PHONE, "code": "135790"}
        self.call("POST", "/passwordless/external/verify/", body, status=400, code="invalid_credentials")
        body = {"phone_number": LINUS_PHONE, "code": vendor["code"]}
        pair = self.call("POST", "/passwordless/external/verify/", body, status=200).body
        self.call("GET", "/api/me/", access=pair["access"], status=200, amr=["otp", "tel"])

        self.step("The vendor tells, by a signed webhook, that its call came through")
        webhook, path = (
            signed_webhook(vendor["webhook_secret"], phone_number=LINUS_PHONE),
            "/passwordless/external/webhook/",
        )
        self.call("POST", path, webhook[0], more=webhook[1], status=200)
        self.server.wait_for_log("delivered")
        say("    One with a forged signature:")
        forged = {**webhook[1], "X-Fake-Signature": "forged"}
        self.call("POST", path, webhook[0], more=forged, status=401, code="invalid_signature")


def free_port() -> int:
    with socket.create_server((HOST, 0)) as server:
        return int(server.getsockname()[1])


def chosen_port() -> int:
    """The port to serve on, found free. Raises Unexpected."""
    text = os.environ.get("PORT") or "8000"
    port = int(text) if text.isascii() and text.isdigit() and len(text) <= 5 else 0
    if not 1 <= port <= 65535:
        raise Unexpected(f"PORT must be a number from 1 to 65535, not {text!r}")
    try:
        socket.create_server((HOST, port)).close()
    except OSError as error:
        why, other = os.strerror(error.errno or 0), port % 65535 + 1
        raise Unexpected(f"port {port} cannot be used: {why}. Take another one: PORT={other} make demo") from None
    return port


def prepare(port: int, folder: str) -> None:
    """Set the environment of the server and make its database, with two users."""
    os.environ.update(
        DJANGO_SETTINGS_MODULE="config.settings",
        DJANGO_DEBUG="1",
        DJANGO_DB=str(Path(folder) / "db.sqlite3"),
        DJANGO_SITE_URL=site_url(port),
        DJANGO_VENDOR="fake",
        PYTHONUNBUFFERED="1",
        PYTHONIOENCODING="utf-8",
    )
    import django
    from django.contrib.auth import get_user_model
    from django.core.management import call_command
    from django.db import connection

    django.setup()
    call_command("migrate", verbosity=0)
    users: Any = get_user_model().objects
    users.create_user(email=ADA)
    users.create_user(email=GRACE, phone_number=GRACES_PHONE)
    users.create_user(phone_number=LINUS_PHONE)
    users.create_user(email=HEDY, password=HEDYS_PASSWORD)
    connection.close()


def end_waits() -> None:
    """Whoever opens the page now is sent a code at once, although the walk has just sent some."""
    from jwt_drf_passwordless.testing import forget_waits

    forget_waits()


@contextmanager
def running(port: int, vendor: str) -> Iterator[Server]:
    server = Server(port, DJANGO_VENDOR=vendor)
    try:
        server.wait_until_up()
        yield server
    except Unexpected:
        server.stop()
        sys.stderr.writelines(server.log)
        raise
    finally:
        # An impatient second Ctrl-C must not leave the server behind.
        handlers = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM)}
        server.stop()
        for number, handler in handlers.items():
            signal.signal(number, handler)


def stay_up(server: Server, vendors_server: Server) -> None:
    """Show what the server prints until Ctrl-C or SIGTERM."""
    try:
        say(f"Now open {paint(BOLD, f'{server.url}/')} in a browser, and sign in: it runs until Ctrl-C.")
        say("Mails and SMS appear there, in the developer inbox, and below.")
        say(f"  {ADA:20} by a code or a link in an email")
        say(f"  {GRACE:20} by email, or by SMS to {GRACES_PHONE}")
        say(f"  {HEDY:20} by the password '{HEDYS_PASSWORD}', then 'Phone' and 'Send me a code'")
        say("Each can be sent a message once a minute.")
        say(f"The same page with a made-up vendor's codes and inbox: {vendors_server.url}/, for {LINUS_PHONE}.")
        say("The database is deleted at the end. The README, under Quick start, says how to run one that stays.")
        say()
        server.is_talking = True
        while server.is_running:
            try:
                message = server.messages.get(timeout=0.5)
            except queue.Empty:
                continue
            if isinstance(message, Message):
                message.show()
    except KeyboardInterrupt:
        server.is_talking = False  # or a late line of the server would stand behind this one
        say("\nStopped.")
    else:
        raise Unexpected("the server has ended")


def main() -> int:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)  # both raise KeyboardInterrupt
    try:
        port = chosen_port()
        with tempfile.TemporaryDirectory(prefix="jwt-drf-passwordless-") as folder:
            prepare(port, folder)
            with running(port, "") as server:
                walk = Walk(server)
                walk.run()
                with running(free_port(), "fake") as vendors_server:
                    walk = VendorWalk(vendors_server, walk.steps)
                    walk.run()
                    say(paint(GREEN, f"All {walk.steps} steps went as expected."))
                    if os.environ.get("ONCE", "") in ("", "0"):
                        say()
                        end_waits()
                        stay_up(server, vendors_server)
    except Unexpected as error:
        sys.stderr.write(f"demo: {error}\n")
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
