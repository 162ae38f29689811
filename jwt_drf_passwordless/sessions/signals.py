"""Signals of sessions; see `jwt_drf_passwordless.signals` for what all of them carry."""

import logging

from jwt_drf_passwordless.signals import Event

#: Sessions of a user were ended before their time. `reason`: "logout", "user" (by the list of sessions),
#: "user_refused", "step_up", "factor_changed", "contact_changed", "recovery_code_used", "user_activated",
#: or what the caller of `end_sessions` has given; `count`: how many.
sessions_ended = Event("sessions_ended")

#: A refresh token that was used up was presented once more, so that its session was ended. `session`: its id.
session_replayed = Event("session_replayed", logging.WARNING)
