"""Signals of the login. `events.record` sends them, with `send_robust`: no receiver can break a login.

The sender is the user model. Every signal carries `field` (name of the user field), `subject` (the
masked identifier), `user` (None while unknown), `request` (None outside of one) and what is named
below. No signal carries a code, a link, a token or a whole address, but for what the user and
request objects hold.
"""

import logging

from django.dispatch import Signal


class Event(Signal):
    """A signal that `events.record` also writes to the log, under a name and at a level."""

    def __init__(self, name: str, level: int = logging.INFO) -> None:
        super().__init__()
        self.name = name
        self.level = level


#: A challenge was written. `will_send` tells whether a message goes out.
token_requested = Event("token_requested")

#: A request came within the cooldown. `wait`: seconds that remain.
token_throttled = Event("token_throttled")

#: The mail or SMS backend took a message; by a queue, in its worker and without user and request.
token_sent = Event("token_sent")

#: A message was not sent. `error`: class name of the exception, whose text may hold the address or
#: the code, or "Expired" when a queue was too slow.
token_send_failed = Event("token_send_failed", logging.WARNING)

#: A code or link let a user in.
token_redeemed = Event("token_redeemed")

#: A redeem failed. `reason`: "unknown", "wrong", "expired", "used", "too_many_tries", "raced",
#: "method_disabled", "ambiguous", "not_registered", "identifier_changed", "user_refused",
#: of a passkey or a new address "taken" (an account has it), of a passkey "too_many" or "user_not_verified",
#: of a second step "ticket" (it is used, expired, replaced, or none of ours).
token_refused = Event("token_refused")

#: An account was made.
user_registered = Event("user_registered")

#: A user has proven to own the identifier; end older sessions here if it was unproven before.
identifier_proven = Event("identifier_proven")

#: An inactive user was activated by a login (`ACTIVATE_INACTIVE_USERS`).
user_activated = Event("user_activated")

#: A client's network, or a range of phone numbers, went over a rate of `THROTTLE_RATES`. `limit`: its name.
network_limited = Event("network_limited", logging.WARNING)

#: A token of a CAPTCHA was not taken. `route`: name in `CAPTCHA["routes"]`; `status`: "refused", "unavailable" or
#: "misconfigured"; `reason`: the vendor's code, or "malformed", "hostname", "action", "age", "score".
captcha_failed = Event("captcha_failed", logging.WARNING)

#: The last message to a phone that `SMS_BUDGET` allows was sent; told once in each window. `window`: "hour"
#: or "day"; `most`: the number allowed.
sms_budget_exhausted = Event("sms_budget_exhausted", logging.ERROR)

#: Somebody signed in by a fixed code of `TEST_IDENTIFIERS`.
fixed_code_used = Event("fixed_code_used", logging.WARNING)
