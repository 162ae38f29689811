"""Signals of second factors; see `jwt_drf_passwordless.signals` for what all of them carry.

`factor` is the name of the factor ("phone"). No signal carries a code or a whole number.
"""

import logging

from jwt_drf_passwordless.signals import Event

#: A user has a new second factor; `replaced` tells whether it took the place of another one of its kind.
factor_added = Event("factor_added")

#: A login or a step-up was finished by a second factor.
factor_used = Event("factor_used")

#: A user has one second factor less.
factor_removed = Event("factor_removed")

#: A login by the first factor alone was let in, since it came from a trusted device; a device became one; `number` of
#: them are none any more.
trusted_device_used = Event("trusted_device_used")
trusted_device_added = Event("trusted_device_added", logging.WARNING)
trusted_devices_removed = Event("trusted_devices_removed")
#: A recovery code was used, at a login or a step-up; `remaining` are left.
recovery_code_used = Event("recovery_code_used", logging.WARNING)

#: Sent beside the first and the last: end older sessions here. `action`: "added", "replaced" or "removed".
second_factor_changed = Event("second_factor_changed", logging.WARNING)

#: A passkey has proven itself with a counter that is not above the one before: there is a copy of it, and one of the
#: two was refused. `passkey`: its id.
passkey_cloned = Event("passkey_cloned", logging.WARNING)
