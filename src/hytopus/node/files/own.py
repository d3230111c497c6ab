"""An instance's own part of its directory: the upper directory of an overlay, or the whole of a clone."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Final

from hytopus.layers.manifest import DIRECTORY, FILE, LINK
from hytopus.layers.merge import Placed
from hytopus.node.files.beneath import Beneath, Trace, is_whiteout
from hytopus.node.files.errors import FileMissing, NotAFile, NotAFolder
from hytopus.node.materialise.clone import Sources, Stamp

_CHUNK: Final = 1 << 20
OTHER: Final = "o"


class Change(StrEnum):
    """What has become of a path since it was prepared."""

    NONE = "none"
    CHANGED = "changed"
    ADDED = "added"
    DELETED = "deleted"


def kind_of(mode: int) -> str:
    """As in a manifest, or `OTHER`."""
    if stat.S_ISDIR(mode):
        return DIRECTORY
    if stat.S_ISLNK(mode):
        return LINK
    return FILE if stat.S_ISREG(mode) else OTHER


class Upper:
    """The upper directory of an overlay: what is in it was changed, or deleted where a whiteout stands."""

    is_overlay: Final = True

    def __init__(self, root: Path) -> None:
        self.root = root

    def trace(self, beneath: Beneath, path: str) -> Trace:
        return beneath.trace(path)

    def change(self, beneath: Beneath, path: str, status: os.stat_result, placed: Placed | None) -> Change | None:
        """None where nothing is to be seen."""
        if is_whiteout(status):
            return Change.DELETED if placed else None
        if placed is None:
            return Change.ADDED
        both = stat.S_ISDIR(status.st_mode) and placed.entry.kind == DIRECTORY
        return Change.NONE if both else Change.CHANGED


class Clone:
    """A directory of its own; what changed in it shows by comparison with what it was made of."""

    is_overlay: Final = False

    def __init__(self, root: Path, stamps: Mapping[str, Stamp], sources: Sources) -> None:
        self.root, self._stamps, self._sources = root, stamps, sources

    def trace(self, beneath: Beneath, path: str) -> Trace:
        return Trace(beneath.trace(path).status, True)

    def change(self, beneath: Beneath, path: str, status: os.stat_result, placed: Placed | None) -> Change | None:
        stamp = self._stamps.get(path)
        if stamp is None:
            return Change.CHANGED if placed else Change.ADDED
        return Change.CHANGED if self._differs(beneath, path, status, stamp) else Change.NONE

    def _differs(self, beneath: Beneath, path: str, status: os.stat_result, stamp: Stamp) -> bool:
        kind = kind_of(status.st_mode)
        if kind != stamp.kind:
            return True
        if kind == LINK:
            return beneath.read_link(path) != stamp.target
        if kind == DIRECTORY:
            return False
        if stat.S_IMODE(status.st_mode) != stamp.mode:
            return True
        return status.st_ctime_ns != stamp.changed and not self._as_it_was(beneath, path, stamp)

    def _as_it_was(self, beneath: Beneath, path: str, stamp: Stamp) -> bool:
        """A mere touch does not count. Read through descriptors: the server may swap the file at any moment."""
        tree = self._sources.rendered if stamp.source < 0 else self._sources.trees[stamp.source]
        if tree is None:
            return False
        try:
            one = beneath.open_file(path)
        except (FileMissing, NotAFile, NotAFolder):
            return False
        try:
            with Beneath(tree) as source:
                other = source.open_file(path)
            try:
                return same_bytes(one, other)
            finally:
                os.close(other)
        finally:
            os.close(one)


OwnFiles = Upper | Clone


def same_bytes(one: int, other: int) -> bool:
    """Of two open files, from where they stand."""
    if os.fstat(one).st_size != os.fstat(other).st_size:
        return False
    while data := os.read(one, _CHUNK):
        if data != _read_exactly(other, len(data)):
            return False
    return True


def _read_exactly(fd: int, size: int) -> bytes:
    parts = b""
    while len(parts) < size and (data := os.read(fd, size - len(parts))):
        parts += data
    return parts
