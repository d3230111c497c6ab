"""Passwords: argon2id, computed off the event loop and a few at a time (each takes 64 MiB and some 50 ms)."""

from __future__ import annotations

import asyncio
import secrets
from typing import Final

from pwdlib import PasswordHash
from pwdlib.exceptions import UnknownHashError
from pwdlib.hashers.argon2 import Argon2Hasher

_AT_ONCE: Final = 2


class Passwords:
    """Hashes and verifies. `cheap` is for tests only: strong hashes would be most of their time."""

    def __init__(self, *, cheap: bool = False) -> None:
        hasher = Argon2Hasher(time_cost=1, memory_cost=64, parallelism=1) if cheap else Argon2Hasher()
        self._hash = PasswordHash((hasher,))
        self._turn = asyncio.Semaphore(_AT_ONCE)
        self._nobodys = self._hash.hash(secrets.token_urlsafe())

    async def hash(self, password: str) -> str:
        async with self._turn:
            return await asyncio.to_thread(self._hash.hash, password)

    async def verify(self, password: str, password_hash: str | None) -> bool:
        """Takes as long for an unknown user (None) as for a known one, so that names cannot be found out."""
        async with self._turn:
            right = await asyncio.to_thread(self._matches, password, password_hash or self._nobodys)
        return right and password_hash is not None

    def _matches(self, password: str, password_hash: str) -> bool:
        try:
            return self._hash.verify(password, password_hash)
        except UnknownHashError:
            return False


def generate_password() -> str:
    """Twenty letters and digits in groups of five, without look-alikes: 98 bits, and can be typed."""
    alphabet = "23456789abcdefghjkmnpqrstuvwxyz"
    return "-".join("".join(secrets.choice(alphabet) for _ in range(5)) for _ in range(4))
