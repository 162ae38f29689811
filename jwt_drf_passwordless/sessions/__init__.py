"""Sessions: logins that a user can see and end, whose refresh tokens work once each."""
