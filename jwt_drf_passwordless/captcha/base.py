"""The contract of a CAPTCHA: a provider and its result. `siteverify` has the base of those asked by HTTP."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any, ClassVar


class CaptchaStatus(Enum):
    """What became of a token."""

    #: The vendor says that it was solved for this site's keys. Host, action and age are still to be judged.
    PASSED = "passed"
    #: It was not, or is used up.
    REFUSED = "refused"
    #: The vendor gave no answer.
    UNAVAILABLE = "unavailable"
    #: The vendor does not take our keys: no outage, and nothing that a client can cause.
    MISCONFIGURED = "misconfigured"


@dataclass(frozen=True)
class CaptchaResult:
    """What a provider answers. `reason` is for the log, at most 64 characters: clients never see it.

    `hostname`: of the page that it was solved on; `solved_at`: aware; `action`: None where the vendor has none,
    empty where it should have told one.
    """

    status: CaptchaStatus
    reason: str = ""
    hostname: str | None = None
    solved_at: datetime | None = None
    action: str | None = None


class CaptchaProvider(ABC):
    """Built with the entries of the dict in `CAPTCHA` by keyword, without those that are the package's."""

    #: Name under which the vendor's script adds the token to a form; it is read beside `captcha`.
    form_field: ClassVar[str] = ""

    def __init__(self, **options: Any) -> None:
        self.options = options

    @property
    def uses_test_key(self) -> bool:
        """Whether its keys are those by which the vendor lets everybody, or nobody, pass."""
        return False

    @abstractmethod
    def verify(self, token: str, remote_ip: str | None, action: str) -> CaptchaResult:
        """Ask the vendor once; never raises for its failure.

        `token` is 1 to 8,192 printable ASCII characters; `remote_ip` the client's public address, None where it is
        unknown; `action` the route's name in `CAPTCHA["routes"]`.
        """
