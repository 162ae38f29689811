"""A mail backend that other processes can read: a folder for each recipient, a file for each message.

Sending to an address that begins with "stuck" never ends.
"""

import time
import uuid
from pathlib import Path

from django.conf import settings
from django.core.mail.backends.base import BaseEmailBackend


class DirectoryBackend(BaseEmailBackend):
    def send_messages(self, email_messages):
        for message in email_messages:
            self.send_one(message)
        return len(email_messages)

    def send_one(self, message):
        (recipient,) = message.to
        folder = Path(settings.MAIL_DIRECTORY, recipient)
        folder.mkdir(exist_ok=True)
        begun = folder / f"{uuid.uuid4()}.begun"
        begun.write_text(message.body)
        time.sleep(settings.MAIL_DELAY)
        while recipient.startswith("stuck"):
            time.sleep(1)
        begun.with_suffix(".sent").hardlink_to(begun)  # a reader finds all of it or nothing


class Mailbox:
    """What the backends of all processes have sent."""

    def __init__(self, directory: Path):
        self.directory = directory

    def begun(self, recipient: str) -> int:
        """How many messages to the recipient were begun, whether sent or not."""
        return len(list(self.directory.glob(f"{recipient}/*.begun")))

    def sent(self, recipient: str) -> list[str]:
        """The bodies of the messages sent to the recipient."""
        return [path.read_text() for path in self.directory.glob(f"{recipient}/*.sent")]
