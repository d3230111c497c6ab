"""The file a backup is: one line that says how to read it, then zstd-compressed lines of JSON, sealed or not.

{"hytopus": "backup", "format": 1, "seal": {"key_id": …, "salt": …} or null}
{"header": {…}}                     who made it, when, from which revision of the database
{"file": "ca/ca.pem", "data": …}    the Brain's keys, base64; in sealed backups only
{"table": "nodes", "columns": …}    then one line for each row, an array
{"end": {"rows": {"nodes": 12}}}    without it the file is not whole
"""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Generator, Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Final

import zstandard

from hytopus.brain.backups.errors import BackupDamaged, BackupNotSealed, BackupSealed, BackupTooNew
from hytopus.brain.backups.sealing import SALT, BackupKey, SealBroken, Sealer, unseal
from hytopus.kit.untrusted import read_json

FORMAT: Final = 1
_LEVEL: Final = 9
_FIRST_LINE: Final = 4096
_LONGEST_LINE: Final = 16 << 20
"""Bytes; rows come nowhere near it."""
_TIMES: Final = 1000
_ROOM: Final = 1 << 30
"""A backup unpacks to at most so many times its size, or to so many bytes where it is small; usual are a dozen."""
_SIP: Final = 1024
"""Bytes unpacked at a time; the worst of zstd makes 32 MiB of them."""


class ArchiveWriter:
    """Blocking; call it in a thread. Leaving the block without `end` leaves a file nobody takes for a backup."""

    def __init__(self, path: Path, key: BackupKey | None) -> None:
        self._file: BinaryIO = path.open("xb")
        salt = secrets.token_bytes(SALT)
        seal = {"key_id": key.id, "salt": salt.hex()} if key else None
        self._file.write(json.dumps({"hytopus": "backup", "format": FORMAT, "seal": seal}).encode() + b"\n")
        self._sealer = Sealer(self._file, key, salt) if key else None
        self._packer = zstandard.ZstdCompressor(level=_LEVEL, write_checksum=True).stream_writer(
            self._sealer or self._file,  # type: ignore[arg-type]
            closefd=False,
        )

    def __enter__(self) -> ArchiveWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._file.close()

    def lines(self, values: Iterable[Any]) -> None:
        text = "".join(json.dumps(value, separators=(",", ":"), ensure_ascii=False) + "\n" for value in values)
        self._packer.write(text.encode())

    def end(self, rows: dict[str, int]) -> None:
        self.lines([{"end": {"rows": rows}}])
        self._packer.close()  # type: ignore[no-untyped-call]
        if self._sealer:
            self._sealer.close()
        self._file.flush()


def read_archive(path: Path, key: BackupKey | None, *, name: str) -> Generator[Any, None, None]:
    """The lines after the first, parsed; blocking. Raises `BackupSealed`, `BackupNotSealed`, `BackupDamaged` and
    `BackupTooNew`. With a key, nothing counts that was not sealed with it: the object store is not trusted."""
    with path.open("rb") as file:
        seal = _first_line(file, name)
        if seal is None and key is not None:
            raise BackupNotSealed(backup=name)
        pieces = _pieces(file, seal, key)
        try:
            for line in _split(pieces, most=max(_ROOM, _TIMES * path.stat().st_size)):
                yield read_json(line)
        except (SealBroken, zstandard.ZstdError, ValueError) as error:
            raise BackupDamaged(backup=name, cause=error) from error


def file_line(name: str, data: bytes) -> dict[str, str]:
    return {"file": name, "data": base64.b64encode(data).decode()}


def _first_line(file: BinaryIO, name: str) -> dict[str, str] | None:
    try:
        first = read_json(file.readline(_FIRST_LINE))
        known, version = first["hytopus"] == "backup", int(first["format"])
    except (ValueError, KeyError, TypeError) as error:
        raise BackupDamaged(backup=name, cause="it does not begin like a backup of Hytopus") from error
    if not known:
        raise BackupDamaged(backup=name, cause="it does not begin like a backup of Hytopus")
    if version > FORMAT:
        raise BackupTooNew(version=f"with backup format {version}")
    seal: dict[str, str] | None = first.get("seal")
    return seal


def _pieces(file: BinaryIO, seal: dict[str, str] | None, key: BackupKey | None) -> Iterator[bytes]:
    if seal is None:
        return iter(lambda: file.read(1 << 20), b"")
    if key is None or key.id != seal["key_id"]:
        raise BackupSealed(key_id=seal["key_id"], given=f"the key given is {key.id}" if key else "no key was given")
    return unseal(file, key, bytes.fromhex(seal["salt"]))


def _split(pieces: Iterator[bytes], *, most: int) -> Iterator[bytes]:
    """The lines of what is packed; neither one of them nor all together may be without end."""
    unpacker = zstandard.ZstdDecompressor().decompressobj()
    rest, total = b"", 0
    for sip in _sips(pieces):
        text = unpacker.decompress(sip)
        total += len(text)
        *lines, rest = (rest + text).split(b"\n")
        if total > most:
            raise ValueError(f"it unpacks to more than {most >> 20:,} MiB, which no Brain has written")
        if len(rest) > _LONGEST_LINE:
            raise ValueError(f"it has a line of more than {_LONGEST_LINE >> 20} MiB, which no Brain has written")
        yield from lines
    if rest or not unpacker.eof:
        raise ValueError("it ends in the middle")


def _sips(pieces: Iterator[bytes]) -> Iterator[bytes]:
    for piece in pieces:
        for start in range(0, len(piece), _SIP):
            yield piece[start : start + _SIP]
