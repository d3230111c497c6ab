"""The tar format: ustar, GNU long names and pax, read from a stream and trusted in nothing.

Knows headers only; `archive` decides what may pass. One header costs a few microseconds, since layers have tens of
thousands of files.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from typing import Final
from zlib import adler32

from hytopus.layers.errors import ArchiveInvalid, ArchiveTruncated, ArchiveUnsafe

BLOCK: Final = 512
MAX_EXTENSION: Final = 1 << 20
"""Bytes a pax header or a long name may have."""

Chunk = tuple[bytes, int, int]
"""A buffer and the span of it that is meant; slicing the buffer must give bytes."""

_ZERO: Final = bytes(BLOCK)
_ZEROS: Final = bytes(1 << 16)


Member = tuple[str, bytes, int, int, str]
"""Name, type, mode, size, link target. Whoever gets one takes exactly `size` bytes from the window before the next."""

_HEADER: Final = struct.Struct("100s8s16x12s12x8sc100s6s82x155s12x")
_EXTENSIONS: Final = frozenset({b"x", b"g", b"L", b"K"})


class Window:
    """A stream of chunks, read as if it were one. A chunk is done with when the next one is asked for.

    `before_next` is called just before that: the last moment to use a span of the chunk.
    """

    __slots__ = ("_at", "_buffer", "_end", "_next", "before_next", "name")

    def __init__(self, next_chunk: Callable[[], Chunk | None]) -> None:
        self._next = next_chunk
        self._buffer, self._at, self._end = b"", 0, 0
        self.before_next: Callable[[], None] | None = None
        self.name = ""
        """The entry being read, for errors."""

    @property
    def buffer(self) -> bytes:
        """The chunk that spans refer to."""
        return self._buffer

    def span(self, size: int) -> int:
        """Pass over `size` bytes that lie within the chunk, and say where they begin in the buffer.

        -1, with nothing passed over, where they do not.
        """
        start = self._at
        if start + size > self._end:
            return -1
        self._at = start + size
        return start

    def take(self, size: int) -> bytes:
        """Exactly `size` bytes; raises `ArchiveTruncated` where the stream ends before."""
        start = self._at
        end = start + size
        if end <= self._end:
            self._at = end
            return self._buffer[start:end]
        return b"".join(self.pieces(size))

    def block(self, padding: int) -> bytes:
        """The block that follows so many bytes of padding."""
        start = self._at + padding
        end = start + BLOCK
        if end <= self._end:
            self._at = end
            return self._buffer[start:end]
        return self.take(padding + BLOCK)[padding:]

    def pieces(self, size: int) -> Iterator[memoryview]:
        """What `take` gives in parts. A part does not outlive the chunk; it must be used at once."""
        while size:
            if self._at == self._end and not self._advance():
                raise ArchiveTruncated(name=self.name)
            end = min(self._end, self._at + size)
            view = memoryview(self._buffer)[self._at : end]
            size -= end - self._at
            self._at = end
            yield view

    def rest(self) -> Iterator[memoryview]:
        """Everything that is left."""
        while self._at < self._end or self._advance():
            view = memoryview(self._buffer)[self._at : self._end]
            self._at = self._end
            yield view

    def _advance(self) -> bool:
        if self.before_next:
            self.before_next()
        chunk = self._next()
        if chunk is None:
            return False
        self._buffer, self._at, self._end = chunk
        return True


def members(window: Window) -> Iterator[Member]:
    """Every real entry, with long names and pax records applied to it; ends after the archive's own end mark."""
    block, padding = window.block, 0
    octal, checks = _Octal(), _Checksums()
    overrides: dict[str, str] = {}
    while True:
        header = block(padding)
        raw, mode, length, check, kind, link, magic, prefix = _HEADER.unpack(header)
        if checks[check] != adler32(header) & 0xFFFF:
            if header == _ZERO:
                return _finish(window)
            raise ArchiveInvalid(name=window.name, why="a header's checksum is wrong")
        if prefix[0] and magic == b"ustar\0":
            raw = prefix.rstrip(b"\0") + b"/" + raw
        size = octal[length]
        padding = -size & BLOCK - 1
        try:
            name = raw.rstrip(b"\0").decode()
            target = link.rstrip(b"\0").decode() if link[0] else ""
        except UnicodeDecodeError as error:
            raise _not_text(raw) from error
        if kind in _EXTENSIONS:
            _extend(overrides, kind, size, window)
        elif overrides:
            member = _override((name, kind, octal[mode], size, target), overrides)
            padding, overrides = -member[3] & BLOCK - 1, {}
            window.name = member[0]
            yield member
        else:
            window.name = name
            yield name, kind, octal[mode], size, target


def _finish(window: Window) -> None:
    for piece in window.rest():
        for start in range(0, len(piece), len(_ZEROS)):
            part = piece[start : start + len(_ZEROS)]
            if part != _ZEROS[: len(part)]:
                raise ArchiveInvalid(name=window.name, why="something follows the archive's end")


class _Octal(dict[bytes, int]):
    """Numeric fields and their values. The same ones come again and again, so each is read once."""

    def __missing__(self, field: bytes) -> int:
        value = self[field] = _number(field)
        return value


class _Checksums(dict[bytes, int]):
    """What the low half of a header's Adler-32 must be for a checksum field.

    That half is one more than the sum of the bytes, modulo 65521; the format sums with the field itself blank.
    """

    def __missing__(self, field: bytes) -> int:
        value = self[field] = (_number(field) + sum(field) - 8 * ord(" ") + 1) % 65521
        return value


def _number(field: bytes) -> int:
    """Octal text, or the GNU form in base 256 for what does not fit."""
    if field[0] == 0x80:
        return int.from_bytes(field[1:], "big")
    digits = field.strip(b" \0")
    if digits.strip(b"01234567"):
        raise ArchiveInvalid(name="", why="a header holds a number that is none")
    return int(digits or b"0", 8)


def _not_text(raw: bytes) -> ArchiveUnsafe:
    return ArchiveUnsafe(name=raw.rstrip(b"\0").decode(errors="replace"), rule="the name is not valid UTF-8")


def _extend(overrides: dict[str, str], kind: bytes, size: int, window: Window) -> None:
    """Remember what a long-name or pax record says of the next entry."""
    if size > MAX_EXTENSION:
        raise ArchiveUnsafe(name=window.name, rule="the name is too long")
    data = window.take(size)
    try:
        if kind == b"g":
            _check_global(_pax(data, window.name), window.name)
        elif kind == b"x":
            overrides.update(_pax(data, window.name))
        else:
            overrides["path" if kind == b"L" else "linkpath"] = data.rstrip(b"\0").decode()
    except UnicodeDecodeError as error:
        raise _not_text(data[:200]) from error


def _check_global(records: dict[str, str], name: str) -> None:
    """A comment, as `git archive` writes one, is harmless; what would rename every entry is not."""
    if not records.keys().isdisjoint({"path", "linkpath", "size"}):
        raise ArchiveInvalid(name=name, why="a global header renames every entry")


def _pax(data: bytes, name: str) -> dict[str, str]:
    """Records of the form `length key=value\\n`. Extended attributes are dropped here, never applied."""
    records: dict[str, str] = {}
    while data:
        digits, space, _ = data[:21].partition(b" ")
        length = int(digits) if digits.isdigit() else 0
        record = data[len(digits) + 1 : length]
        key, equals, value = record.partition(b"=")
        if not space or not equals or length > len(data) or record[-1:] != b"\n":
            raise ArchiveInvalid(name=name, why="a pax header is malformed")
        if key.startswith(b"GNU.sparse"):
            raise ArchiveUnsafe(name=name, rule="it is a sparse file")
        if key in (b"path", b"linkpath", b"size"):
            records[key.decode()] = value[:-1].decode()
        data = data[length:]
    return records


def _override(member: Member, overrides: dict[str, str]) -> Member:
    name, kind, mode, size, target = member
    name = overrides.get("path", name)
    digits = overrides.get("size", "")
    if digits and not (digits.isascii() and digits.isdigit() and len(digits) < 20):
        raise ArchiveInvalid(name=name, why="a pax header is malformed")
    return name, kind, mode, int(digits) if digits else size, overrides.get("linkpath", target)
