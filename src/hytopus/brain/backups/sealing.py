"""Sealing a stream of bytes with a key the operator keeps: AES-256-GCM in pieces, each bound to its place.

A piece cannot be changed, left out, repeated or put elsewhere, and the end cannot be cut off without being noticed
(the STREAM construction). Every file has a key of its own, derived from the operator's.
"""

from __future__ import annotations

import base64
import hashlib
import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from hytopus.brain.backups.errors import BadBackupKey

PIECE: Final = 1 << 20
SALT: Final = 16
_PREFIX: Final = "hytopus-backup-key-"
_TAG: Final = 16


class SealBroken(ValueError):
    """The bytes are not what was sealed."""


@dataclass(frozen=True, slots=True)
class BackupKey:
    """32 secret bytes. `id` tells keys apart and gives nothing away."""

    secret: bytes

    @property
    def id(self) -> str:
        return hashlib.sha256(b"hytopus backup key id" + self.secret).hexdigest()[:12]

    @property
    def text(self) -> str:
        return _PREFIX + base64.urlsafe_b64encode(self.secret).decode().rstrip("=")

    @classmethod
    def make(cls) -> BackupKey:
        return cls(secrets.token_bytes(32))

    @classmethod
    def read(cls, path: Path) -> BackupKey:
        """Raises `BadBackupKey`."""
        try:
            text = path.read_text().strip()
            secret = base64.urlsafe_b64decode(text.removeprefix(_PREFIX) + "=")
        except (OSError, ValueError) as error:
            raise BadBackupKey(file=path, cause=error) from error
        if not text.startswith(_PREFIX) or len(secret) != 32:
            raise BadBackupKey(file=path, cause=f"it does not begin with {_PREFIX} and hold 32 bytes")
        return cls(secret)

    def write(self, path: Path) -> None:
        """A new file, readable by its owner only; one that exists is never replaced."""
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(self.text + "\n")


class Sealer:
    """Write into it; `close` writes the last piece. Owns nothing: the file below stays open."""

    def __init__(self, below: BinaryIO, key: BackupKey, salt: bytes) -> None:
        self._below, self._cipher = below, _cipher(key, salt)
        self._rest = bytearray()
        self._count = 0

    def write(self, data: bytes) -> int:
        self._rest += data
        while len(self._rest) > PIECE:
            self._emit(bytes(self._rest[:PIECE]), last=False)
            del self._rest[:PIECE]
        return len(data)

    def close(self) -> None:
        self._emit(bytes(self._rest), last=True)

    def _emit(self, piece: bytes, *, last: bool) -> None:
        self._below.write(self._cipher.encrypt(_nonce(self._count, last=last), piece, None))
        self._count += 1


def unseal(below: BinaryIO, key: BackupKey, salt: bytes) -> Iterator[bytes]:
    """The pieces in order. Raises `SealBroken`, before anything of a broken piece is given out."""
    cipher = _cipher(key, salt)
    piece = below.read(PIECE + _TAG)
    count = 0
    while True:
        following = below.read(PIECE + _TAG)
        try:
            yield cipher.decrypt(_nonce(count, last=not following), piece, None)
        except InvalidTag as error:
            raise SealBroken(f"piece {count} is not what was sealed") from error
        if not following:
            return
        piece, count = following, count + 1


def _cipher(key: BackupKey, salt: bytes) -> AESGCM:
    return AESGCM(HKDF(hashes.SHA256(), 32, salt, b"hytopus backup 1").derive(key.secret))


def _nonce(count: int, *, last: bool) -> bytes:
    return count.to_bytes(11, "big") + bytes([last])
