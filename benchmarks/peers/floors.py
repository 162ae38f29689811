"""Nothing beside the floors, for what Django, DRF and SimpleJWT take alone."""

from benchmarks.floors import urlpatterns

__all__ = ["urlpatterns"]

CASES = ()
