"""A node's files for tests: a cache filled from trees, and workspaces on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from hytopus.node.cache.cache import CachedLayer, TemplateCache
from hytopus.node.materialise.overlay import OPTIONS_LIMIT
from hytopus.node.materialise.probe import Abilities, How
from hytopus.node.materialise.workspace import Prepared, Workspaces
from hytopus.node.runtime.base import OverlayMount
from tests.unit.layers.trees import LayerTree, Node
from tests.unit.node.cache.layers import WatchedDownload, new_cache

EVERYTHING = Abilities(overlay=True, reflink=True)
VALUES = {"PORT": "5520", "NAME": "lobby"}


class World:
    """One node's disk. `owner` as in `TemplateCache`."""

    def __init__(self, cache: TemplateCache, download: WatchedDownload, how: How, options_limit: int) -> None:
        self.cache, self.download = cache, download
        self.workspaces = Workspaces(cache, EVERYTHING, how=how, options_limit=options_limit)
        self._number = 0

    @classmethod
    async def make(cls, root: Path, how: How, *, options_limit: int = OPTIONS_LIMIT) -> World:
        download = WatchedDownload()
        return cls(await new_cache(root, download), download, how, options_limit)

    async def layer(self, tree: Mapping[str, Node], rules: str = "") -> CachedLayer:
        self._number += 1
        return await self.cache.ensure(self.download.add(f"layer{self._number}", tree, rules=rules))

    async def layers(self, trees: Sequence[LayerTree]) -> list[CachedLayer]:
        return [await self.layer(one.tree, one.rules_text()) for one in trees]

    async def prepare(
        self,
        layers: Sequence[CachedLayer],
        values: Mapping[str, str] = VALUES,
        *,
        name: str = "i",
        discard: bool = False,
    ) -> Prepared:
        return await self.workspaces.prepare(name, layers, values, discard_changes=discard)


def lower(prepared: Prepared) -> list[Path]:
    assert isinstance(prepared.mount, OverlayMount)
    return [Path(path) for path in prepared.mount.lower]


def upper(prepared: Prepared) -> Path:
    assert isinstance(prepared.mount, OverlayMount)
    return Path(prepared.mount.upper)


def data(prepared: Prepared) -> Path:
    assert not isinstance(prepared.mount, OverlayMount)
    return Path(prepared.mount.source)
