"""A client that knows two kinds of outcome: a status, or no answer at all."""

import http.client
import json
import random
from collections import Counter
from urllib.parse import urlsplit

#: Stands in the place of a status when the connection ended without an answer.
CUT = "no answer"
#: Seconds until an answer that has not come counts as one that never will.
PATIENCE = 60


class Client:
    """Posts to a server, each time from another public address, whose limits are counted in the cache."""

    def __init__(self, url: str):
        self.host = urlsplit(url).netloc
        self.path = urlsplit(url).path
        self.statuses: Counter[object] = Counter()
        #: Process ids of the workers that have answered lately, the last one last.
        self.workers: list[int] = []

    def post(self, route: str, **body: str) -> object:
        """The status, or CUT."""
        address = f"8.{random.randrange(256)}.{random.randrange(256)}.{random.randrange(1, 255)}"
        headers = {"Content-Type": "application/json", "X-Forwarded-For": address}
        connection = http.client.HTTPConnection(self.host, timeout=PATIENCE)
        status: object = CUT
        try:
            connection.request("POST", f"{self.path}/{route}", json.dumps(body), headers)
            answer = connection.getresponse()
            answer.read()
            status = answer.status
            if "X-Worker" in answer.headers:  # not where gunicorn itself answers
                self.workers = [*self.workers[-20:], int(answer.headers["X-Worker"])]
        except (OSError, http.client.HTTPException):
            pass
        finally:
            connection.close()
        self.statuses[status] += 1
        return status

    def request(self, email: str) -> object:
        return self.post("request/email/", email=email)

    def redeem(self, email: str, token: str) -> object:
        return self.post("exchange/email/", email=email, token=token)


def is_failure(status: object) -> bool:
    """Whether nobody can tell what was done: the answer was cut off, or is a server error."""
    return status == CUT or (isinstance(status, int) and status >= 500)
