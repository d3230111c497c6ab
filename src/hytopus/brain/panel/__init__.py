"""The web panel: static files that the Brain serves beside its API."""
