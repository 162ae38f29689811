"""The tasks behind the deliveries `Tasks` and `Celery`, in the module where workers look for tasks.

Each exists where its library is installed; `manage.py check` says what a chosen delivery lacks.
"""

from importlib import import_module
from importlib.util import find_spec

from jwt_drf_passwordless.delivery import Outgoing


def send(sealed: str) -> None:
    """Send what `Outgoing.seal` gave, at most once. Raises ValueError when no key in use opens it."""
    Outgoing.unseal(sealed).send_or_report()


for library in ("django.tasks", "django_tasks"):  # pragma: no branch - Django 6's own before the backport
    if find_spec(library):
        # A function of its own: workers look for the task at the path of the function.
        @import_module(library).task  # type: ignore[untyped-decorator]
        def send_by_django_tasks(sealed: str) -> None:
            send(sealed)

        break

if find_spec("celery"):
    send_by_celery = import_module("celery").shared_task(send, name="jwt_drf_passwordless.send", ignore_result=True)
