"""Which layer each file of an instance came from, and what the instance itself changed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hytopus.layers.globs import matches_any
from hytopus.layers.manifest import DIRECTORY
from hytopus.layers.merge import origins
from hytopus.node.cache.cache import CachedLayer
from hytopus.node.materialise import record as records
from hytopus.node.materialise.changes import own_changes, walk
from hytopus.node.materialise.plan import read_layers
from hytopus.node.materialise.prepare import UPPER, Site, sources_of
from hytopus.node.materialise.record import Record

OWN: Final = "instance"
"""Stands for the instance itself where no layer brought a path."""


@dataclass(frozen=True, slots=True)
class Provenance:
    """A file or link, the layer it came from (`id@version`), and the layers whose file it replaced, nearest first."""

    path: str
    layer: str
    overrode: tuple[str, ...]
    substituted: bool
    changed: bool


def provenance(
    site: Site, instance_id: str, record: Record, layers: Sequence[CachedLayer], glob: str
) -> list[Provenance]:
    """Every matching path, sorted. Reads manifests and, for what the instance changed, its own directory."""
    merged = site.plans.merged(layers)
    manifests = read_layers(site.disk, layers)
    substituted = {one.path for one in merged.substituted}
    changed = set(_changed(site, site.instance(instance_id), record))
    found = []
    for path, (winner, entry) in merged.view.items():
        if entry.kind != DIRECTORY and matches_any(path, (glob,)):
            below = [index for index in reversed(origins(manifests, path)) if index < winner]
            overrode = tuple(layers[index].name for index in below)
            found.append(Provenance(path, layers[winner].name, overrode, path in substituted, path in changed))
    own = (path for path in changed if path not in merged.view and matches_any(path, (glob,)))
    found += [Provenance(path, OWN, (), substituted=False, changed=True) for path in own]
    return sorted(found, key=lambda one: one.path)


def _changed(site: Site, instance: Path, record: Record) -> Iterable[str]:
    """Paths that are no longer as prepared: changed, added or deleted."""
    if record.data is None:
        return [path for path, _ in walk(instance / UPPER) if not _is_folder(instance / UPPER / path)]
    stamps = records.read_stamps(instance, record.data)
    changes = own_changes(instance / record.data, stamps, sources_of(site, record, frozenset()))
    kept = [path for path in changes.kept if not _is_folder(instance / record.data / path)]
    return [*kept, *(path for path in stamps if _lies_in(path, changes.deleted))]


def _lies_in(path: str, deleted: Sequence[str]) -> bool:
    return any(path == one or path.startswith(f"{one}/") for one in deleted)


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()
