"""The keys that seal secrets in the database: AES-256-GCM, kept outside of it, more than one while they are rotated."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from hytopus.errors import HytopusError
from hytopus.kit.files import replace_file

PREFIX: Final = "sealed:"
_KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12


class BadSealingKey(HytopusError):
    code: ClassVar[str] = "bad_sealing_key"
    template: ClassVar[str] = "{where} does not hold sealing keys: line {line} is not 32 bytes in base64."
    remedy: ClassVar[str] = "Put the file back from where you keep it; make a new key with `hytopus brain rotate-key`."


class SealingKeyMissing(HytopusError):
    code: ClassVar[str] = "sealing_key_missing"
    template: ClassVar[str] = "The database holds secrets sealed with the key {key_id}, which {where} does not hold."
    remedy: ClassVar[str] = (
        "Put the file `secrets.key` of the Brain that wrote this database into its data directory, or set "
        "`sealing.key_file`. Without it, secret variables and second factors are lost and must be set anew."
    )


class SealBroken(HytopusError):
    code: ClassVar[str] = "seal_broken"
    template: ClassVar[str] = "A secret in {purpose} was changed in the database by somebody without the key."
    remedy: ClassVar[str] = "Set it anew, and find out who can write to the database."


class KeyRing:
    """The first key seals, each can open. `read` gives the keys again: another process may have rotated them."""

    def __init__(self, read: Callable[[], Sequence[bytes]], where: str = "the configuration") -> None:
        self._read = read
        self._where = where
        self._load()

    @property
    def first(self) -> str:
        """The id of the key that seals."""
        return next(iter(self._keys))

    def holds(self, key_id: str) -> bool:
        if key_id not in self._keys:
            self._load()
        return key_id in self._keys

    def seal(self, purpose: str, value: Any) -> str:
        """`purpose` names the place, so that what was sealed for one cannot be used in another."""
        nonce = os.urandom(_NONCE_BYTES)
        sealed = self._keys[self.first].encrypt(nonce, json.dumps(value).encode(), purpose.encode())
        return f"{PREFIX}{self.first}:{base64.b64encode(nonce + sealed).decode()}"

    def unseal(self, purpose: str, text: str) -> Any:
        """Raises `SealingKeyMissing` or `SealBroken`."""
        key_id = key_id_of(text)
        if not self.holds(key_id):
            raise SealingKeyMissing(key_id=key_id, where=self._where)
        try:
            raw = base64.b64decode(text.rpartition(":")[2], validate=True)
            plain = self._keys[key_id].decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], purpose.encode())
        except (InvalidTag, ValueError) as error:
            raise SealBroken(purpose=purpose) from error
        return json.loads(plain)

    def _load(self) -> None:
        self._keys = {_id_of(key): AESGCM(key) for key in self._read()}


def key_id_of(sealed: str) -> str:
    """The id of the key that a text was sealed with."""
    return sealed.removeprefix(PREFIX).partition(":")[0]


def new_key() -> str:
    """A key as it is kept: one line of base64."""
    return base64.urlsafe_b64encode(os.urandom(_KEY_BYTES)).decode()


def parse_keys(text: str, where: str) -> list[bytes]:
    """One key a line; empty lines and those that begin with # do not count. Raises `BadSealingKey`."""
    keys: list[bytes] = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        try:
            keys.append(base64.b64decode(line.strip(), altchars=b"-_", validate=True))
        except binascii.Error as error:
            raise BadSealingKey(where=where, line=number) from error
        if len(keys[-1]) != _KEY_BYTES:
            raise BadSealingKey(where=where, line=number)
    if not keys:
        raise BadSealingKey(where=where, line=1)
    return keys


def file_ring(file: Path) -> KeyRing:
    """The keys of a file; looked into again when somebody shows a secret sealed with a key not seen yet."""
    return KeyRing(lambda: parse_keys(file.read_text(), str(file)), str(file))


def put_first(file: Path, key: str) -> None:
    """Add a key in front of the others."""
    others = file.read_text() if file.exists() else ""
    replace_file(file, f"{key}\n{others}".encode(), shared=True)


def _id_of(key: bytes) -> str:
    return hashlib.sha256(b"hytopus sealing key\0" + key).hexdigest()[:12]
