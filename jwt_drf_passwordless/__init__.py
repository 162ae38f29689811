"""Passwordless login for Django REST Framework and SimpleJWT."""

__version__ = "1.0.0a1"
