"""Can the duration of a request tell known addresses from unknown ones? A report, not a test.

    python benchmarks/timing.py

Requests for a known and for an unknown address in turn, in this process, with a mailer that takes
50 ms: the medians and their ratio, for delivery within the request and by a thread. The database is
SQLite in memory.
"""

import argparse
import random
import statistics
import time

import django
from django.conf import settings
from django.core.mail.backends.base import BaseEmailBackend

SECONDS_PER_MAIL = 0.05
WARM_UP = 20
KNOWN, UNKNOWN = "known@example.com", "unknown@example.com"


class SlowMail(BaseEmailBackend):
    """A mailer that takes its time."""

    def send_messages(self, email_messages):
        time.sleep(SECONDS_PER_MAIL * len(email_messages))
        return len(email_messages)


def set_up() -> None:
    mail = f"{SlowMail.__module__}.SlowMail"
    settings.configure(
        SECRET_KEY="a key for measurements only, of more than fifty characters",
        ALLOWED_HOSTS=["testserver"],
        USE_TZ=True,
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        INSTALLED_APPS=[
            "django.contrib.auth",
            "django.contrib.contenttypes",
            "rest_framework",
            "phonenumber_field",
            "jwt_drf_passwordless",
        ],
        ROOT_URLCONF="jwt_drf_passwordless.urls",
        TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}],
        **({"MAILERS": {"default": {"BACKEND": mail}}} if django.VERSION >= (6, 1) else {"EMAIL_BACKEND": mail}),
    )
    django.setup()
    from django.contrib.auth import get_user_model
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    get_user_model().objects.create(username="known", email=KNOWN)


def measure(delivery: str, count: int) -> dict[str, list[float]]:
    """Milliseconds of so many requests for either address, in turn, which of the two first left to chance."""
    from django.test import Client

    settings.JWT_DRF_PASSWORDLESS = {
        "DELIVERY": f"jwt_drf_passwordless.delivery.{delivery}",
        "TOKEN_REQUEST_THROTTLE_SECONDS": 0,
    }
    client = Client()
    times: dict[str, list[float]] = {KNOWN: [], UNKNOWN: []}
    for turn in range(WARM_UP + count):
        for email in random.sample((KNOWN, UNKNOWN), 2):
            start = time.perf_counter()
            answer = client.post("/request/email/", {"email": email}, content_type="application/json")
            duration = time.perf_counter() - start
            assert answer.status_code == 200, answer.content
            if turn >= WARM_UP:
                times[email].append(duration * 1000)
    return times


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--count", type=int, default=300, help="requests for either address (default: %(default)s)")
    count = parser.parse_args().count
    set_up()
    print(f"Medians of {count} requests each, mailer {SECONDS_PER_MAIL * 1000:.0f} ms, Django {django.__version__}\n")
    print(f"{'delivery':<10}{'known':>12}{'unknown':>12}{'ratio':>8}")
    for delivery in ("Inline", "Thread"):
        times = measure(delivery, count)
        known, unknown = statistics.median(times[KNOWN]), statistics.median(times[UNKNOWN])
        print(f"{delivery:<10}{known:>9.2f} ms{unknown:>9.2f} ms{known / unknown:>8.2f}")


if __name__ == "__main__":
    main()
