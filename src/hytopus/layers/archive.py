"""Reading a template's tarball without trusting it: what may pass, and how much of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from hytopus.layers.errors import ArchiveInvalid, ArchiveTooLarge, ArchiveUnsafe
from hytopus.layers.manifest import DIRECTORY, DIRECTORY_MODE, FILE, LINK, Entry, Manifest
from hytopus.layers.names import NONE, BadName, Paths, check_link
from hytopus.layers.substitute import MAX_FILE, placeholders
from hytopus.layers.tar import Window, members

HARD_LINK: Final = "h"
RULES_PATH: Final = "template.toml"
MAX_RULES: Final = 256 << 10

_KINDS: Final = {b"0": FILE, b"\0": FILE, b"7": FILE, b"1": HARD_LINK, b"2": LINK, b"5": DIRECTORY}
_REFUSED: Final = {
    b"3": "it is a character device",
    b"4": "it is a block device",
    b"6": "it is a named pipe",
    b"S": "it is a sparse file",
}
_SET_ID: Final = 0o6000
_OWNER: Final = {FILE: 0o400, HARD_LINK: 0o400, LINK: 0o777, DIRECTORY: 0o700}
"""Owners can always read their files and enter their folders."""


class Limits(NamedTuple):
    """How much a template may hold. A stream may always grow to `ratio_floor` bytes, whatever its ratio."""

    entries: int = 500_000
    bytes: int = 50 << 30
    ratio: int = 250
    ratio_floor: int = 256 << 20


Found = tuple[str, Sequence[str], str, int, int, str]
"""One entry that passed: path, new folders above it that have no entry of their own (outermost first), kind, mode,
size, link target. Whoever gets a file takes its `size` bytes from the window before the next."""


def entries(window: Window, limits: Limits) -> Iterator[Found]:
    """Every entry that a layer may hold, in order; raises an archive error at the first that it may not."""
    paths, count, total = Paths(), 0, 0
    admit, sizes = paths.admit, dict[str, int]()
    for name, code, mode, size, target in members(window):
        count += 1
        if code == b"0" and not mode & _SET_ID and admit(name):
            path, implied, kind = name, NONE, FILE
            sizes[name] = size
        else:
            path, implied, kind = _examine(paths, name, code, mode, size, target)
            count += len(implied)
            if kind == FILE:
                sizes[path] = size
            elif kind == HARD_LINK:
                target, size = _linked(name, target, sizes)
        total += size
        if count > limits.entries:
            raise ArchiveTooLarge(name=name, limit=limits.entries, what="entries")
        if total > limits.bytes:
            raise ArchiveTooLarge(name=name, limit=limits.bytes, what="bytes")
        if path:
            yield path, implied, kind, mode & 0o777 | _OWNER[kind], size, target


def scan(window: Window, limits: Limits | None = None) -> Manifest:
    """The manifest of a tarball, without writing anything."""
    manifest = Manifest()
    for found in entries(window, limits or Limits()):
        path, _, kind, _, size, _ = found
        if kind != FILE:
            record(manifest, found)
        elif path == RULES_PATH:
            manifest.rules_text = read_rules(window, size)
        elif size <= MAX_FILE:
            record(manifest, found, placeholders(window.take(size)))
        else:
            for _ in window.pieces(size):
                pass
            record(manifest, found)
    return manifest


def record(manifest: Manifest, found: Found, names: tuple[str, ...] | None = None) -> None:
    """Enter what was found, and the folders it implies, in the manifest."""
    listed = manifest.entries
    path, implied, kind, mode, size, target = found
    for folder in implied:
        listed[folder] = Entry(DIRECTORY, DIRECTORY_MODE)
    if kind == FILE:
        listed[path] = Entry(kind, mode, size, "", names)
    elif kind == HARD_LINK:
        listed[path] = listed[target]
    else:
        listed[path] = Entry(kind, mode, 0, target if kind == LINK else "")


def read_rules(window: Window, size: int) -> str:
    """The text of the layer's own `template.toml`."""
    if size > MAX_RULES:
        raise ArchiveUnsafe(name=RULES_PATH, rule=f"it is larger than {MAX_RULES} bytes")
    try:
        return window.take(size).decode()
    except UnicodeDecodeError as error:
        raise ArchiveUnsafe(name=RULES_PATH, rule="it is not UTF-8 text") from error


def _examine(paths: Paths, name: str, code: bytes, mode: int, size: int, target: str) -> tuple[str, Sequence[str], str]:
    """The long way for everything but a plain file in a known folder."""
    kind = _kind(name, code, mode, size)
    try:
        path, implied = paths.add(name, kind)
        if kind == LINK:
            check_link(path, target)
    except BadName as error:
        raise ArchiveUnsafe(name=name, rule=error.rule) from None
    return path, implied, kind


def _kind(name: str, code: bytes, mode: int, size: int) -> str:
    kind = _KINDS.get(code)
    if kind is None:
        raise ArchiveUnsafe(name=name, rule=_REFUSED.get(code, f"its type {code!r} is not supported"))
    if kind == FILE and name.endswith("/"):
        kind = DIRECTORY
    if mode & _SET_ID and kind != DIRECTORY:
        raise ArchiveUnsafe(name=name, rule="it has the setuid or setgid bit")
    if kind != FILE and size:
        raise ArchiveInvalid(name=name, why="a link or a directory has content")
    if kind != FILE and name.strip("./") == RULES_PATH:
        raise ArchiveUnsafe(name=name, rule="it must be a regular file")
    return kind


def _linked(name: str, target: str, sizes: Mapping[str, int]) -> tuple[str, int]:
    """The earlier file that a hard link names, and its size."""
    path = target.removeprefix("./")
    if path not in sizes or path == RULES_PATH:
        raise ArchiveUnsafe(name=name, rule="its hard link does not name a file before it")
    return path, sizes[path]
