"""Passkeys (WebAuthn): as second factor, and as first. The extra `passkeys` has the library."""
