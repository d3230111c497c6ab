"""Turning a directory into a template's tarball: the same files give the same bytes, on every machine.

Paths are sorted, times and owners are zero, modes are 0644 or 0755. What unpacking would refuse is refused here, by
the same rules and with the path.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import stat
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final, Protocol

import zstandard

from hytopus.layers.archive import MAX_RULES, RULES_PATH
from hytopus.layers.errors import PackRefused
from hytopus.layers.manifest import DIRECTORY, FILE, LINK
from hytopus.layers.names import BadName, Paths, check_link
from hytopus.layers.rules import TemplateRules

Progress = Callable[[int, int], None]
"""Bytes of files packed so far, and of all of them."""

_LEVEL: Final = 3
_CHUNK: Final = 1 << 20
_LARGEST: Final = 8**11 - 1
_SUM_AT: Final = 148
_MAGIC_AT: Final = 257


@dataclass(frozen=True, slots=True)
class Packed:
    """`size` is the tarball's, `bytes` that of the files in it; `checksum` is SHA-256 in hex."""

    checksum: str
    size: int
    files: int
    bytes: int
    rules: TemplateRules


def pack(directory: Path, target: Path, *, progress: Progress | None = None) -> Packed:
    """Write a `.tar.zst`, `.tar.gz` or `.tar`, by the target's name; nothing is left of it after an error.

    Raises `PackRefused` with the path, or `BadTemplateRules`.
    """
    if not directory.is_dir():
        raise PackRefused(path=str(directory), rule="it is not a directory")
    found = list(items(directory))
    rules = read_rules(directory)
    written = write_archive(found, target, progress or (lambda done, total: None))
    files = [item for item in found if item.kind == FILE]
    return Packed(written.checksum, written.size, len(files), sum(item.size for item in files), rules)


@dataclass(frozen=True, slots=True)
class Written:
    """A tarball: its SHA-256 in hex, and its size."""

    checksum: str
    size: int


def write_archive(found: list[Item], target: Path, progress: Progress) -> Written:
    """The items in their order, compressed as the target's name says; nothing is left of it after an error."""
    partial = target.with_name(f".{target.name}.partial")
    try:
        with partial.open("wb") as file:
            output = _Hashing(file)
            with _compressed(output, target.name) as archive:
                _write(archive, found, progress)
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)
    return Written(output.digest.hexdigest(), output.size)


def read_rules(directory: Path) -> TemplateRules:
    """The rules of a template's directory; the defaults where it has no `template.toml`."""
    path = directory / RULES_PATH
    if not path.is_file():
        return TemplateRules()
    if path.stat().st_size > MAX_RULES:
        raise PackRefused(path=RULES_PATH, rule=f"it is larger than {MAX_RULES} bytes")
    return TemplateRules.parse(path.read_bytes())


@dataclass(frozen=True, slots=True)
class Item:
    """Something in a template's directory, with the mode it gets in the tarball."""

    path: str
    source: Path
    kind: str
    mode: int
    size: int
    target: str = ""

    @classmethod
    def of(cls, directory: Path, source: Path) -> Item:
        """Raises `PackRefused` for sockets, devices and pipes."""
        path = str(source)[len(str(directory)) :].lstrip("/")
        status = source.lstat()
        if stat.S_ISDIR(status.st_mode):
            return cls(path, source, DIRECTORY, 0o755, 0)
        if stat.S_ISLNK(status.st_mode):
            return cls(path, source, LINK, 0o777, 0, str(source.readlink()))
        if not stat.S_ISREG(status.st_mode):
            raise PackRefused(path=path, rule="it is neither a file, a directory nor a symbolic link")
        return cls(path, source, FILE, 0o755 if status.st_mode & 0o111 else 0o644, status.st_size)


def items(directory: Path) -> Iterator[Item]:
    """Everything below a directory in the order of the tarball; raises `PackRefused` for what no layer may hold."""
    paths = Paths()
    for source in walk(directory):
        item = Item.of(directory, source)
        try:
            paths.add(item.path, item.kind)
            if item.kind == LINK:
                check_link(item.path, item.target)
        except BadName as error:
            raise PackRefused(path=item.path, rule=error.rule) from None
        yield item


def walk(directory: Path) -> Iterator[Path]:
    """Depth first, sorted by the bytes of the names, so that no locale has a say."""
    with os.scandir(directory) as found:
        children = sorted(found, key=lambda one: os.fsencode(one.name))
    for child in children:
        yield Path(child.path)
        if child.is_dir(follow_symlinks=False):
            yield from walk(Path(child.path))


class _Sink(Protocol):
    def write(self, data: bytes, /) -> Any: ...


def _write(archive: _Sink, found: list[Item], progress: Progress) -> None:
    done, total = 0, sum(item.size for item in found)
    for item in found:
        archive.write(_header(item))
        if item.kind == FILE:
            for piece in _content(item):
                archive.write(piece)
                done += len(piece)
                progress(done, total)
            archive.write(bytes(-item.size % tarfile.BLOCKSIZE))
    archive.write(bytes(2 * tarfile.BLOCKSIZE))
    progress(done, total)


def _header(item: Item) -> bytes:
    """As `tarfile` writes it. Plain names, which most are, are written here, ten times as fast."""
    name = f"{item.path}/" if item.kind == DIRECTORY else item.path
    if len(name) > tarfile.LENGTH_NAME or item.size > _LARGEST or item.target or not name.isascii():
        return _full_header(item)
    kind = tarfile.DIRTYPE if item.kind == DIRECTORY else tarfile.REGTYPE
    block = b"%b%07o\0%b%011o\0%b        %b" % (
        name.encode().ljust(tarfile.LENGTH_NAME, b"\0"),
        item.mode,
        b"0000000\0" * 2,
        item.size,
        b"00000000000\0",
        kind,
    )
    block = (block.ljust(_MAGIC_AT, b"\0") + tarfile.POSIX_MAGIC).ljust(tarfile.BLOCKSIZE, b"\0")
    return block[:_SUM_AT] + b"%06o\0" % sum(block) + block[_SUM_AT + 7 :]


def _full_header(item: Item) -> bytes:
    info = tarfile.TarInfo(item.path)
    info.type = {FILE: tarfile.REGTYPE, DIRECTORY: tarfile.DIRTYPE, LINK: tarfile.SYMTYPE}[item.kind]
    info.mode, info.size, info.linkname = item.mode, item.size, item.target
    return info.tobuf(tarfile.PAX_FORMAT, "utf-8", "strict")


def _content(item: Item) -> Iterator[bytes]:
    """Exactly as many bytes as the header says; a file that changes meanwhile is an error, not a broken tarball."""
    left = item.size
    with open(item.source, "rb", buffering=0) as file:  # noqa: PTH123 - half the time of Path.open
        while left:
            piece = file.read(min(left, _CHUNK))
            if not piece:
                raise PackRefused(path=item.path, rule="it became shorter while it was packed")
            left -= len(piece)
            yield piece
        if file.read(1):
            raise PackRefused(path=item.path, rule="it became longer while it was packed")


class _Hashing:
    """Counts and hashes what is written."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.digest = hashlib.sha256()
        self.size = 0

    def write(self, data: bytes, /) -> int:
        self.digest.update(data)
        self.size += len(data)
        return self._file.write(data)

    def flush(self) -> None:
        self._file.flush()


@contextmanager
def _compressed(output: _Hashing, name: str) -> Iterator[_Sink]:
    if name.endswith((".tar.gz", ".tgz")):
        with gzip.GzipFile(filename="", mode="wb", fileobj=output, mtime=0, compresslevel=6) as archive:
            yield archive
    elif name.endswith(".tar"):
        yield output
    elif name.endswith((".tar.zst", ".tzst")):
        # With any number of threads above none the bytes are the same.
        context = zstandard.ZstdCompressor(level=_LEVEL, threads=max(1, os.cpu_count() or 1), write_checksum=True)
        with context.stream_writer(output, closefd=False) as archive:  # type: ignore[arg-type]
            yield archive
    else:
        raise PackRefused(path=name, rule="its name must end in .tar.zst, .tar.gz or .tar")
