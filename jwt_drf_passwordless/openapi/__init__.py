"""What drf-spectacular cannot see in the views: bodies, answers, failures, and who is let in.

Imported where `drf_spectacular` is in `INSTALLED_APPS`.
"""

from jwt_drf_passwordless.openapi import extensions

__all__ = ["extensions"]
