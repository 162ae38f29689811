"""A day of attack on one address, with the clock moved: `python -m benchmarks.attack`.

A stranger asks for a code as soon as one may be asked for, and guesses at each code until guesses are no longer
compared. Printed are the guesses that were, and what becomes of the owner. Exit code 1 if the chance to have
guessed a code is 0.05 % or more (NIST SP 800-63B section 3.2.2), or the owner is locked out.
"""

import os
import re
import sys
import time

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "benchmarks.settings")
# In memory, whatever database the other benchmarks use.
os.environ["DATABASE_URL"] = "sqlite://"

import django
import time_machine

DAY = 24 * 3600
ADA = "ada@example.com"


def main() -> int:
    django.setup()
    from django.conf import settings
    from django.core import mail
    from django.core.management import call_command
    from django.test import Client

    from benchmarks.models import User
    from jwt_drf_passwordless.models import PasswordlessChallengeToken as Challenge

    call_command("migrate", run_syncdb=True, verbosity=0)
    # Django's test runner would do that; mails are then kept in `mail.outbox`.
    mail.outbox = []
    # What the package has by default, but for the link; nothing that limits networks, for attackers have many.
    settings.JWT_DRF_PASSWORDLESS = {"PASSWORDLESS_EMAIL_LOGIN_URL": "https://app.example/login#token={token}"}
    User.objects.create(email=ADA)
    client = Client()

    def post(path: str, **body: str) -> tuple[int, int]:
        answer = client.post(f"/passwordless/{path}", body, content_type="application/json")
        return answer.status_code, int(answer.headers.get("Retry-After", 0))

    compared = refused = 0
    with time_machine.travel(time.time(), tick=False) as clock:
        ends = time.time() + DAY
        while time.time() < ends:
            status, wait = post("request/email/", email=ADA)
            if status == 429:
                clock.shift(wait)
                continue
            for guess in ("no code", *["abcdef"] * 7):
                before = Challenge.objects.get().tries
                post("exchange/email/", email=ADA, token=guess)
                compared += Challenge.objects.get().tries - before
                refused += Challenge.objects.get().tries == before
        codes = len(mail.outbox)
        chance = compared / 10**6
        print(f"A day of attack: {codes} codes sent, {compared} guesses compared, {refused} refused uncompared.")
        print(f"Chance to have guessed one of them: {chance:.4%} (allowed: below 0.05 %)")

        clock.shift(3600)
        post("request/email/", email=ADA)
        text = mail.outbox[-1].body
        code, link = re.search(r"code is (\d{6})", text), re.search(r"token=(\w{64})", text)
        assert code
        assert link
        by_code, _ = post("exchange/email/", email=ADA, token=code[1])
        clock.shift(3600)
        post("request/email/", email=ADA)
        link = re.search(r"token=(\w{64})", mail.outbox[-1].body)
        assert link
        for _ in range(7):
            post("exchange/email/", email=ADA, token="abcdef")
        by_link, _ = post("exchange/", token=link[1])
        print(f"The owner, an hour later, by the newest code: {by_code}; by the link after more guesses: {by_link}")
    return 0 if chance < 0.0005 and by_code == by_link == 200 else 1


if __name__ == "__main__":
    sys.exit(main())
