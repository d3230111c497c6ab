"""What an instance did to a directory that was cloned for it, and how to do the same to a new one.

An overlay keeps this by itself, in its upper directory; a clone has to be compared with what it was made of.
"""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hytopus.layers.manifest import DIRECTORY, FILE, LINK
from hytopus.node.materialise.clone import Sources, Stamp

_CHUNK: Final = 1 << 20
_OTHER: Final = "o"


@dataclass(frozen=True, slots=True)
class Changes:
    """Paths that were deleted (the topmost only), and paths that were added or changed, folders first."""

    deleted: tuple[str, ...]
    kept: tuple[str, ...]


def own_changes(data: Path, stamps: Mapping[str, Stamp], sources: Sources) -> Changes:
    """Compare a cloned directory with what it was when it was made.

    A file whose status never changed since is not read; one whose status did is compared with its source, so that a
    mere touch does not count.
    """
    present, kept = set(), []
    for path, status in walk(data):
        present.add(path)
        if _differs(data / path, path, status, stamps.get(path), sources):
            kept.append(path)
    missing = {path for path in stamps if path not in present}
    deleted = sorted(path for path in missing if path.rpartition("/")[0] not in missing)
    return Changes(tuple(deleted), tuple(sorted(kept)))


def carry_over(old: Path, new: Path, changes: Changes) -> None:
    """Make the same changes to a new directory. Files are shared by hard links, so the old one stays whole."""
    for path in changes.deleted:
        if not _is_folder((old / path).parent):
            continue  # what took the folder's place is among what was kept
        _make_parents(old, new, path)
        _remove(new / path)
    for path in changes.kept:
        source, target = old / path, new / path
        _make_parents(old, new, path)
        if stat.S_ISDIR(source.lstat().st_mode):
            _folder(source, target)
        else:
            _remove(target)
            os.link(source, target, follow_symlinks=False)


def walk(root: Path) -> Iterator[tuple[str, os.stat_result]]:
    """Everything below a directory with its status, following no link."""
    pending = [""]
    while pending:
        folder = pending.pop()
        with os.scandir(root / folder) as found:
            for entry in found:
                path = f"{folder}/{entry.name}" if folder else entry.name
                status = entry.stat(follow_symlinks=False)
                if stat.S_ISDIR(status.st_mode):
                    pending.append(path)
                yield path, status


def _differs(real: Path, path: str, status: os.stat_result, stamp: Stamp | None, sources: Sources) -> bool:
    kind = _kind(status.st_mode)
    if stamp is None or kind != stamp.kind:
        return True
    if kind == LINK:
        return str(real.readlink()) != stamp.target
    if stat.S_IMODE(status.st_mode) != stamp.mode:
        return True
    if kind == DIRECTORY or status.st_ctime_ns == stamp.changed:
        return False
    original = sources.rendered if stamp.source < 0 else sources.trees[stamp.source]
    return original is None or not _same_bytes(real, original / path)


def _kind(mode: int) -> str:
    if stat.S_ISDIR(mode):
        return DIRECTORY
    if stat.S_ISLNK(mode):
        return LINK
    return FILE if stat.S_ISREG(mode) else _OTHER


def _same_bytes(one: Path, other: Path) -> bool:
    with one.open("rb") as first, other.open("rb") as second:
        if os.fstat(first.fileno()).st_size != os.fstat(second.fileno()).st_size:
            return False
        while data := first.read(_CHUNK):
            if data != second.read(_CHUNK):
                return False
    return True


def _make_parents(old: Path, new: Path, path: str) -> None:
    """As in an overlay, the folders of what was kept or deleted are kept with it, whatever the new layers have there: a
    link there must not lead out of the directory."""
    parts = path.split("/")[:-1]
    for depth in range(1, len(parts) + 1):
        folder = "/".join(parts[:depth])
        if not _is_folder(new / folder):
            _folder(old / folder, new / folder)


def _folder(source: Path, target: Path) -> None:
    status = source.lstat()
    if not _is_folder(target):
        _remove(target)
        target.mkdir()
    os.chown(target, status.st_uid, status.st_gid)
    target.chmod(stat.S_IMODE(status.st_mode))


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def _remove(path: Path) -> None:
    if _is_folder(path):
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
