"""People who call the routes, and for each route a path and body with which a call of theirs succeeds."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import sms
from django.contrib.auth import get_user_model
from django.core import mail
from django.core.cache import cache
from django.db import transaction
from django.test import Client

from jwt_drf_passwordless.external_2fa.testing import signed_webhook
from jwt_drf_passwordless.testing import ONE_FACTOR, TWO_FACTORS, last_code, last_link, tokens_for, totp_code
from jwt_drf_passwordless.testing.factors import enrol_phone, enrol_totp, recovery_codes
from tests.two_factor.passkey.authenticator import UP, UV, Passkey
from tests_openapi.settings import CODE, WEBHOOK_SECRET

PASSWORD = "correct horse battery"
NEW_EMAIL, NEW_PHONE = "new@example.com", "+12015550177"
NO_SESSION = "00000000-0000-4000-8000-000000000000"
#: The factors.
METHODS = ("totp", "phone", "email", "recovery_code", "passkey")


@contextmanager
def as_it_was() -> Iterator[None]:
    """What happens in it is undone in the end."""
    with transaction.atomic():
        try:
            yield
        finally:
            transaction.set_rollback(True)
            cache.clear()
            mail.outbox, sms.outbox = [], []


class Person:
    """Who calls. Without an account: nobody, whose address may become one."""

    def __init__(self, name: str, number: str, *, has_account: bool = True) -> None:
        self.name, self.email, self.phone, self.access = name, f"{name}@example.com", number, ""
        self.refresh = self.secret = "none"
        self.passkey: Passkey | None = None
        self.flags = UP | UV
        self.client = Client()
        self.user = get_user_model()(username=name, email=self.email, phone_number=number)
        self.user.set_password(PASSWORD)
        if has_account:
            self.user.save()

    def signs_in(self, *, fresh: bool = True, amr: tuple[str, ...] = ONE_FACTOR) -> "Person":
        pair = tokens_for(self.user, fresh=fresh, amr=amr)
        self.access, self.refresh = pair["access"], pair["refresh"]
        return self

    def enrols(self) -> "Person":
        """All factors, and a device that is trusted."""
        self.signs_in()
        self.passkey = Passkey()
        credential = self.passkey.create(self.posts("/api/2fa/factors/passkey/")["publicKey"])
        self.posts("/api/2fa/factors/passkey/confirm/", {"token": credential})
        self.secret = enrol_totp(self.user)
        enrol_phone(self.user, self.phone[:-1] + "9")
        recovery_codes(self.user)
        return self.signs_in(amr=TWO_FACTORS)

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.access}"} if self.access else {}

    def posts(self, path: str, body: Any = None) -> Any:
        """The answer, or an empty one, which has nothing to go on with."""
        answer = self.client.post(path, body or {}, content_type="application/json", headers=self.headers)
        return answer.json() if answer.content else {}

    def lists(self, path: str, key: str = "") -> Any:
        answer = self.client.get(path, headers=self.headers)
        found = answer.json() if answer.status_code == 200 else {}
        return found.get(key, []) if isinstance(found, dict) else found

    def first(self, path: str, default: Any) -> Any:
        return next((entry["id"] for entry in self.lists(path)), default)

    # What a call needs: each does what comes before it.

    def code_by_email(self) -> str:
        self.posts("/passwordless/request/email/", {"email": self.email})
        return last_code(self.email)

    def link(self) -> str:
        self.posts("/passwordless/request/email/", {"email": self.email})
        return last_link(self.email).partition("=")[2]

    def code_by_phone(self) -> str:
        self.posts("/passwordless/request/mobile/", {"phone_number": self.phone})
        return CODE

    def password(self) -> dict[str, str]:
        return {"username": self.user.username, "password": PASSWORD}

    def ticket(self) -> str:
        ticket: str = self.posts("/api/token/", self.password()).get("ticket", "none")
        return ticket

    def second_step(self) -> Any:
        return {"ticket": self.ticket(), "token": self.totp(), "method": "totp", "trust_device": True}

    def totp(self) -> str:
        return "000000" if self.secret == "none" else totp_code(self.secret)

    def confirmation(self, method: str) -> Any:
        path = f"/api/2fa/factors/{method}/"
        if method == "phone":
            self.posts(path, {"authy_phone": NEW_PHONE})
            return {"token": last_code(NEW_PHONE) if sms.outbox else "000000", "authy_phone": NEW_PHONE}
        begun = self.posts(path)
        if method == "totp" and "secret" in begun:
            return {"token": totp_code(begun["secret"]), "name": "App"}
        if method == "email" and mail.outbox:
            return {"token": last_code(self.email)}
        if method == "passkey" and "publicKey" in begun:
            return {"token": Passkey().create(begun["publicKey"])}
        return {"token": "000000"}

    def removal(self) -> Any:
        """A proof, for who has factors."""
        if self.secret == "none":
            return {}
        self.posts("/api/2fa/step-up/")
        return {"token": self.totp(), "method": "totp"}

    def credential(self) -> Any:
        asked = self.posts("/api/passkey/request/")
        passkey = self.passkey or Passkey()
        return {"ticket": asked["ticket"], "credential": passkey.get(asked["publicKey"], flags=self.flags)}

    def contact_email_code(self) -> str:
        self.posts("/api/contact/email/", {"email": NEW_EMAIL})
        return last_code(NEW_EMAIL) if mail.outbox else "000000"

    def contact_mobile_code(self) -> str:
        self.posts("/api/contact/mobile/", {"phone_number": NEW_PHONE})
        return CODE


def make_people() -> list[Person]:
    """Ada has no second factor, Ida has signed in long ago. Grace has all of them; Joan too, has signed in long ago,
    and her passkey asks for no PIN. Lise must add one."""
    lise = Person("lise", "+12015550125")
    joan = Person("joan", "+12015550153").enrols().signs_in(fresh=False, amr=TWO_FACTORS)
    joan.flags = UP
    lise.access = lise.posts("/api/token/", lise.password())["enrolment_token"]
    return [
        Person("nobody", "+12015550126", has_account=False),
        Person("ada", "+12015550123").signs_in(),
        Person("ida", "+12015550133").signs_in(fresh=False),
        Person("grace", "+12015550143").enrols(),
        joan,
        lise,
    ]


#: The body for each route without variables. The others take none.
BODIES: dict[str, Callable[[Person], Any]] = {
    "/passwordless/request/email/": lambda one: {"email": one.email},
    "/passwordless/request/mobile/": lambda one: {"phone_number": one.phone, "method": "sms"},
    "/passwordless/external/request/": lambda one: {"phone_number": one.phone, "method": "call"},
    "/passwordless/exchange/": lambda one: {"token": one.link()},
    "/passwordless/exchange/email/": lambda one: {"email": one.email, "token": one.code_by_email()},
    "/passwordless/exchange/mobile/": lambda one: {"phone_number": one.phone, "token": one.code_by_phone()},
    "/passwordless/external/verify/": lambda one: {"phone_number": one.phone, "code": one.code_by_phone()},
    "/api/token/": Person.password,
    "/api/token/refresh/": lambda one: {"refresh": one.refresh},
    "/api/token/verify/": lambda one: {"token": one.refresh},
    "/api/token/logout/": lambda one: {"refresh": one.refresh},
    "/api/2fa/token-verify/": Person.second_step,
    "/api/2fa/resend/": lambda one: {"ticket": one.ticket(), "method": "phone"},
    "/api/2fa/phone-verify/": lambda one: {"authy_phone": NEW_PHONE},
    "/api/2fa/phone-register/": lambda one: one.confirmation("phone"),
    "/api/2fa/phone/": Person.removal,
    "/api/contact/email/": lambda one: {"email": NEW_EMAIL},
    "/api/contact/email/confirm/": lambda one: {"email": NEW_EMAIL, "token": one.contact_email_code()},
    "/api/contact/mobile/": lambda one: {"phone_number": NEW_PHONE},
    "/api/contact/mobile/confirm/": lambda one: {"phone_number": NEW_PHONE, "token": one.contact_mobile_code()},
    "/api/passkey/login/": Person.credential,
}


def right_call(who: Person, verb: str, path: str, method: str) -> tuple[dict[str, Any], Any, dict[str, str]]:
    """Variables of the path, body and headers of a call that succeeds, where it may; `method` is the factor meant."""
    match verb, path:
        case _, "/api/2fa/factors/{method}/":
            return {"method": method}, {"authy_phone": NEW_PHONE} if method == "phone" else {}, who.headers
        case _, "/api/2fa/factors/{method}/confirm/":
            return {"method": method}, who.confirmation(method), who.headers
        case _, "/api/2fa/factors/{method}/{id}/":
            entries = who.lists("/api/2fa/factors/", "factors")
            id_ = next((entry["id"] for entry in entries if entry["method"] == method), "0")
            body = who.removal() if verb == "DELETE" else {"name": "Work"}
            return {"method": method, "id": id_}, body, who.headers
        case _, "/api/2fa/trusted-devices/{id}/":
            who.posts("/api/2fa/token-verify/", who.second_step())
            return {"id": who.first("/api/2fa/trusted-devices/", 0)}, None, who.headers
        case _, "/api/sessions/{id}/":
            return {"id": who.first("/api/sessions/", NO_SESSION)}, {"name": "Desk"}, who.headers
        case _, "/passwordless/external/webhook/" | "/passwordless/external/webhook/{alias}/":
            return {"alias": "fake"}, *signed_webhook(WEBHOOK_SECRET)
        case _:
            return {}, BODIES[path](who) if path in BODIES else None, who.headers
