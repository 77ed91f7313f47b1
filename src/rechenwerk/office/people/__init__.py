"""People: sign-in, sessions, roles, invitations."""
