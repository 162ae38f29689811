"""The signal of this slice; see `jwt_drf_passwordless.signals` for what all of them carry."""

import logging

from jwt_drf_passwordless.signals import Event

#: A user signs in by another address or number from now on, and has proven to own it. `old`: the former one,
#: masked; "" where there was none.
contact_changed = Event("contact_changed", logging.WARNING)
