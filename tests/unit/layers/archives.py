"""Tarballs as an attacker would build them: every header field is free."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass

from hytopus.layers.archive import Limits, scan
from hytopus.layers.compression import open_window
from hytopus.layers.manifest import Manifest

END = bytes(1024)


@dataclass(frozen=True)
class Raw:
    """One header and its data."""

    name: bytes
    data: bytes = b""
    type: bytes = b"0"
    mode: int = 0o644
    link: bytes = b""
    size: int | None = None
    prefix: bytes = b""
    magic: bytes = b"ustar\x0000"
    checksum: bytes | None = None

    def header(self) -> bytes:
        size = len(self.data) if self.size is None else self.size
        number = b"%011o\0" % size if size < 8**11 else b"\x80" + size.to_bytes(11, "big")
        block = (
            self.name.ljust(100, b"\0")[:100] + b"%07o\0" % self.mode + b"0000000\0" * 2 + number + b"0" * 11 + b"\0"
        )
        block += b" " * 8 + self.type + self.link.ljust(100, b"\0")[:100] + self.magic.ljust(8, b"\0")
        block = block.ljust(345, b"\0") + self.prefix.ljust(155, b"\0") + bytes(12)
        checksum = b"%06o\0 " % sum(block) if self.checksum is None else self.checksum
        return block[:148] + checksum + block[156:]

    def bytes(self) -> bytes:
        return self.header() + self.data + bytes(-len(self.data) % 512)


def archive(*entries: Raw, end: bytes = END) -> bytes:
    return b"".join(entry.bytes() for entry in entries) + end


def pax(**records: str) -> Raw:
    """The extended header before an entry; `__` in a key stands for a dot."""
    data = b""
    for key, value in records.items():
        body = f" {key.replace('__', '.')}={value}\n".encode()
        length = len(body) + 1
        while len(str(length)) + len(body) != length:
            length += 1
        data += str(length).encode() + body
    return Raw(b"PaxHeader", data, b"x")


def gnu_long(name: bytes, kind: bytes = b"L") -> Raw:
    return Raw(b"././@LongLink", name + b"\0", kind)


def read(data: bytes, limits: Limits | None = None) -> Manifest:
    return scan(open_window(io.BytesIO(data).read, limits), limits)


def file(name: str | bytes, data: bytes = b"") -> Raw:
    return Raw(name if isinstance(name, bytes) else name.encode(), data)


def folder(name: str) -> Raw:
    return Raw(name.encode(), b"", b"5", 0o755)


def link(name: str, target: str, kind: bytes = b"2") -> Raw:
    return Raw(name.encode(), b"", kind, 0o777, target.encode())


def names(manifest: Manifest) -> Sequence[str]:
    return list(manifest.entries)
