"""Decompression by what the bytes are, not by what the file is called; in C, and with an eye on the ratio."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final, Protocol

import zstandard

from hytopus.layers.archive import Limits
from hytopus.layers.errors import ArchiveInvalid, ArchiveTooLarge
from hytopus.layers.tar import Chunk, Window

fast_zlib: Any = zlib
with suppress(ImportError):  # three times as fast; comes with the node's extra
    from isal import isal_zlib as fast_zlib

CHUNK: Final = 1 << 20
_ZSTD: Final = b"\x28\xb5\x2f\xfd"
_GZIP: Final = b"\x1f\x8b"
_SKIPPABLE: Final = b"\x2a\x4d\x18"

Read = Callable[[int], bytes | memoryview]
"""Up to so many bytes; empty at the end. A memoryview is used before the next call."""


class Decompressor(Protocol):
    """Fills buffers with what a compressed stream holds."""

    def readinto(self, target: Any, /) -> int:
        """How many bytes were put at the target's beginning; 0 at the end."""
        ...


def decompressor(read: Read, limits: Limits | None = None) -> Decompressor:
    """zstd, gzip or plain, told by the first bytes; raises `ArchiveInvalid` on a corrupt stream."""
    source = _Counted(read)
    first = source.peek()
    if first.startswith(_ZSTD) or first[1:4] == _SKIPPABLE:
        inner: Decompressor = _Zstd(source)
    elif first.startswith(_GZIP):
        inner = _Gzip(source)
    else:
        inner = _Plain(source)
    return _Limited(inner, source, limits or Limits())


def open_window(read: Read, limits: Limits | None = None) -> Window:
    """A window on the decompressed stream, in this process."""
    stream = decompressor(read, limits)
    return Window(lambda: _next_chunk(stream))


def _next_chunk(stream: Decompressor) -> Chunk | None:
    buffer = bytearray(CHUNK)
    size = stream.readinto(buffer)
    return (bytes(buffer), 0, size) if size else None


class _Counted:
    """The compressed side: counts what was read and can look ahead once."""

    def __init__(self, read: Read) -> None:
        self._read = read
        self._ahead: bytes = b""
        self.count = 0

    def peek(self) -> bytes:
        self._ahead = bytes(self._read(CHUNK))
        return self._ahead[:8]

    def read(self, size: int = -1) -> bytes | memoryview:
        data: bytes | memoryview = self._ahead
        if data:
            self._ahead = b""
        else:
            data = self._read(CHUNK if size < 0 else size)
        self.count += len(data)
        return data


class _Limited:
    """Stops a stream that grows out of all proportion before it fills a disk."""

    def __init__(self, inner: Decompressor, source: _Counted, limits: Limits) -> None:
        self._inner, self._source, self._limits = inner, source, limits
        self._produced = 0

    def readinto(self, target: Any, /) -> int:
        size = self._inner.readinto(target)
        self._produced += size
        if self._produced > self._limits.ratio_floor and self._produced > self._source.count * self._limits.ratio:
            raise ArchiveTooLarge(name="", limit=self._limits.ratio, what="times its compressed size")
        return size


class _Plain:
    def __init__(self, source: _Counted) -> None:
        self._source = source
        self._rest = memoryview(b"")

    def readinto(self, target: Any, /) -> int:
        if not self._rest:
            self._rest = memoryview(self._source.read(len(target)))
        size = min(len(target), len(self._rest))
        target[:size] = self._rest[:size]
        self._rest = self._rest[size:]
        return size


class _Zstd:
    def __init__(self, source: _Counted) -> None:
        context = zstandard.ZstdDecompressor(max_window_size=1 << 27)
        self._stream: Any = context.stream_reader(source, read_size=CHUNK, read_across_frames=True)  # type: ignore[arg-type]

    def readinto(self, target: Any, /) -> int:
        try:
            return int(self._stream.readinto(target))
        except zstandard.ZstdError as error:
            raise ArchiveInvalid(name="", why=f"the zstd stream is corrupt ({error})") from error


class _Gzip:
    """Any number of members after each other, as gzip files may have."""

    def __init__(self, source: _Counted) -> None:
        self._source = source
        self._stream: Any = None
        self._input: bytes | memoryview = b""

    def readinto(self, target: Any, /) -> int:
        try:
            while data := self._input or self._source.read(CHUNK):
                self._stream = self._stream or fast_zlib.decompressobj(wbits=31)
                output = self._stream.decompress(data, len(target))
                self._after(data)
                if output:
                    target[: len(output)] = output
                    return len(output)
        except (zlib.error, fast_zlib.error) as error:
            raise ArchiveInvalid(name="", why=f"the gzip stream is corrupt ({error})") from error
        return self._drain(target)

    def _after(self, data: bytes | memoryview) -> None:
        if not self._stream.eof:
            self._input = self._stream.unconsumed_tail
            return
        self._input, self._stream = self._stream.unused_data, None

    def _drain(self, target: Any) -> int:
        if self._stream is None:
            return 0
        output = self._stream.decompress(b"", len(target))
        target[: len(output)] = output
        if not output and not self._stream.eof:
            raise ArchiveInvalid(name="", why="the gzip stream ends too early")
        return len(output)
