"""Who may do what: users, their passwords and tokens, roles, and the one table of permissions."""
