"""Sessions: logins that a user can see and end."""
