"""Settings of the site: those of the example project. The tests add its origin once they know its port."""

import os
import tempfile
from pathlib import Path

from config.settings import *  # noqa: F403
from config.settings import DATABASES, JWT_DRF_PASSWORDLESS

ROOT_URLCONF = "tests_browser.project.urls"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
# A file, as for the example: in memory the threads of the server would share one connection, and one transaction.
DATABASES["default"]["TEST"] = {"NAME": str(Path(tempfile.gettempdir()) / f"tests_browser_{os.getpid()}.sqlite3")}
DATABASES["default"]["OPTIONS"]["init_command"] = "PRAGMA synchronous=OFF"  # nobody needs it after a power cut
# Tests that look at the waits set them.
JWT_DRF_PASSWORDLESS["TOKEN_REQUEST_THROTTLE_SECONDS"] = 0
