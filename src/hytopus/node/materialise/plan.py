"""What preparing a stack of layers takes, worked out once and kept under the layers' checksums.

With it a start costs as much as its files with placeholders, however many files the layers have.
"""

from __future__ import annotations

import hashlib
import json
import os
import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, TypeVar

from hytopus.layers.errors import RequiredFileMissing
from hytopus.layers.merge import Layer, Merged, Substituted, merge
from hytopus.layers.unpack import Tree
from hytopus.node.cache import shelf
from hytopus.node.cache.cache import CachedLayer
from hytopus.node.cache.disk import PLANS, Disk
from hytopus.node.cache.download import Owner

_T = TypeVar("_T")

_FORMAT: Final = 1
_FILE: Final = "plan.json"
_KEPT: Final = 64
_KEPT_WHOLE: Final = 4
ROOT_MODE: Final = 0o755


@dataclass(frozen=True, slots=True)
class Plan:
    """`folders` are the modes of the folders that substituted files and whiteouts lie in, outermost first."""

    key: str
    base: int
    files: int
    bytes: int
    substituted: tuple[Substituted, ...]
    whiteouts: tuple[str, ...]
    folders: dict[str, int]
    missing: tuple[tuple[str, str], ...]

    def check(self) -> None:
        """The consistency check; raises `RequiredFileMissing`."""
        if self.missing:
            raise RequiredFileMissing(
                paths=", ".join(f"{path!r} (asked for by {layer})" for path, layer in self.missing)
            )


class Plans:
    """Plans by their layers: in memory, on disk, or made. Not for use on the event loop."""

    def __init__(self, disk: Disk, owner: Owner) -> None:
        self._disk, self._owner = disk, owner
        self._plans: OrderedDict[str, Plan] = OrderedDict()
        self._merged: OrderedDict[str, Merged] = OrderedDict()
        self._layers: OrderedDict[str, list[Layer]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, layers: Sequence[CachedLayer]) -> Plan:
        key = plan_key([layer.checksum for layer in layers])
        plan = self._plans.get(key)
        if plan is None or not (self.folder(key) / _FILE).exists():
            plan = self._load(key) or self._make(key, layers)
        self._remember(self._plans, key, plan, _KEPT)
        return plan

    def merged(self, layers: Sequence[CachedLayer]) -> Merged:
        """The whole view, path by path."""
        key = plan_key([layer.checksum for layer in layers])
        merged = self._merged.get(key) or merge(read_layers(self._disk, layers))
        self._remember(self._merged, key, merged, _KEPT_WHOLE)
        return merged

    def layers(self, layers: Sequence[CachedLayer]) -> list[Layer]:
        """The layers with their manifests; not to be changed."""
        key = json.dumps([[layer.name, layer.checksum] for layer in layers])
        found = self._layers.get(key) or read_layers(self._disk, layers)
        self._remember(self._layers, key, found, _KEPT_WHOLE)
        return found

    def folder(self, key: str) -> Path:
        return self._disk.root / PLANS / key

    def _remember(self, kept: OrderedDict[str, _T], key: str, value: _T, limit: int) -> None:
        with self._lock:
            kept[key] = value
            kept.move_to_end(key)
            while len(kept) > limit:
                kept.popitem(last=False)

    def _load(self, key: str) -> Plan | None:
        try:
            data = json.loads((self.folder(key) / _FILE).read_text())
        except (OSError, ValueError):
            return None
        if data.pop("format", None) != _FORMAT:
            return None
        return Plan(
            **data
            | {
                "substituted": tuple(
                    Substituted(path, layer, mode, tuple(names)) for path, layer, mode, names in data["substituted"]
                ),
                "whiteouts": tuple(data["whiteouts"]),
                "missing": tuple((path, layer) for path, layer in data["missing"]),
            }
        )

    def _make(self, key: str, layers: Sequence[CachedLayer]) -> Plan:
        plan = _plan(key, self.merged(layers))
        scratch = self._disk.scratch()
        try:
            (scratch / _FILE).write_text(json.dumps({"format": _FORMAT, **asdict(plan)}))
            _write_whiteouts(scratch, plan, self._owner)
            self._disk.place(scratch, PLANS, key)
        except BaseException:
            self._disk.throw(scratch)
            raise
        return plan


def plan_key(checksums: Sequence[str]) -> str:
    """Twenty hex characters that stand for the layers in their order."""
    return hashlib.sha256("\n".join([str(_FORMAT), *checksums]).encode()).hexdigest()[:20]


def read_layers(disk: Disk, layers: Sequence[CachedLayer]) -> list[Layer]:
    return [Layer(layer.name, shelf.read_manifest(disk, layer.link), layer.rules) for layer in layers]


def make_folders(tree: Tree, folders: dict[str, int], paths: Sequence[str]) -> None:
    """The folders that the paths lie in, as they are in the finished directory."""
    needed = {parent for path in paths for parent in parents(path)}
    for folder in sorted(needed):
        tree.directory(folder, folders[folder])


def parents(path: str) -> list[str]:
    found = []
    while path := path.rpartition("/")[0]:
        found.append(path)
    return found


def make_root(path: Path, owner: Owner) -> None:
    """An empty directory as the root of a tree must be: it shows through in an overlay."""
    path.mkdir()
    path.chmod(ROOT_MODE)
    if owner:
        os.chown(path, *owner)


def _plan(key: str, merged: Merged) -> Plan:
    inside = {parent for path in merged.whiteouts for parent in parents(path)}
    inside |= {parent for one in merged.substituted for parent in parents(one.path)}
    return Plan(
        key,
        merged.base,
        merged.files,
        merged.size,
        merged.substituted,
        merged.whiteouts,
        {folder: merged.view[folder].entry.mode for folder in sorted(inside)},
        merged.missing,
    )


def _write_whiteouts(scratch: Path, plan: Plan, owner: Owner) -> None:
    if not plan.whiteouts:
        return
    make_root(scratch / shelf.TREE, owner)
    root = os.open(scratch / shelf.TREE, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with Tree(root, exact=True, owner=owner) as tree:
            make_folders(tree, plan.folders, plan.whiteouts)
            for path in plan.whiteouts:
                tree.whiteout(path)
    finally:
        os.close(root)
