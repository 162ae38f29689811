"""Looks, after every test, for secrets in what the test has logged and stored.

Secrets are the codes and links of every message that was rendered, sent or not, the tokens that the
`api` fixture was answered, the secrets of authenticator apps and recovery codes among them, and the
addresses and numbers given to `api` and `make_user`.
"""

import contextlib
import logging
import re
from collections.abc import Iterable, Iterator
from typing import Any

from django.core.cache import caches
from django.core.cache.backends.locmem import LocMemCache
from django.db import DatabaseError, connection, models
from django.test.signals import template_rendered

from jwt_drf_passwordless.models import Authenticator, PasswordlessChallengeToken, PhoneDevice, Session

#: What every record has: times, process and thread numbers, in which a code may turn up by chance; and the
#: pieces of the message, which is looked at as a whole. Django adds the request, which shows its query string.
USUAL = {*vars(logging.makeLogRecord({})), "message", "asctime", "user_id", "request"}
#: Columns of text of our tables: neither ids nor times, for the same reason.
COLUMNS = {
    model._meta.db_table: [field.column for field in model._meta.concrete_fields if isinstance(field, models.CharField)]
    for model in (PasswordlessChallengeToken, PhoneDevice, Session)
} | {Authenticator._meta.db_table: ["lookup", "name", "secret", "data"]}
#: Loggers that would not tell their details, and the one of SQL, which has to name what is stored.
LEVELS = {"": logging.DEBUG, "django": logging.DEBUG, "django.db.backends": logging.INFO}
#: Shorter texts turn up anywhere.
SHORTEST = 6


class SecretScan(logging.Handler):
    """All log records of a test, and the secrets that it has made."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.records: list[logging.LogRecord] = []
        #: Codes, found as a whole word only: six digits are part of many a digest and number.
        self.codes: set[str] = set()
        #: Links' and other tokens, found anywhere.
        self.tokens: set[str] = set()
        #: Email addresses and phone numbers, whose place is the table, not the log.
        self.identifiers: set[str] = set()

    @contextlib.contextmanager
    def listening(self) -> Iterator[None]:
        """Hear of everything that is logged, at every level, and of every message that is rendered."""
        before = {name: logging.getLogger(name).level for name in LEVELS}
        for name, level in LEVELS.items():
            logging.getLogger(name).setLevel(level)
        logging.getLogger().addHandler(self)
        template_rendered.connect(self._rendered)
        yield
        template_rendered.disconnect(self._rendered)
        logging.getLogger().removeHandler(self)
        for name, level in before.items():
            logging.getLogger(name).setLevel(level)

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)

    def _rendered(self, context: Any, **kwargs: Any) -> None:
        self.codes |= _long_enough([context.get("short_token")])
        self.tokens |= _long_enough([context.get("token")])

    def answered(self, response: Any) -> None:
        """Remember the tokens and tickets of an answer."""
        if response.headers.get("Content-Type") == "application/json":
            names = "access|refresh|ticket|enrolment_token|device_token|secret|otpauth_uri"
            self.tokens |= _long_enough(re.findall(rf'"(?:{names})":"([^"]+)"', response.text))
            for code in re.findall(r"\b(?:[0-9a-z]{4}-){5}[0-9a-z]{4}\b", response.text):
                self.tokens |= {code, code.replace("-", "")}

    def used(self, *identifiers: Any) -> None:
        """Remember those of the values that are email addresses or phone numbers."""
        texts = _long_enough(identifiers)
        self.identifiers |= {text for text in texts if re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", text)}
        self.identifiers |= {text[1:] for text in texts if re.fullmatch(r"\+[0-9]{8,15}", text)}

    def forget(self) -> None:
        """Begin anew."""
        for kept in (self.records, self.codes, self.tokens, self.identifiers):
            kept.clear()

    def leaks_in_logs(self) -> list[str]:
        return self._leaks("log", map(_text, self.records), self.identifiers)

    def leaks_in_storage(self) -> list[str]:
        """Secrets in the newest rows and in the cache. The database has to be open."""
        if not self.codes | self.tokens:
            return []
        quote = connection.ops.quote_name
        rows: list[Any] = []
        # A test may leave a broken transaction. SQL, since the ORM would take five times as long.
        with contextlib.suppress(DatabaseError), connection.cursor() as cursor:
            for table, columns in COLUMNS.items():
                names = ", ".join(map(quote, columns))
                cursor.execute(f"SELECT {names} FROM {quote(table)} ORDER BY id DESC LIMIT 200")  # noqa: S608
                rows += cursor.fetchall()
        cache = caches["default"]
        keys = list(cache._cache) if isinstance(cache, LocMemCache) else []
        cached = [(key, cache.get(key.split(":", 2)[2])) for key in keys]  # ":1:key", one being the version
        return [*self._leaks("table", map(repr, rows)), *self._leaks("cache", map(repr, cached))]

    def _leaks(self, where: str, texts: Iterable[str], more: Iterable[str] = ()) -> list[str]:
        """What was found, with the text it was found in."""
        found = []
        anywhere = [*self.tokens, *more]
        # Behind a full stop stand fractions of seconds.
        word = re.compile(rf"(?<![\w.])(?:{'|'.join(map(re.escape, self.codes)) or '(?!)'})(?!\w)")
        for text in texts:
            found += [f"{secret} in {where}: {text}" for secret in anywhere if secret in text]
            found += [f"{secret} in {where}: {text}" for secret in word.findall(text)]
        return found


def _long_enough(values: Iterable[Any]) -> set[str]:
    return {value for value in values if isinstance(value, str) and len(value) >= SHORTEST}


def _text(record: logging.LogRecord) -> str:
    """Message with its traceback, and what was given as `extra`; without ids of users."""
    extra = {name: value for name, value in vars(record).items() if name not in USUAL}
    message = logging.Formatter().format(record).replace(f"user_id={vars(record).get('user_id')}", "")
    return f"{record.name} {message} {extra}"
