"""The WSGI application of tests_http, in processes whose clocks can be set, and differ.

The file that CLOCK_FILE names holds the seconds by which the clock is off.
"""

import os
from datetime import datetime, timedelta
from pathlib import Path

import time_machine

from tests_http.project.wsgi import application as application_on_time

#: Seconds between the clocks of two processes, as those of two servers may differ.
DIFFERENCE = 20


class Clock:
    """This process's, which goes on from where it was set."""

    def __init__(self, file: Path):
        self.file, self.off, self.travel = file, 0.0, None

    def keep_up(self) -> None:
        said = float(self.file.read_text() or 0)
        off = said and said + DIFFERENCE * (os.getpid() % 3 - 1)
        if off == self.off:
            return
        if self.travel:
            self.travel.stop()
        self.off, self.travel = off, None
        if off:
            self.travel = time_machine.travel(datetime.now().astimezone() + timedelta(seconds=off), tick=True)
            self.travel.start()


clock = Clock(Path(os.environ["CLOCK_FILE"]))


def application(environ, start_response):
    clock.keep_up()
    return application_on_time(environ, start_response)
