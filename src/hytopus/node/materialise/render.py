"""Files with their placeholders replaced, shared by every start that has the same layers and the same values."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from hytopus.layers.substitute import Unresolved, substitute, unresolved_error
from hytopus.layers.unpack import Tree
from hytopus.node.cache import shelf
from hytopus.node.cache.cache import CachedLayer
from hytopus.node.cache.disk import RENDERED, Disk
from hytopus.node.cache.download import Owner
from hytopus.node.materialise.plan import Plan, make_folders, make_root


def render(
    disk: Disk, plan: Plan, layers: Sequence[CachedLayer], variables: Mapping[str, str], owner: Owner
) -> str | None:
    """The key of a rendered tree, which is made where it is not there yet; None where no file has placeholders.

    Raises `UnresolvedVariables` with all of them, and leaves nothing then.
    """
    if not plan.substituted:
        return None
    key = _key(plan, variables)
    if (disk.root / RENDERED / key).is_dir():
        return key
    scratch = disk.scratch()
    try:
        make_root(scratch / shelf.TREE, owner)
        _write(scratch / shelf.TREE, plan, layers, variables, owner)
        disk.place(scratch, RENDERED, key)
    except BaseException:
        disk.throw(scratch)
        raise
    return key


def _key(plan: Plan, variables: Mapping[str, str]) -> str:
    names = {name for one in plan.substituted for name in one.names}
    values = sorted((name, variables[name]) for name in names if name in variables)
    return hashlib.sha256(json.dumps([plan.key, values]).encode()).hexdigest()[:32]


def _write(target: Path, plan: Plan, layers: Sequence[CachedLayer], variables: Mapping[str, str], owner: Owner) -> None:
    unresolved: list[Unresolved] = []
    allowed = [frozenset(layer.rules.substitute.allow_unresolved) for layer in layers]
    root = os.open(target, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with Tree(root, exact=True, owner=owner) as tree:
            make_folders(tree, plan.folders, [one.path for one in plan.substituted])
            for path, index, mode, _ in plan.substituted:
                layer = layers[index]
                data, missing = substitute((layer.tree / path).read_bytes(), variables, allow=allowed[index])
                unresolved += [Unresolved(layer.name, path, line, name) for line, name in missing]
                tree.file(path, mode, data)
    finally:
        os.close(root)
    if unresolved:
        raise unresolved_error(unresolved)
