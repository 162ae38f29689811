"""Signals of the login itself. All are sent with `send_robust`: a failing receiver never breaks a login."""

from django.dispatch import Signal

#: An inactive user was activated by a login (`ACTIVATE_INACTIVE_USERS`).
#: Arguments: `user`, `request`.
user_activated = Signal()

#: A message could not be handed over to the mail or SMS backend.
#: Arguments: `field` (the name of the user field), `error` (the exception's class name; its
#: text is withheld since it may hold the address or the code).
token_send_failed = Signal()
