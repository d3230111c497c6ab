"""Layers, and over them what an instance made of them, as one tree of files. Blocking: it runs in a thread."""

from __future__ import annotations

import os
import stat
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from hytopus.layers.manifest import DIRECTORY, FILE, LINK
from hytopus.layers.merge import Layer, Merged, Placed, Substituted
from hytopus.node.files.beneath import Beneath, Trace
from hytopus.node.files.errors import FileMissing, NotAFile, NotAFolder
from hytopus.node.files.names import shown
from hytopus.node.files.own import OTHER, Change, OwnFiles, kind_of
from hytopus.node.materialise.clone import Sources

_WORDS = {DIRECTORY: "a folder", LINK: "a link", FILE: "a file", OTHER: "a device, a FIFO or a socket"}


@dataclass(frozen=True, slots=True)
class Item:
    """One path. `layer` is the index of the layer it came from; None for what the instance added.

    `own` says that its bytes lie in the instance's directory and not in a layer.
    """

    path: str
    kind: str
    mode: int
    size: int
    target: str
    modified: float | None
    layer: int | None
    change: Change
    substituted: bool
    own: bool


class FileTree:
    """Open it with `with`; without `own` it is what the layers alone would give."""

    def __init__(self, layers: Sequence[Layer], merged: Merged, sources: Sources, own: OwnFiles | None = None) -> None:
        self.layers, self.merged, self.sources, self.own = layers, merged, sources, own
        self._exit = ExitStack()
        self._beneath: Beneath | None = None

    def __enter__(self) -> FileTree:
        if self.own:
            self._beneath = self._exit.enter_context(Beneath(self.own.root))
        return self

    def __exit__(self, *exc: object) -> None:
        self._exit.close()

    @property
    def beneath(self) -> Beneath:
        assert self._beneath, "only of an instance, and inside `with`"
        return self._beneath

    @cached_property
    def substituted(self) -> dict[str, Substituted]:
        return {one.path: one for one in self.merged.substituted}

    @cached_property
    def children(self) -> dict[str, list[str]]:
        """Paths that layers bring, by the folder they lie in."""
        found: dict[str, list[str]] = defaultdict(list)
        for path in self.merged.view:
            found[path.rpartition("/")[0]].append(path)
        return found

    def overrode(self, item: Item) -> list[str]:
        """The layers whose file the winner replaced, nearest first."""
        if item.layer is None or item.kind == DIRECTORY:
            return []
        below = range(item.layer - 1, -1, -1)
        return [self.layers[index].name for index in below if item.path in self.layers[index].manifest.entries]

    def trace(self, path: str) -> Trace:
        """What the instance itself has at a path, and whether layers are hidden there."""
        return self.own.trace(self.beneath, path) if self.own else Trace(None, False)

    def find(self, path: str) -> Item:
        """Raises `FileMissing`; what was deleted is missing."""
        status, covered = self.trace(path)
        item = self._item(path, status, covered=covered)
        if item is None or item.change is Change.DELETED:
            raise FileMissing(path=shown(path))
        return item

    def change_of(self, path: str) -> Change:
        """What the instance has done at a path."""
        status, covered = self.trace(path)
        item = self._item(path, status, covered=covered)
        return item.change if item else Change.NONE

    def folder(self, path: str) -> list[Item]:
        """What lies in a folder, sorted, what was deleted from it included. Raises `FileMissing` or `NotAFolder`."""
        if path and (found := self.find(path)).kind != DIRECTORY:
            raise NotAFolder(path=shown(path), what=_WORDS[found.kind])
        covered = self.trace(path).covered
        own = self.beneath.scan(path) if self.own else {}
        paths = {f"{path}/{name}" if path else name: status for name, status in own.items()}
        known = sorted({*paths, *self.children.get(path, ())})
        return [item for one in known if (item := self._item(one, paths.get(one), covered=covered))]

    def walk(self) -> Iterator[Item]:
        """Everything, in the order of its paths' components."""
        pending = [iter(self.folder(""))]
        while pending:
            item = next(pending[-1], None)
            if item is None:
                pending.pop()
                continue
            yield item
            if item.kind == DIRECTORY and item.change is not Change.DELETED:
                pending.append(iter(self._folder_if_there(item.path)))

    def open(self, item: Item) -> int:
        """A descriptor of an ordinary file, to be closed by the caller. Raises `NotAFile` or `FileMissing`."""
        if item.kind != FILE:
            raise NotAFile(path=shown(item.path), what=_WORDS[item.kind])
        if item.own:
            return self.beneath.open_file(item.path)
        return self.open_source(item.path)

    def open_source(self, path: str) -> int:
        """The bytes as they were prepared."""
        _, source = self.sources.of(path, self.merged.view[path].layer)
        return _open_below(source, path)

    def open_template(self, path: str) -> int:
        """The bytes as the layer has them, placeholders included."""
        placed = self.merged.view[path]
        return _open_below(self.sources.trees[placed.layer] / path, path)

    def _folder_if_there(self, path: str) -> list[Item]:
        """The server may remove a folder while it is listed."""
        try:
            return self.folder(path)
        except (FileMissing, NotAFolder):
            return []

    def _item(self, path: str, status: os.stat_result | None, *, covered: bool) -> Item | None:
        placed = self.merged.view.get(path)
        if status is None:
            if placed is None:
                return None
            return self._placed(path, placed, Change.DELETED if covered else Change.NONE)
        assert self.own, "nothing else has a status"
        change = self.own.change(self.beneath, path, status, placed)
        if change is None:
            return None
        if change is Change.DELETED:
            return self._placed(path, placed, change) if placed else None
        return self._own(path, status, placed, change)

    def _placed(self, path: str, placed: Placed, change: Change) -> Item:
        layer, entry = placed
        size = entry.size
        if path in self.substituted and self.sources.rendered and change is Change.NONE:
            size = (self.sources.rendered / path).lstat().st_size
        return Item(
            path, entry.kind, entry.mode, size, entry.target, None, layer, change, path in self.substituted, own=False
        )

    def _own(self, path: str, status: os.stat_result, placed: Placed | None, change: Change) -> Item:
        kind = kind_of(status.st_mode)
        return Item(
            path,
            kind,
            stat.S_IMODE(status.st_mode),
            status.st_size if kind == FILE else 0,
            self.beneath.read_link(path) if kind == LINK else "",
            status.st_mtime,
            placed.layer if placed and change is not Change.ADDED else None,
            change,
            path in self.substituted,
            own=True,
        )


def _open_below(source: Path, path: str) -> int:
    """From a tree that nobody writes to any more; its folders are real ones."""
    depth = path.count("/") + 1
    with Beneath(source.parents[depth - 1]) as tree:
        return tree.open_file(path)
