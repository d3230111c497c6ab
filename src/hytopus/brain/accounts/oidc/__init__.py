"""Single sign-on with an OpenID Connect provider: authorisation code with PKCE, and what its claims are worth here."""
