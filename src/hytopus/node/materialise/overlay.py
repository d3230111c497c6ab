"""The mount options of an overlay: which lower directories, in which order, and how to keep them short enough."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, TypeVar

from hytopus.layers.manifest import FILE
from hytopus.layers.merge import Layer, merge
from hytopus.layers.rules import TemplateRules
from hytopus.layers.unpack import Tree
from hytopus.node.cache import shelf
from hytopus.node.cache.cache import CachedLayer
from hytopus.node.cache.disk import SQUASHED, Disk
from hytopus.node.cache.download import Owner
from hytopus.node.materialise.plan import make_root
from hytopus.node.runtime.base import OverlayMount

_T = TypeVar("_T")

OPTIONS_LIMIT: Final = 4095 - 128
"""Bytes. The kernel cuts what is longer without a word; the rest is for options the engine adds."""


def options_size(mount: OverlayMount) -> int:
    return len(f"lowerdir={':'.join(mount.lower)},upperdir={mount.upper},workdir={mount.work}")


def stack(items: Sequence[_T], key: Callable[[_T], str]) -> list[_T]:
    """Without the lower of two equal trees, which the kernel refuses and which never shows anyhow."""
    kept = {key(item): item for item in reversed(items)}
    return list(kept.values())[::-1]


def squash(disk: Disk, layers: Sequence[CachedLayer], owner: Owner) -> str:
    """The key of one tree that shows what the layers show, bottom first; made of hard links where it is missing.

    Removal rules are left to the plan's whiteouts, as in a stack that is not squashed.
    """
    key = hashlib.sha256("\n".join(layer.checksum for layer in layers).encode()).hexdigest()[:20]
    if (disk.root / SQUASHED / key).is_dir():
        return key
    scratch = disk.scratch()
    try:
        make_root(scratch / shelf.TREE, owner)
        _fill(disk, scratch / shelf.TREE, layers, owner)
        disk.place(scratch, SQUASHED, key)
    except BaseException:
        disk.throw(scratch)
        raise
    return key


def _fill(disk: Disk, target: Path, layers: Sequence[CachedLayer], owner: Owner) -> None:
    plain = [Layer(layer.name, shelf.read_manifest(disk, layer.link), TemplateRules()) for layer in layers]
    view = merge(plain).view
    root = os.open(target, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with Tree(root, exact=True, owner=owner) as tree:
            for path in sorted(view):
                index, entry = view[path]
                if entry.kind == FILE:
                    os.link(layers[index].tree / path, target / path, follow_symlinks=False)
                elif entry.target:
                    tree.link(path, entry.target)
                else:
                    tree.directory(path, entry.mode)
    finally:
        os.close(root)
