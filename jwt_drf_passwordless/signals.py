"""Signals of the login. `events.record` sends them, with `send_robust`: no receiver can break a login.

The sender is the user model. Every signal carries `field` (name of the user field), `subject` (the
masked identifier), `user` (None while unknown), `request` (None outside of one) and what is named
below. No signal carries a code, a link, a token or a whole address, but for what the user and
request objects hold.
"""

from django.dispatch import Signal

#: A challenge was written. `will_send` tells whether a message goes out.
token_requested = Signal()

#: A request came within the cooldown. `wait`: seconds that remain.
token_throttled = Signal()

#: The mail or SMS backend took a message; by a queue, in its worker and without user and request.
token_sent = Signal()

#: A message was not sent. `error`: class name of the exception, whose text may hold the address or
#: the code, or "Expired" when a queue was too slow.
token_send_failed = Signal()

#: A code or link let a user in.
token_redeemed = Signal()

#: A redeem failed. `reason`: "unknown", "wrong", "expired", "used", "too_many_tries", "raced",
#: "method_disabled", "ambiguous", "not_registered", "identifier_changed" or "user_refused".
token_refused = Signal()

#: An account was made.
user_registered = Signal()

#: A user has proven to own the identifier; end older sessions here if it was unproven before.
identifier_proven = Signal()

#: An inactive user was activated by a login (`ACTIVATE_INACTIVE_USERS`).
user_activated = Signal()
