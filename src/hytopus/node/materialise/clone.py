"""A directory of an instance's own, cloned file by file: by reflink where the file system can, else by copying.

What each file was like when it was written is kept beside it, so that an instance's own changes can be told later.
"""

from __future__ import annotations

import errno
import fcntl
import os
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from hytopus.layers.manifest import DIRECTORY, LINK
from hytopus.layers.merge import Merged
from hytopus.layers.unpack import Tree
from hytopus.node.cache.download import Owner
from hytopus.node.materialise.plan import make_root
from hytopus.node.materialise.probe import FICLONE, How

_COPIERS: Final = max(2, min(8, os.cpu_count() or 2))
"""Threads that copy bytes. Cloning is over at once, so that several would only wait for each other."""
_CREATE: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
_READ: Final = os.O_RDONLY | os.O_NOFOLLOW
_COPY: Final = 1 << 30
_BATCH: Final = 256
_NOT_HERE: Final = {errno.EXDEV, errno.EINVAL, errno.EOPNOTSUPP, errno.ENOSYS, errno.EPERM}


class Stamp(NamedTuple):
    """A path as it was left: its source is a layer's index, or -1 for what was rendered; times in nanoseconds."""

    kind: str
    mode: int
    source: int
    changed: int
    target: str


@dataclass(frozen=True, slots=True)
class Sources:
    """Where the bytes come from: the layers' trees, and the rendered tree over them."""

    trees: Sequence[Path]
    rendered: Path | None
    substituted: frozenset[str]

    def of(self, path: str, layer: int) -> tuple[int, Path]:
        if self.rendered and path in self.substituted:
            return -1, self.rendered / path
        return layer, self.trees[layer] / path


def clone(
    merged: Merged, sources: Sources, target: Path, how: How, owner: Owner, stop: threading.Event
) -> dict[str, Stamp]:
    """Make the new directory `target`. Raises the OSError of what failed, or `Stopped`; the rest is the caller's."""
    make_root(target, owner)
    stamps: dict[str, Stamp] = {}
    files: list[tuple[str, int, int]] = []
    root = os.open(target, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with Tree(root, exact=True, owner=owner) as tree:
            for path in sorted(merged.view):
                layer, entry = merged.view[path]
                if entry.kind == DIRECTORY:
                    tree.directory(path, entry.mode)
                elif entry.kind == LINK:
                    tree.link(path, entry.target)
                else:
                    files.append((path, layer, entry.mode))
                    continue
                stamps[path] = Stamp(entry.kind, entry.mode, layer, 0, entry.target)
        batches = [files[start : start + _BATCH] for start in range(0, len(files), _BATCH)]
        with ThreadPoolExecutor(1 if how is How.REFLINK else _COPIERS) as threads:
            for found in threads.map(lambda batch: _files(batch, sources, target, how, owner, stop), batches):
                stamps.update(found)
    finally:
        os.close(root)
    return stamps


class Stopped(Exception):
    """Somebody asked for the work to end."""


def _files(
    batch: Sequence[tuple[str, int, int]], sources: Sources, target: Path, how: How, owner: Owner, stop: threading.Event
) -> dict[str, Stamp]:
    if stop.is_set():
        raise Stopped
    stamps = {}
    try:
        for path, layer, mode in batch:
            source, original = sources.of(path, layer)
            changed = _file(original, f"{target}/{path}", mode, how, owner)
            stamps[path] = Stamp("f", mode, source, changed, "")
    except BaseException:
        stop.set()
        raise
    return stamps


def _file(source: Path, target: str, mode: int, how: How, owner: Owner) -> int:
    """Returns the time of the last change to the new file's status."""
    reading = os.open(source, _READ)
    try:
        writing = os.open(target, _CREATE, mode)
        try:
            if how is How.REFLINK:
                fcntl.ioctl(writing, FICLONE, reading)
            else:
                _copy(reading, writing)
            if owner:
                os.fchown(writing, *owner)
            os.fchmod(writing, mode)
            return os.fstat(writing).st_ctime_ns
        finally:
            os.close(writing)
    finally:
        os.close(reading)


def _copy(reading: int, writing: int) -> None:
    """In the kernel; file systems that cannot take the short way get the bytes sent."""
    try:
        while os.copy_file_range(reading, writing, _COPY):
            pass
    except OSError as error:
        if error.errno not in _NOT_HERE:
            raise
        while os.sendfile(writing, reading, None, _COPY):
            pass
