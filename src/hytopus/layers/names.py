"""Which paths and link targets a layer may hold. The packer and the unpacker obey the same rules.

A link may climb (`..`) only at its start and never above the layer's root. Since the folders of an entry are always
real ones, no chain of such links leaves the directory, however layers are combined.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import Final

from hytopus.layers.manifest import DIRECTORY

MAX_NAME: Final = 255
MAX_PATH: Final = 3_500
"""Bytes; leaves room for the node's own folders below the kernel's 4,096."""

NONE: Final[Sequence[str]] = ()
_SPECIAL: Final = frozenset({"", ".", ".."})
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


class BadName(ValueError):
    """`rule` completes the sentence "… is refused:"."""

    def __init__(self, rule: str) -> None:
        super().__init__(rule)
        self.rule = rule


class Paths:
    """The paths of one layer so far; refuses those that could not stand beside each other."""

    __slots__ = ("_explicit", "_folded", "directories")

    def __init__(self) -> None:
        self.directories: set[str] = {""}
        self._explicit: set[str] = {""}
        self._folded: dict[str, str] = {}

    def admit(self, raw: str) -> bool:
        """Take a file's path as it is, if a glance shows that nothing is wrong with it. Most need no more."""
        folder, _, name = raw.rpartition("/")
        if (
            folder not in self.directories
            or name in _SPECIAL
            or not (raw.isascii() and raw.isprintable() and len(raw) <= MAX_NAME)
            or raw[0] == "/"
        ):
            return False
        key = raw.lower()
        if key in self._folded:
            return False
        self._folded[key] = raw
        return True

    def add(self, raw: str, kind: str) -> tuple[str, Sequence[str]]:
        """The clean path of an entry and the folders it implies that were not known yet, outermost first.

        Raises `BadName`. The path is empty for the root itself.
        """
        path = clean(raw)
        if kind == DIRECTORY:
            return path, self._add_directory(path)
        if not path:
            raise BadName("only a directory may be the root")
        implied = self._imply(path.rpartition("/")[0])
        self._claim(path)
        return path, implied

    def _add_directory(self, path: str) -> list[str]:
        if path in self.directories:
            if path and path in self._explicit:
                raise BadName("the name occurs twice")
            self._explicit.add(path)
            return []
        implied = self._imply(path)
        self._explicit.add(path)
        return implied[:-1]

    def _imply(self, path: str) -> list[str]:
        """Make a folder and those above it known; returns the new ones."""
        new: list[str] = []
        while path not in self.directories:
            new.append(path)
            path = path.rpartition("/")[0]
        new.reverse()
        for one in new:
            self._claim(one)
            self.directories.add(one)
        return new

    def _claim(self, path: str) -> None:
        key = path.lower() if path.isascii() else fold(path)
        other = self._folded.get(key)
        if other is None:
            self._folded[key] = path
            return
        if other != path:
            raise BadName(f"it differs from {other!r} only by case or Unicode form")
        raise BadName("the name occurs twice, or something lies below a file or a link")


def clean(raw: str) -> str:
    """A path without `.` and empty components; raises `BadName` for what no layer may hold."""
    if raw.startswith("/"):
        raise BadName("the path is absolute")
    if _CONTROL.search(raw):
        raise BadName("the name has control characters or is not valid UTF-8")
    parts = [part for part in raw.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise BadName("the path climbs with `..`")
    path = "/".join(parts)
    if len(path.encode()) > MAX_PATH or any(len(part.encode()) > MAX_NAME for part in parts):
        raise BadName("the name is too long")
    return path


def check_link(path: str, target: str) -> None:
    """Raises `BadName` where a symbolic link could lead out of the directory."""
    if not target:
        raise BadName("the link has no target")
    if target.startswith("/"):
        raise BadName("the link's target is absolute")
    if _CONTROL.search(target) or len(target.encode()) > MAX_PATH:
        raise BadName("the link's target has control characters or is too long")
    parts = [part for part in target.split("/") if part not in ("", ".")]
    climbs = 0
    while climbs < len(parts) and parts[climbs] == "..":
        climbs += 1
    if climbs > path.count("/"):
        raise BadName("the link leads out of the directory")
    if ".." in parts[climbs:]:
        raise BadName("the link's target has `..` after a name, which may lead out of the directory")


def fold(path: str) -> str:
    """What two names have in common that a case-folding or normalising file system takes for one."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", path).casefold())
