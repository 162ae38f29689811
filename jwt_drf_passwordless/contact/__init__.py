"""Changing the email address or phone number that a user signs in by."""
