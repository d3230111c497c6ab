"""Looking into a directory that a game server may fill with anything, and that may change under the look.

Every path is opened component by component below an open directory and never through a link, so there is nothing to
race against. What is no ordinary file is never opened: a FIFO would block, a device might act.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from hytopus.node.files.errors import FileMissing, NotAFile, NotAFolder
from hytopus.node.files.names import shown

_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_LOOK: Final = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC
_GONE: Final = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP})


class Trace(NamedTuple):
    """What is at a path; `covered` says that what lower directories have there does not show through."""

    status: os.stat_result | None
    covered: bool


class Beneath:
    """A directory, held open. Not for use on the event loop."""

    def __init__(self, root: Path) -> None:
        self.fd = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)

    def __enter__(self) -> Beneath:
        return self

    def __exit__(self, *exc: object) -> None:
        os.close(self.fd)

    def trace(self, path: str) -> Trace:
        """As an overlay would see this directory over lower ones."""
        *parents, name = path.split("/") if path else ("", "")
        covered = False
        fd = os.dup(self.fd)
        try:
            for parent in parents if path else ():
                status = _status(parent, fd)
                if status is None:
                    return Trace(None, covered)
                if (deeper := _enter(parent, fd)) is None:
                    return Trace(None, True)
                os.close(fd)
                fd = deeper
                covered = covered or is_opaque(fd)
            if not path:
                return Trace(os.fstat(fd), is_opaque(fd))
            return self._last(name, fd, covered)
        finally:
            os.close(fd)

    def scan(self, path: str) -> dict[str, os.stat_result]:
        """What lies in a folder, by name; empty where there is none."""
        try:
            with self.folder(path) as fd, os.scandir(fd) as found:
                return {entry.name: status for entry in found if (status := _status(entry.name, fd)) is not None}
        except (FileMissing, NotAFolder):
            return {}

    @contextmanager
    def folder(self, path: str) -> Iterator[int]:
        """An open folder. Raises `FileMissing` or `NotAFolder`."""
        fd = os.dup(self.fd)
        try:
            for part in path.split("/") if path else ():
                if (deeper := _enter(part, fd)) is None:
                    status = _status(part, fd)
                    raise FileMissing(path=shown(path)) if status is None else _no_folder(path, status)
                os.close(fd)
                fd = deeper
            yield fd
        finally:
            os.close(fd)

    def open_file(self, path: str) -> int:
        """A descriptor of an ordinary file, to be closed by the caller. Raises `FileMissing` or `NotAFile`."""
        folder, _, name = path.rpartition("/")
        with self.folder(folder) as fd:
            return open_regular(name, fd, path)

    def read_link(self, path: str) -> str:
        """A link's target; empty where there is no link any more."""
        folder, _, name = path.rpartition("/")
        try:
            with self.folder(folder) as fd:
                return os.readlink(name, dir_fd=fd)
        except (OSError, FileMissing, NotAFolder):
            return ""

    def _last(self, name: str, fd: int, covered: bool) -> Trace:
        status = _status(name, fd)
        if status is None:
            return Trace(None, covered)
        if not stat.S_ISDIR(status.st_mode):
            return Trace(status, True)
        if (own := _enter(name, fd)) is None:
            return Trace(status, True)
        try:
            return Trace(status, covered or is_opaque(own))
        finally:
            os.close(own)


def open_regular(name: str, folder: int, path: str) -> int:
    """Look first, open then, and both at the very same thing."""
    try:
        looking = os.open(name, _LOOK, dir_fd=folder)
    except OSError as error:
        if error.errno in _GONE:
            raise FileMissing(path=shown(path)) from error
        raise
    try:
        status = os.fstat(looking)
        if not stat.S_ISREG(status.st_mode):
            raise NotAFile(path=shown(path), what=describe(status.st_mode))
        return os.open(f"/proc/self/fd/{looking}", os.O_RDONLY | os.O_CLOEXEC)
    finally:
        os.close(looking)


def is_opaque(fd: int) -> bool:
    """Whether a folder of an overlay's upper directory hides the folders of its name below."""
    for name in ("trusted.overlay.opaque", "user.overlay.opaque"):
        try:
            if os.getxattr(fd, name) == b"y":
                return True
        except OSError:
            continue
    return False


def is_whiteout(status: os.stat_result) -> bool:
    """An overlay's mark for "deleted here"."""
    return stat.S_ISCHR(status.st_mode) and status.st_rdev == 0


def describe(mode: int) -> str:
    """For a sentence."""
    names = (
        (stat.S_ISDIR, "a folder"),
        (stat.S_ISLNK, "a link"),
        (stat.S_ISFIFO, "a FIFO"),
        (stat.S_ISSOCK, "a socket"),
        (stat.S_ISREG, "a file"),
    )
    return next((name for check, name in names if check(mode)), "a device")


def _no_folder(path: str, status: os.stat_result) -> FileMissing | NotAFolder:
    if is_whiteout(status):
        return FileMissing(path=shown(path))
    return NotAFolder(path=shown(path), what=describe(status.st_mode))


def _enter(name: str, fd: int) -> int | None:
    try:
        return os.open(name, _FOLDER, dir_fd=fd)
    except OSError as error:
        if error.errno in _GONE:
            return None
        raise


def _status(name: str, fd: int) -> os.stat_result | None:
    try:
        return os.stat(name, dir_fd=fd, follow_symlinks=False)
    except FileNotFoundError:
        return None
