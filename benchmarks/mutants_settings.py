"""Settings of the suite with databases in memory: each mutant has its own, whichever run beside each other."""

from tests.settings import *  # noqa: F403
from tests.settings import DATABASES

for database in DATABASES.values():
    del database["TEST"]
