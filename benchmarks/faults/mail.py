"""A mail backend that hangs for as long as a file "hang" is in its directory."""

import time
from pathlib import Path

from django.conf import settings

from tests_http.project.mail import DirectoryBackend


class HangingBackend(DirectoryBackend):
    def send_one(self, message):
        while Path(settings.MAIL_DIRECTORY, "hang").exists():
            time.sleep(0.05)
        super().send_one(message)
