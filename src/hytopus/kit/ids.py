"""Identifiers: short, sortable by time, safe in file names, DNS labels and container names."""

from __future__ import annotations

import re
import secrets
import time
from typing import Final

_ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32: no i, l, o, u
_ID: Final = re.compile(rf"[{_ALPHABET}]{{16}}")
_NAME: Final = re.compile(r"[a-z0-9](?:[a-z0-9_-]{0,62}[a-z0-9])?")


def new_id() -> str:
    """Sixteen characters: nine of milliseconds, seven random (35 bits)."""
    value = (int(time.time() * 1000) & (1 << 45) - 1) << 35 | secrets.randbits(35)
    return "".join(_ALPHABET[value >> shift & 31] for shift in range(75, -5, -5))


def is_id(text: str) -> bool:
    """Whether `new_id` may have made it: ids become parts of keys, of paths and of the names of containers."""
    return _ID.fullmatch(text) is not None


def is_name(text: str) -> bool:
    """Whether a text may name an instance, a node, a template or a game: lower-case, 1 to 64 characters."""
    return _NAME.fullmatch(text) is not None
