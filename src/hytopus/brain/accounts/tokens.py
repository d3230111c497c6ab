"""Opaque tokens: `hyt_…`, known to the database only by their SHA-256."""

from __future__ import annotations

import hashlib
import secrets
from typing import Final

PREFIX: Final = "hyt_"


def new_token() -> str:
    """240 random bits. The prefix lets secret scanners find one that leaked."""
    return PREFIX + secrets.token_urlsafe(30)


def hash_token(token: str) -> str:
    """Plain SHA-256 is enough for a secret nobody can guess."""
    return hashlib.sha256(token.encode()).hexdigest()


def hint_of(token: str) -> str:
    """Enough to recognise a token by, too little to use it."""
    return token[: len(PREFIX) + 4]
