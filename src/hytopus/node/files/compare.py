"""From one tree to another: which paths are new, gone or different, and how small texts differ. Blocking.

Nothing is read where manifests tell enough: equal layers give equal files, and unequal sizes unequal ones.
"""

from __future__ import annotations

import difflib
import os
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from hytopus.layers.manifest import DIRECTORY, FILE, LINK
from hytopus.layers.merge import Placed
from hytopus.layers.rules import RULES_FILE
from hytopus.layers.substitute import MAX_FILE
from hytopus.node.files.draft import NOTHING, rendered, view_of
from hytopus.node.files.errors import FileMissing
from hytopus.node.files.listing import KINDS, LIMIT
from hytopus.node.files.names import shown
from hytopus.node.files.own import Change, same_bytes
from hytopus.node.files.read import View, view
from hytopus.node.files.tree import FileTree

DIFF_LIMIT: Final = 256 << 10
"""Bytes of each text that are compared line by line."""
DIFF_LINES: Final = 6_000


class Kind(StrEnum):
    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"
    MODE = "mode"


@dataclass(frozen=True, slots=True)
class Side:
    """A tree without an instance's own changes, and the values its placeholders get; None leaves them as they are."""

    tree: FileTree
    values: Mapping[str, str] | None = None

    def placed(self, path: str) -> Placed | None:
        return self.tree.merged.view.get(path)

    def renders(self, path: str) -> bool:
        return self.values is not None and path in self.tree.substituted

    def rendered(self, path: str) -> bytes:
        return rendered(self.tree, path, self.values or {})[0]

    def view(self, path: str) -> View | None:
        """None where there is no such file."""
        placed = self.placed(path)
        if placed is None or placed.entry.kind != FILE:
            return None
        if self.renders(path):
            return view_of(self.rendered(path))
        return view(self.tree, self.tree.find(path), NOTHING)


def compare(old: Side, new: Side, *, own: FileTree | None = None, after: str = "") -> dict[str, Any]:
    """A page of differences, and how many there are of each kind. `own` tells what an instance did to the old tree."""
    found: list[dict[str, Any]] = []
    counts: Counter[str] = Counter()
    more = False
    for path, kind in _differences(old, new):
        counts[kind] += 1
        name = shown(path)
        if name <= after or more:
            continue
        if len(found) == LIMIT:
            more = True
            continue
        found.append(_as_dict(name, path, kind, old, new, own))
    return {
        "files": found,
        "counts": dict(counts),
        "next": found[-1]["path"] if more else None,
        "rules_diff": _rules_diff(old.tree, new.tree),
    }


def compare_file(old: Side, new: Side, path: str) -> dict[str, Any]:
    """Both sides of one file, and the way from one to the other as a unified diff. Raises `FileMissing`."""
    before, after = old.view(path), new.view(path)
    if before is None and after is None:
        raise FileMissing(path=shown(path))
    return {"path": shown(path), "old": before, "new": after, "diff": unified(before, after, shown(path))}


def unified(before: View | None, after: View | None, name: str) -> str | None:
    """None where one of them is no text, or too long to be compared line by line."""
    for side in (before, after):
        if side is not None and (side.encoding == "binary" or side.size > DIFF_LIMIT):
            return None
    old, new = (side.text.splitlines(keepends=True) if side else [] for side in (before, after))
    if max(len(old), len(new)) > DIFF_LINES:
        return None
    lines = difflib.unified_diff(
        old, new, f"a/{name}" if before else "/dev/null", f"b/{name}" if after else "/dev/null"
    )
    return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)


def _rules_diff(old: FileTree, new: FileTree) -> str:
    """Of two versions of one template; the rules are no file of the directory."""
    if len(old.layers) != 1 or len(new.layers) != 1:
        return ""
    before, after = (view_of(tree.layers[0].manifest.rules_text.encode()) for tree in (old, new))
    return unified(before, after, RULES_FILE) or ""


def _differences(old: Side, new: Side) -> Iterator[tuple[str, Kind]]:
    """Folders count only where something else takes their place."""
    for path in sorted({*old.tree.merged.view, *new.tree.merged.view}, key=shown):
        before, after = old.placed(path), new.placed(path)
        if all(placed is None or placed.entry.kind == DIRECTORY for placed in (before, after)):
            continue
        if before is None:
            yield path, Kind.ADDED
        elif after is None:
            yield path, Kind.REMOVED
        elif _differs(path, before, after, old, new):
            yield path, Kind.CHANGED
        elif before.entry.mode != after.entry.mode and before.entry.kind != LINK:
            yield path, Kind.MODE


def _differs(path: str, before: Placed, after: Placed, old: Side, new: Side) -> bool:
    if (before.entry.kind, before.entry.target) != (after.entry.kind, after.entry.target):
        return True
    if before.entry.kind != FILE:
        return False
    if old.renders(path) or new.renders(path):
        if max(before.entry.size, after.entry.size) > MAX_FILE:
            return True
        return _bytes(old, path) != _bytes(new, path)
    if old.tree.sources.trees[before.layer] == new.tree.sources.trees[after.layer]:
        return False
    return before.entry.size != after.entry.size or not _same_sources(path, old.tree, new.tree)


def _bytes(side: Side, path: str) -> bytes:
    if side.renders(path):
        return side.rendered(path)
    fd = side.tree.open_template(path)
    try:
        with open(fd, "rb", closefd=False) as file:
            return file.read()
    finally:
        os.close(fd)


def _same_sources(path: str, one: FileTree, other: FileTree) -> bool:
    first = one.open_template(path)
    try:
        second = other.open_template(path)
        try:
            return same_bytes(first, second)
        finally:
            os.close(second)
    finally:
        os.close(first)


def _as_dict(name: str, path: str, kind: Kind, old: Side, new: Side, own: FileTree | None) -> dict[str, Any]:
    before, after = old.placed(path), new.placed(path)
    shown_entry = (after or before).entry  # type: ignore[union-attr]  # one of them is there
    return {
        "path": name,
        "change": kind.value,
        "kind": KINDS[shown_entry.kind],
        "old_layer": old.tree.layers[before.layer].name if before else None,
        "new_layer": new.tree.layers[after.layer].name if after else None,
        "old_size": before.entry.size if before else None,
        "new_size": after.entry.size if after else None,
        "own": (own.change_of(path) if own else Change.NONE).value,
    }
