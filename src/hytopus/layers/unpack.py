"""Writing a layer's tarball into an empty directory, and its manifest with it, in one pass.

Every path is opened relative to an open directory and never through a link, so there is no path logic to get around.
Owners, times, extended attributes and set-id bits of the archive are not applied.
"""

from __future__ import annotations

import errno
import os
import stat
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Final, Protocol, cast

from hytopus.layers.archive import HARD_LINK, RULES_PATH, Found, Limits, entries, read_rules, record
from hytopus.layers.manifest import DIRECTORY, DIRECTORY_MODE, FILE, LINK, Entry, Manifest
from hytopus.layers.substitute import MAX_FILE, placeholders
from hytopus.layers.tar import Window

_CREATE: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
_OPEN: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
_OPEN_DIRECTORIES: Final = 64
_entry: Final = cast("Callable[[tuple[str, int, int, str, None]], Entry]", partial(tuple.__new__, Entry))
"""`Entry._make` without its check of the length, which would double the time."""

Piece = tuple[str, int, int, int]
"""A small file inside a chunk: path, mode, where its bytes begin and how many there are."""

Marked = list[tuple[str, tuple[str, ...]]]
"""Paths of files with placeholders, and the names in them."""


class Helper(Protocol):
    """Somebody who writes small files at the same time."""

    def take(self, pieces: list[Piece]) -> bool:
        """Accept the files of the present chunk, whose bytes stay where they are until written; False where busy."""
        ...

    def settle(self) -> Marked:
        """Wait until everything accepted is written; tells which files have placeholders."""
        ...


def unpack(
    window: Window,
    root: int,
    *,
    limits: Limits | None = None,
    report: Callable[[int], None] | None = None,
    helper: Helper | None = None,
    exact: bool = False,
    owner: tuple[int, int] | None = None,
) -> Manifest:
    """Fill the empty directory open as `root` and return what it now holds.

    Modes are narrowed by the umask unless it is 0 or `exact` is set; an owner can be given only by root. `report`
    hears the number of entries now and then. Raises an archive error, or the OSError of a full disk; what was written
    is then the caller's to remove.
    """
    with Tree(root, exact=exact, owner=owner) as tree:
        return _Unpacking(window, tree, report, helper).run(limits or Limits())


def write_pieces(tree: Tree, buffer: bytes, pieces: list[Piece]) -> Marked:
    """Write small files out of a chunk; tells which of them have placeholders."""
    marked: Marked = []
    create, write, close = os.open, os.write, os.close
    last, folder_fd = None, -1
    for path, mode, start, size in pieces:
        folder, _, name = path.rpartition("/")
        if folder != last:
            last, folder_fd = folder, tree.folder(folder)
        data = buffer[start : start + size]
        if tree.exact:
            tree.file(path, mode, data)
        else:
            fd = create(name, _CREATE, mode, dir_fd=folder_fd)
            try:
                if write(fd, data) != size:
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)
            finally:
                close(fd)
        names = placeholders(data)
        if names is not None:
            marked.append((path, names))
    return marked


class _Unpacking:
    """One run. Small files are collected per chunk, so that they are written in one go, here or elsewhere."""

    def __init__(self, window: Window, tree: Tree, report: Callable[[int], None] | None, helper: Helper | None) -> None:
        self._window, self._tree, self._report, self._helper = window, tree, report, helper
        self._manifest = Manifest()
        self._pieces: list[Piece] = []
        self._hard_links: list[tuple[str, str]] = []
        window.before_next = self._flush

    def run(self, limits: Limits) -> Manifest:
        span, listed = self._window.span, self._manifest.entries
        for found in entries(self._window, limits):
            path, implied, kind, mode, size, _ = found
            if implied:
                self._imply(implied)
            if kind == FILE and size <= MAX_FILE and path != RULES_PATH and (start := span(size)) >= 0:
                listed[path] = _entry((FILE, mode, size, "", None))
                self._pieces.append((path, mode, start, size))
            elif kind == FILE:
                self._odd_file(path, mode, size)
            else:
                self._other(found)
        self._flush()
        if self._helper:
            self._mark(self._helper.settle())
        for path, target in self._hard_links:  # last, since the files they name are all written by now
            self._tree.hard_link(path, target)
            listed[path] = listed[target]
        return self._manifest

    def _flush(self) -> None:
        pieces, self._pieces = self._pieces, []
        if pieces and not (self._helper and self._helper.take(pieces)):
            self._mark(write_pieces(self._tree, self._window.buffer, pieces))
        if self._report:
            self._report(len(self._manifest.entries))

    def _mark(self, marked: Marked) -> None:
        listed = self._manifest.entries
        for path, names in marked:
            listed[path] = listed[path]._replace(names=names)

    def _imply(self, folders: Sequence[str]) -> None:
        for folder in folders:
            self._tree.directory(folder, DIRECTORY_MODE)
            self._manifest.entries[folder] = Entry(DIRECTORY, DIRECTORY_MODE)

    def _odd_file(self, path: str, mode: int, size: int) -> None:
        """The template's rules, a large file, or one that lies across two chunks."""
        if path == RULES_PATH:
            self._manifest.rules_text = read_rules(self._window, size)
        elif size > MAX_FILE:
            self._manifest.entries[path] = Entry(FILE, mode, size)
            self._tree.large_file(path, mode, self._window.pieces(size))
        else:
            data = self._window.take(size)
            self._manifest.entries[path] = Entry(FILE, mode, size, "", placeholders(data))
            self._tree.file(path, mode, data)

    def _other(self, found: Found) -> None:
        path, _, kind, mode, _, target = found
        if kind == LINK:
            self._tree.link(path, target)
        elif kind == HARD_LINK:
            self._hard_links.append((path, target))
        elif path in self._manifest.entries:
            self._tree.change_mode(path, mode)
        else:
            self._tree.directory(path, mode)
        record(self._manifest, found)


class Tree:
    """A directory being filled. Keeps the folders it wrote to last open.

    `exact` gives modes that no umask narrows; an owner can be given only by root.
    """

    def __init__(self, root: int, *, exact: bool = False, owner: tuple[int, int] | None = None) -> None:
        self._root, self.exact, self._owner = root, exact or owner is not None, owner
        self._open: OrderedDict[str, int] = OrderedDict()
        self._last, self._last_fd = "", root

    def __enter__(self) -> Tree:
        return self

    def __exit__(self, *exc: object) -> None:
        for fd in self._open.values():
            os.close(fd)
        self._open.clear()

    def file(self, path: str, mode: int, data: bytes) -> None:
        folder, _, name = path.rpartition("/")
        fd = os.open(name, _CREATE, mode, dir_fd=self._last_fd if folder == self._last else self.folder(folder))
        try:
            if self.exact:
                self._settle(fd, mode)
            written = os.write(fd, data)
            while written < len(data):
                written += os.write(fd, data[written:])
        finally:
            os.close(fd)

    def large_file(self, path: str, mode: int, pieces: Iterable[memoryview]) -> None:
        folder, _, name = path.rpartition("/")
        fd = os.open(name, _CREATE, mode, dir_fd=self.folder(folder))
        try:
            if self.exact:
                self._settle(fd, mode)
            for piece in pieces:
                written = os.write(fd, piece)
                while written < len(piece):
                    written += os.write(fd, piece[written:])
        finally:
            os.close(fd)

    def directory(self, path: str, mode: int) -> None:
        folder, _, name = path.rpartition("/")
        os.mkdir(name, mode, dir_fd=self.folder(folder))
        if self.exact:
            self._settle(self.folder(path), mode)

    def change_mode(self, path: str, mode: int) -> None:
        os.fchmod(self.folder(path), mode)

    def link(self, path: str, target: str) -> None:
        folder, _, name = path.rpartition("/")
        fd = self.folder(folder)
        os.symlink(target, name, dir_fd=fd)
        if self._owner:
            os.chown(name, *self._owner, dir_fd=fd, follow_symlinks=False)

    def whiteout(self, path: str) -> None:
        """A mark that hides the path of every layer below, where the tree is one of an overlay."""
        folder, _, name = path.rpartition("/")
        os.mknod(name, stat.S_IFCHR, os.makedev(0, 0), dir_fd=self.folder(folder))

    def hard_link(self, path: str, target: str) -> None:
        folder, _, name = path.rpartition("/")
        source, _, source_name = target.rpartition("/")
        source_fd = os.dup(self.folder(source))
        try:
            os.link(source_name, name, src_dir_fd=source_fd, dst_dir_fd=self.folder(folder), follow_symlinks=False)
        finally:
            os.close(source_fd)

    def _settle(self, fd: int, mode: int) -> None:
        """Owner first: giving a file away may clear bits of its mode."""
        if self._owner:
            os.fchown(fd, *self._owner)
        os.fchmod(fd, mode)

    def folder(self, folder: str) -> int:
        """A folder's descriptor. Open until 64 others were used since; component by component where it is not."""
        if not folder:
            fd = self._root
        elif folder in self._open:
            fd = self._open[folder]
            self._open.move_to_end(folder)
        else:
            parent, _, name = folder.rpartition("/")
            fd = os.open(name, _OPEN, dir_fd=self.folder(parent))
            self._open[folder] = fd
            if len(self._open) > _OPEN_DIRECTORIES:
                os.close(self._open.popitem(last=False)[1])
        self._last, self._last_fd = folder, fd
        return fd
