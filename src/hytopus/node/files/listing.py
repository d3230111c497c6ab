"""Lists of files as they travel to the Brain. Blocking."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import islice
from typing import Any, Final

from hytopus.layers.globs import matches_any
from hytopus.layers.manifest import DIRECTORY, FILE, LINK
from hytopus.node.files.names import shown
from hytopus.node.files.own import OTHER
from hytopus.node.files.tree import FileTree, Item

LIMIT: Final = 1_000
"""Items in one answer."""
SCANNED: Final = 200_000
"""Paths that a search looks at; a hostile server may make any number of them."""

KINDS: Final = {FILE: "file", DIRECTORY: "folder", LINK: "link", OTHER: "special"}


def list_folder(tree: FileTree, folder: str, *, after: str = "", limit: int = LIMIT) -> dict[str, Any]:
    """What lies in a folder, a page of it."""
    return _page(tree, tree.folder(folder), after, limit)


def search(tree: FileTree, glob: str, *, after: str = "", limit: int = LIMIT) -> dict[str, Any]:
    """What matches a glob, folders left out, a page of it. `complete` is false where there were too many to look at."""
    scanned = 0

    def matching() -> Iterator[Item]:
        nonlocal scanned
        for item in islice(tree.walk(), SCANNED):
            scanned += 1
            if item.kind != DIRECTORY and matches_any(shown(item.path), (glob,)):
                yield item

    page = _page(tree, matching(), after, limit)
    return {**page, "complete": scanned < SCANNED}


def as_dict(tree: FileTree, item: Item) -> dict[str, Any]:
    modified = datetime.fromtimestamp(item.modified, UTC).isoformat() if item.modified is not None else None
    return {
        "path": shown(item.path),
        "kind": KINDS[item.kind],
        "size": item.size,
        "mode": item.mode,
        "modified_at": modified,
        "target": shown(item.target),
        "layer": tree.layers[item.layer].name if item.layer is not None else None,
        "overrode": tree.overrode(item),
        "substituted": item.substituted,
        "change": item.change.value,
    }


def _page(tree: FileTree, items: Iterable[Item], after: str, limit: int) -> dict[str, Any]:
    limit = max(1, min(limit, LIMIT))
    named = sorted((name, index, item) for index, item in enumerate(items) if (name := shown(item.path)) > after)
    page = [item for _, _, item in named[:limit]]
    files = [as_dict(tree, item) for item in page]
    return {"files": files, "next": files[-1]["path"] if len(named) > limit else None, "complete": True}
