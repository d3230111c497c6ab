"""Instances' directories out of the template cache: fetch, merge, substitute, check."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from typing import Any, Final

from hytopus.kit.logs import get_logger
from hytopus.node.cache.cache import CachedLayer, TemplateCache
from hytopus.node.cache.download import Progress as Fetched
from hytopus.node.cache.eviction import Bounds
from hytopus.node.cache.source import LayerSource
from hytopus.node.materialise.leaving import PackedWorld
from hytopus.node.materialise.taken import taken_mb
from hytopus.node.materialise.workspace import Prepared, Workspaces
from hytopus.node.runner.host import Built, CacheNumbers, Progress
from hytopus.wire.messages import PrepareInstance, TemplateLayer

log = get_logger(__name__)

LOOK_EVERY_S: Final = 3600.0
"""How often the cache is looked through, whether or not anything was fetched."""


class CachedDirectories:
    """The runner's `Directories` on a real disk."""

    def __init__(
        self,
        cache: TemplateCache,
        workspaces: Workspaces,
        *,
        monotonic: Callable[[], float],
        bounds: Callable[[], Bounds] = Bounds,
    ) -> None:
        self._bounds = bounds
        self._cache, self._workspaces, self._monotonic = cache, workspaces, monotonic
        self._numbers = CacheNumbers()
        self._released = asyncio.Event()

    async def run(self) -> None:
        """Give back, for ever, what destroyed instances alone have used, and what the cache has no room for."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_EVERY_S):
                    await self._released.wait()
            self._released.clear()
            await self._collect()
            await self.evict()

    async def build(self, assignment: PrepareInstance, *, refresh: bool, progress: Progress) -> Built:
        began = self._monotonic()
        world = assignment.world
        sources = [_source(layer) for layer in (*assignment.template_layers, *((world,) if world else ()))]
        told = _Told(sources, progress)
        async with self._cache.hold(sources, refresh=refresh, progress=told) as layers:
            fetched = self._monotonic() - began
            _log_layers(assignment.instance_id, layers, refresh=refresh)
            progress("merge", 0)
            prepared = await self._workspaces.prepare(
                assignment.instance_id,
                layers[: len(assignment.template_layers)],
                assignment.variable_map,
                secrets=frozenset(assignment.secrets),
                discard_changes=assignment.discard_changes,
                world=layers[-1].tree if world else None,
            )
        if world:
            await self.purge(world.template_id, "")  # it is of no use to anybody else
        if not all(layer.hit for layer in layers):
            await self.count()
            self._released.set()
        return _built(prepared, fetch=fetched)

    async def pack(self, instance_id: str, progress: Callable[[float], None]) -> PackedWorld:
        return await self._workspaces.pack(instance_id, progress)

    async def reopen(self, instance_id: str) -> Built:
        return _built(await self._workspaces.reopen(instance_id))

    async def destroy(self, instance_id: str) -> None:
        await self._workspaces.destroy(instance_id)
        self._released.set()

    async def disk_mb(self, instance_id: str) -> int:
        return await asyncio.to_thread(taken_mb, self._workspaces.site.instance(instance_id))

    async def provenance(self, instance_id: str, pattern: str) -> Sequence[Mapping[str, Any]]:
        return [asdict(file) for file in await self._workspaces.provenance(instance_id, pattern)]

    async def purge(self, template_id: str, version: str) -> Mapping[str, Any]:
        purged = await self._cache.purge(template_id or None, version or None, in_use=self._workspaces.in_use)
        log.info("cache purged", template=template_id or "all", version=version or "all", freed=purged.freed_bytes)
        await self.count()
        return asdict(purged)

    async def cached(self) -> Mapping[str, Any]:
        counters = self._cache.counters
        in_use = await asyncio.to_thread(self._workspaces.in_use)
        templates = [
            {
                "template_id": layer.template_id,
                "version": layer.version,
                "checksum": layer.checksum,
                "bytes": layer.bytes,
                "files": layer.files,
                "fetched_at": layer.fetched_at.isoformat(),
                "in_use": layer.link in in_use,
            }
            for layer in await self._cache.contents()
        ]
        return {
            "templates": templates,
            "hits": counters.hits,
            "misses": counters.misses,
            "hit_rate": round(counters.hit_rate, 4),
            "bytes_fetched": counters.bytes_fetched,
        }

    def numbers(self) -> CacheNumbers:
        counters = self._cache.counters
        return CacheNumbers(
            bytes=self._numbers.bytes,
            versions=self._numbers.versions,
            hits=counters.hits,
            misses=counters.misses,
            s3_requests=counters.requests,
            s3_bytes=counters.bytes_fetched,
            s3_errors=counters.request_errors,
            evictions=counters.evictions,
        )

    async def count(self) -> None:
        """Look at the cache's size; after that it is known without a look."""
        contents = await self._cache.contents()
        self._numbers = CacheNumbers(bytes=sum(layer.bytes for layer in contents), versions=len(contents))

    async def evict(self) -> None:
        """Let go of versions that are not used, where the cache is too large or they are too old."""
        try:
            bounds = await asyncio.to_thread(self._bounds)
            gone = await self._cache.evict(bounds, in_use=self._workspaces.in_use)
        except OSError as error:
            log.warning("the template cache could not be made smaller", why=str(error))
            return
        for each in gone:
            log.info("template left the cache", template=each.template_id, version=each.version, freed=each.bytes)
        if gone:
            await self.count()

    async def _collect(self) -> None:
        try:
            await self._workspaces.collect()
            freed = await self._cache.collect(in_use=self._workspaces.in_use)
        except OSError as error:
            log.warning("files nobody uses could not be deleted", why=str(error))
            return
        if freed:
            log.info("cache freed", bytes=freed)
            await self.count()


class _Told:
    """Adds up the progress of layers that are fetched side by side."""

    def __init__(self, sources: Sequence[LayerSource], progress: Progress) -> None:
        self._total = sum(source.size for source in sources)
        self._done: dict[tuple[str, str], int] = {}
        self._progress = progress

    def __call__(self, fetched: Fetched) -> None:
        self._done[fetched.template_id, fetched.version] = fetched.bytes_done
        if self._total:
            self._progress("fetch", sum(self._done.values()) / self._total)


def _source(layer: TemplateLayer) -> LayerSource:
    return LayerSource(layer.template_id, layer.version, layer.checksum, layer.size, layer.url)


def _built(prepared: Prepared, **timings: float) -> Built:
    return Built(prepared.mount, {**timings, **prepared.timings}, prepared.secrets)


def _log_layers(instance_id: str, layers: Sequence[CachedLayer], *, refresh: bool) -> None:
    log.info(
        "layers are here",
        instance=instance_id,
        cached=[layer.name for layer in layers if layer.hit],
        fetched=[layer.name for layer in layers if not layer.hit],
        dev_mode=refresh,
    )
