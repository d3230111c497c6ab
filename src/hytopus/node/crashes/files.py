"""Reading what a crashed server left in its directory. It may have put anything there, so nothing it says is believed:
no link is followed, no device or pipe is opened, and sizes and numbers have limits.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fnmatch import fnmatch
from typing import Final, NamedTuple

FILES: Final = 5
BYTES: Final = 1024 * 1024
"""Of each file; what is longer is cut at its end."""
_LOOKED_AT: Final = 10_000
"""Entries of one directory."""


class Found(NamedTuple):
    path: str
    changed: float
    size: int


def crash_files(root: str, patterns: Sequence[str], *, since: float) -> dict[str, bytes]:
    """Files below `root` that match a pattern (`logs/*.txt`; `*` stays within a directory) and were changed since
    (seconds since 1970): the newest few. Raises OSError where `root` cannot be read."""
    found: dict[str, Found] = {}
    with _directory(root, None) as top:
        for pattern in patterns:
            for each in _matching(top, pattern.split("/"), ""):
                found[each.path] = each
        newest = sorted((each for each in found.values() if each.changed >= since), key=lambda each: -each.changed)
        return {each.path: content for each in newest[:FILES] if (content := _read(top, each.path)) is not None}


def _matching(directory: int, parts: Sequence[str], prefix: str) -> Iterator[Found]:
    head, rest = parts[0], parts[1:]
    for name in _names(directory):
        if not fnmatch(name, head) or name in (".", ".."):
            continue
        try:
            about = os.stat(name, dir_fd=directory, follow_symlinks=False)
            if not rest and stat.S_ISREG(about.st_mode):
                yield Found(prefix + name, about.st_mtime, about.st_size)
            elif rest and stat.S_ISDIR(about.st_mode):
                with _directory(name, directory) as below:
                    yield from _matching(below, rest, f"{prefix}{name}/")
        except OSError:
            continue  # it went, or became something else meanwhile


def _names(directory: int) -> list[str]:
    with os.scandir(directory) as entries:
        return [entry.name for entry, _ in zip(entries, range(_LOOKED_AT), strict=False)]


def _read(top: int, path: str) -> bytes | None:
    *folders, name = path.split("/")
    try:
        with _descend(top, folders) as directory:
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
            file = os.open(name, flags, dir_fd=directory)
            try:
                if not stat.S_ISREG(os.fstat(file).st_mode):
                    return None
                return os.read(file, BYTES)
            finally:
                os.close(file)
    except OSError:
        return None


@contextmanager
def _descend(top: int, folders: Sequence[str]) -> Iterator[int]:
    if not folders:
        yield top
        return
    with _directory(folders[0], top) as below, _descend(below, folders[1:]) as deepest:
        yield deepest


@contextmanager
def _directory(name: str, parent: int | None) -> Iterator[int]:
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(name, flags, dir_fd=parent)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
