"""What differs between two templates, each a directory or a tarball."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from hytopus.layers.archive import HARD_LINK, Limits, entries
from hytopus.layers.compression import open_window
from hytopus.layers.manifest import DIRECTORY, DIRECTORY_MODE, FILE, LINK
from hytopus.layers.pack import items


class Kind(StrEnum):
    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"
    MODE = "mode"


@dataclass(frozen=True, slots=True)
class Difference:
    """One path that is not the same; `detail` says how, for a person."""

    path: str
    kind: Kind
    detail: str


class _Item(NamedTuple):
    kind: str
    mode: int
    size: int
    content: str
    """A file's digest, a link's target."""


def diff(old: Path, new: Path) -> list[Difference]:
    """From old to new, by path. Raises an archive error, or `PackRefused` for what no template may hold."""
    before, after = _read(old), _read(new)
    return [
        difference
        for path in sorted(before.keys() | after.keys())
        if (difference := _compare(path, before.get(path), after.get(path)))
    ]


def _compare(path: str, before: _Item | None, after: _Item | None) -> Difference | None:
    if before is None:
        assert after
        return Difference(path, Kind.ADDED, _describe(after))
    if after is None:
        return Difference(path, Kind.REMOVED, _describe(before))
    if before.kind != after.kind or before.content != after.content:
        return Difference(path, Kind.CHANGED, f"{_describe(before)} → {_describe(after)}")
    if before.mode != after.mode:
        return Difference(path, Kind.MODE, f"{before.mode:04o} → {after.mode:04o}")
    return None


def _describe(item: _Item) -> str:
    if item.kind == FILE:
        return f"{item.size} bytes"
    return "directory" if item.kind == DIRECTORY else f"link to {item.content}"


def _read(source: Path) -> dict[str, _Item]:
    return dict(_directory(source)) if source.is_dir() else _tarball(source)


def _directory(source: Path) -> Iterator[tuple[str, _Item]]:
    for item in items(source):
        content = item.target
        if item.kind == FILE:
            with item.source.open("rb") as file:
                content = hashlib.file_digest(file, "sha256").hexdigest()
        yield item.path, _Item(item.kind, item.mode, item.size, content)


def _tarball(source: Path) -> dict[str, _Item]:
    found: dict[str, _Item] = {}
    with source.open("rb") as file:
        window = open_window(file.read)
        for path, implied, kind, mode, size, target in entries(window, Limits()):
            for folder in implied:
                found[folder] = _Item(DIRECTORY, DIRECTORY_MODE, 0, "")
            if kind == HARD_LINK:
                found[path] = found[target]
            elif kind == FILE:
                digest = hashlib.sha256()
                for piece in window.pieces(size):
                    digest.update(piece)
                found[path] = _Item(kind, mode, size, digest.hexdigest())
            else:
                found[path] = _Item(kind, mode, 0, target if kind == LINK else "")
    return found
