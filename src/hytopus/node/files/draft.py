"""What layers would give with certain values: each file with placeholders, rendered in memory. Blocking."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from hytopus.layers.substitute import substitute
from hytopus.node.files.names import shown
from hytopus.node.files.read import TEXT_LIMIT, View, encoding_of, read_upto, view
from hytopus.node.files.secrets import Secrets
from hytopus.node.files.tree import FileTree

NOTHING = Secrets({}, ())


def rendered(tree: FileTree, path: str, values: Mapping[str, str]) -> tuple[bytes, list[tuple[int, str]]]:
    """A file with placeholders as it would be, and what would stay unresolved as (line, name)."""
    one = tree.substituted[path]
    allowed = frozenset(tree.layers[one.layer].rules.substitute.allow_unresolved)
    return substitute(_read(tree, path), values, allow=allowed)


def configs(tree: FileTree, values: Mapping[str, str]) -> dict[str, Any]:
    """Every file that would be rendered, with what it uses and what it lacks; and required files that are missing."""
    found = []
    for path in sorted(tree.substituted):
        data, unresolved = rendered(tree, path, values)
        one = tree.substituted[path]
        found.append(
            {
                "path": shown(path),
                "layer": tree.layers[one.layer].name,
                "size": len(data),
                "names": list(one.names),
                "unresolved": _places(unresolved),
            }
        )
    missing = [{"path": shown(path), "layer": layer} for path, layer in tree.merged.missing]
    return {"configs": found, "missing": missing}


def draft_view(tree: FileTree, path: str, values: Mapping[str, str] | None) -> dict[str, Any]:
    """One file, rendered where there are values, and then with its source. Raises `FileMissing`, `NotAFile`."""
    item = tree.find(path)
    source = view(tree, item, NOTHING)
    if values is None or path not in tree.substituted:
        return {"view": source, "source": None, "unresolved": []}
    data, unresolved = rendered(tree, path, values)
    return {"view": view_of(data), "source": source.text, "unresolved": _places(unresolved)}


def view_of(data: bytes) -> View:
    """Of bytes that are in memory, and small."""
    cut = len(data) > TEXT_LIMIT
    encoding = encoding_of(data[:TEXT_LIMIT], cut=cut)
    text = "" if encoding == "binary" else data[:TEXT_LIMIT].decode("utf-8", "replace")
    return View(text, encoding, len(data), "", cut, ())


def _read(tree: FileTree, path: str) -> bytes:
    fd = tree.open_template(path)
    try:
        return read_upto(fd, os.fstat(fd).st_size)
    finally:
        os.close(fd)


def _places(unresolved: list[tuple[int, str]]) -> list[dict[str, Any]]:
    return [{"line": line, "name": name} for line, name in unresolved]
