"""Trees to look at: an instance's, and what a stack of layers would give. Blocking."""

from __future__ import annotations

from collections.abc import Sequence

from hytopus.node.cache.cache import CachedLayer
from hytopus.node.files.own import Clone, OwnFiles, Upper
from hytopus.node.files.tree import FileTree
from hytopus.node.materialise import record as records
from hytopus.node.materialise.clone import Sources
from hytopus.node.materialise.prepare import UPPER, Site, sources_of
from hytopus.node.materialise.record import Record
from hytopus.node.materialise.workspace import Workspaces


def instance_tree(workspaces: Workspaces, instance_id: str, *, own: bool = True) -> FileTree:
    """An instance's directory; without `own` as it was prepared. Raises `NotPrepared`."""
    record = workspaces.whole_record(instance_id)
    site, layers = workspaces.site, workspaces.layers_of(record)
    merged = site.plans.merged(layers)
    sources = sources_of(site, record, frozenset(one.path for one in merged.substituted))
    mine = _own(site, instance_id, record, sources) if own else None
    return FileTree(site.plans.layers(layers), merged, sources, mine)


def layer_tree(site: Site, layers: Sequence[CachedLayer]) -> FileTree:
    """What the layers give before any placeholder is replaced."""
    sources = Sources([layer.tree for layer in layers], None, frozenset())
    return FileTree(site.plans.layers(layers), site.plans.merged(layers), sources)


def _own(site: Site, instance_id: str, record: Record, sources: Sources) -> OwnFiles:
    instance = site.instance(instance_id)
    if record.data is None:
        return Upper(instance / UPPER)
    return Clone(instance / record.data, records.read_stamps(instance, record.data), sources)
