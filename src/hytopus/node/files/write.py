"""Changing an instance's files while nothing of it runs, so that a start sees the old state or the new one. Blocking.

What is written is made aside and moved into place whole. In an overlay, what a layer brought is hidden by a whiteout.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hytopus.layers.manifest import DIRECTORY, FILE
from hytopus.node.cache.disk import Disk
from hytopus.node.cache.download import Owner
from hytopus.node.files.beneath import describe, is_whiteout
from hytopus.node.files.errors import FileChanged, FileMissing, FolderNotEmpty, NotAFile, NotAFolder
from hytopus.node.files.names import shown
from hytopus.node.files.own import Change
from hytopus.node.files.read import digest_of
from hytopus.node.files.tree import FileTree, Item

ANY: Final = "*"
"""As a digest: whatever is there."""
_FILE_MODE: Final = 0o644
_FOLDER_MODE: Final = 0o755
_STAGED: Final = "staged"


@dataclass(frozen=True, slots=True)
class Written:
    """What a change did; digests are SHA-256 in hex, empty where there is no file (any more), or it is no file."""

    path: str
    before: str
    after: str
    size: int


class Writer:
    """Changes one instance's tree. `expected` is the digest of what the caller has seen: empty for no file, or `ANY`.

    Every change raises `FileChanged` where something else is there, and has done nothing then.
    """

    def __init__(self, tree: FileTree, disk: Disk, owner: Owner) -> None:
        assert tree.own, "layers never change"
        self._tree, self._disk, self._owner = tree, disk, owner
        self._overlay = tree.own.is_overlay

    def put(self, path: str, staged: Path, expected: str) -> Written:
        """Move a finished file to a path, making folders on the way. It gets the mode of the file it replaces."""
        old = self._present(path)
        if old and old.kind != FILE:
            raise NotAFile(path=shown(path), what="a folder, a link or something else that is no ordinary file")
        before = self._check(path, old, expected)
        with staged.open("rb+") as file:
            digest = digest_of(file.fileno())
            size = os.fstat(file.fileno()).st_size
            self._settle(file.fileno(), old.mode & 0o777 if old else _FILE_MODE)
            os.fsync(file.fileno())
        folder, _, name = path.rpartition("/")
        with self._folder(folder) as fd:
            os.rename(staged, name, dst_dir_fd=fd)
            os.fsync(fd)
        return Written(shown(path), before, digest, size)

    def delete(self, path: str, expected: str, *, recursive: bool) -> Written:
        """Remove a file, a link or, with `recursive`, a folder that holds something. Raises `FileMissing`."""
        item = self._tree.find(path)
        before = self._check(path, item, expected)
        if item.kind == DIRECTORY and not recursive and self._holds_something(path):
            raise FolderNotEmpty(path=shown(path))
        parent, _, name = path.rpartition("/")
        hide = self._overlay and path in self._tree.merged.view and not self._tree.trace(parent).covered
        if item.own and not (hide and item.kind != DIRECTORY):
            self._throw(parent, name)
        if hide:
            self._hide(parent, name)
        return Written(shown(path), before, "", 0)

    def _present(self, path: str) -> Item | None:
        if not path:
            raise NotAFile(path="", what="the directory itself")
        try:
            return self._tree.find(path)
        except FileMissing:
            return None

    def _check(self, path: str, item: Item | None, expected: str) -> str:
        """The digest of what is there; raises `FileChanged` where it is not what was expected."""
        found = ""
        if item and item.kind == FILE:
            fd = self._tree.open(item)
            try:
                found = digest_of(fd)
            finally:
                os.close(fd)
        if expected in (found, ANY) or (item and item.kind != FILE):
            return found
        what = "somebody has changed it" if found else "it is not there any more"
        raise FileChanged(path=shown(path), what=what if expected else "it exists already", digest=found)

    def _holds_something(self, path: str) -> bool:
        return any(item.change is not Change.DELETED for item in self._tree.folder(path))

    def _hide(self, parent: str, name: str) -> None:
        """A whiteout in place of whatever file is there, in one step."""
        with staging(self._disk) as staged, self._folder(parent) as fd:
            os.mknod(staged, stat.S_IFCHR, os.makedev(0, 0))
            os.rename(staged, name, dst_dir_fd=fd)

    def _throw(self, parent: str, name: str) -> None:
        with self._tree.beneath.folder(parent) as fd:
            self._disk.throw_from(name, fd)

    @contextmanager
    def _folder(self, path: str) -> Iterator[int]:
        """A folder in the instance's own part, open; made with those above it where it is missing."""
        parts = path.split("/") if path else []
        for depth in range(1, len(parts) + 1):
            self._make_folder("/".join(parts[:depth]))
        with self._tree.beneath.folder(path) as fd:
            yield fd

    def _make_folder(self, path: str) -> None:
        status, covered = self._tree.trace(path)
        if status is not None and stat.S_ISDIR(status.st_mode):
            return
        gone = status is not None and is_whiteout(status)
        if status is not None and not gone:
            raise NotAFolder(path=shown(path), what=describe(status.st_mode))
        below = self._tree.merged.view.get(path)
        if below and below.entry.kind != DIRECTORY and not covered:
            raise NotAFolder(path=shown(path), what="a file of a layer")
        mode = below.entry.mode if below and below.entry.kind == DIRECTORY and not covered else _FOLDER_MODE
        parent, _, name = path.rpartition("/")
        with staging(self._disk) as staged, self._tree.beneath.folder(parent) as fd:
            staged.mkdir()
            if gone and self._overlay and not self._tree.trace(parent).covered:
                self._hide_children(path, staged)
            self._settle_folder(staged, mode)
            if gone:
                os.unlink(name, dir_fd=fd)
            os.rename(staged, name, dst_dir_fd=fd)

    def _hide_children(self, path: str, folder: Path) -> None:
        """A folder that was deleted and comes again must not show what its layers had in it."""
        for child in self._tree.children.get(path, ()):
            os.mknod(folder / child.rpartition("/")[2], stat.S_IFCHR, os.makedev(0, 0))

    def _settle(self, fd: int, mode: int) -> None:
        if self._owner:
            os.fchown(fd, *self._owner)
        os.fchmod(fd, mode)

    def _settle_folder(self, path: Path, mode: int) -> None:
        if self._owner:
            os.chown(path, *self._owner)
        path.chmod(mode)


@contextmanager
def staging(disk: Disk) -> Iterator[Path]:
    """Where a file may be made that is then put into a tree; gone afterwards, with whatever is still in it."""
    scratch = disk.scratch()
    try:
        yield scratch / _STAGED
    finally:
        disk.throw(scratch)
