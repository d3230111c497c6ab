"""Template versions on the node: fetched once, verified, unpacked, and shared by every instance that uses them."""

from __future__ import annotations

import asyncio
import os
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from collections.abc import Set as AbstractSet
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from hytopus.layers.archive import Limits
from hytopus.layers.rules import TemplateRules
from hytopus.node.cache import shelf
from hytopus.node.cache.disk import LAYERS, Disk, new_link
from hytopus.node.cache.download import Download, Downloaded, Listener, Owner, ProcessDownload, Progress
from hytopus.node.cache.errors import ChecksumMismatch, is_full
from hytopus.node.cache.eviction import Bounds, Kept, evicted
from hytopus.node.cache.flights import Flights
from hytopus.node.cache.source import LayerSource
from hytopus.node.runtime.base import NoSpaceLeft

_ATTEMPTS: Final = 2
"""Of a fetch whose checksum does not match."""

InUse = Callable[[], AbstractSet[str]]
"""Reads the links of the trees that instances are built of, as it is at that moment. May block."""


@dataclass(frozen=True, slots=True)
class CachedLayer:
    """An unpacked template version. `link` names the tree for good; `hit` says that nothing had to be fetched."""

    template_id: str
    version: str
    checksum: str
    link: str
    tree: Path
    files: int
    bytes: int
    rules: TemplateRules
    fetched_at: datetime
    hit: bool = True

    @property
    def name(self) -> str:
        return f"{self.template_id}@{self.version}"


@dataclass(frozen=True, slots=True)
class Purged:
    """What a purge did: trees deleted and their bytes, and trees that instances still use, which go when they do."""

    freed_bytes: int
    trees: int
    kept_until_released: int


@dataclass(slots=True)
class CacheCounters:
    """Since the agent started."""

    hits: int = 0
    misses: int = 0
    failures: int = 0
    requests: int = 0
    request_errors: int = 0
    """Requests to the object store, and those of them that came to nothing."""
    bytes_fetched: int = 0
    fetch_seconds: float = 0.0
    evictions: int = 0
    """Versions that had to leave, for size or age."""

    @property
    def hit_rate(self) -> float:
        total = self.hits + self.misses
        return self.hits / total if total else 0.0


class TemplateCache:
    """The cache of one node. `owner` is who may write the files an instance copies up: the game's user."""

    def __init__(
        self,
        root: Path,
        *,
        owner: Owner = (1000, 1000),
        limits: Limits | None = None,
        download: Download | None = None,
    ) -> None:
        self.disk = Disk(root)
        self.owner = owner if os.geteuid() == 0 else None
        self.counters = CacheCounters()
        self._limits = limits or Limits()
        self._download = download or ProcessDownload()
        self._flights: Flights[tuple[str, str, str], CachedLayer] = Flights()
        self._held: Counter[tuple[str, str]] = Counter()
        self._known: dict[str, CachedLayer] = {}
        self._changing = asyncio.Lock()

    async def recover(self) -> None:
        """Bring the disk in order after whatever ended the last run; call it once before anything else."""
        await asyncio.to_thread(self.disk.recover)
        await asyncio.to_thread(lambda: list(shelf.pointers(self.disk)))

    async def run(self) -> None:
        """Housekeeping in the background, until cancelled."""
        await self.disk.run()

    async def ensure(
        self, source: LayerSource, *, refresh: bool = False, progress: Listener | None = None
    ) -> CachedLayer:
        """Have a template version unpacked. Fetches where it is missing, has another checksum, or `refresh` asks.

        However many ask at once, there is one fetch; it ends when the last of them is cancelled. Raises what the
        fetch raises, and leaves nothing behind then.
        """
        found = None if refresh else await asyncio.to_thread(self._find, source)
        if found:
            self.counters.hits += 1
            return found
        self.counters.misses += 1
        key = (source.template_id, source.version, source.checksum)
        return await self._flights.join(key, lambda report: self._fetch(source, report), progress or _ignore)

    @asynccontextmanager
    async def hold(
        self, sources: Sequence[LayerSource], *, refresh: bool = False, progress: Listener | None = None
    ) -> AsyncIterator[list[CachedLayer]]:
        """All of them, fetched side by side, and not collected before the block ends."""
        keys = [(source.template_id, source.version) for source in sources]
        self._held.update(keys)
        try:
            found = [] if refresh else await asyncio.to_thread(lambda: [self._find(source) for source in sources])
            layers = [layer for layer in found if layer]
            if len(layers) < len(sources):
                asked = [self.ensure(source, refresh=refresh, progress=progress) for source in sources]
                layers = await _all(asked)
            else:
                self.counters.hits += len(layers)
            yield layers
        finally:
            self._held.subtract(keys)

    async def purge(
        self, template_id: str | None = None, version: str | None = None, *, in_use: InUse = frozenset
    ) -> Purged:
        """Forget everything, a template or a version at once; delete the trees that no instance uses."""
        async with self._changing:
            before = await asyncio.to_thread(lambda: {link for _, _, link in shelf.pointers(self.disk)})
            await asyncio.to_thread(shelf.forget, self.disk, template_id, version)
            after = await asyncio.to_thread(lambda: {link for _, _, link in shelf.pointers(self.disk)})
            purged = await asyncio.to_thread(self._drop, before - after, in_use)
            self.disk.wake()
            return purged

    async def collect(self, *, in_use: InUse) -> int:
        """Delete trees that were purged or replaced and that no instance uses any more; returns the bytes freed."""
        async with self._changing:
            dropped = await asyncio.to_thread(lambda: self._drop(self._orphans(), in_use))
            self.disk.wake()
            return dropped.freed_bytes

    async def evict(self, bounds: Bounds, *, in_use: InUse) -> list[Kept]:
        """Let go of what has not been used for longest, as far as the bounds ask for it; returns what has gone."""
        async with self._changing:
            gone = await asyncio.to_thread(self._evict, bounds, in_use)
            self.counters.evictions += len(gone)
            self.disk.wake()
            return gone

    async def contents(self) -> list[CachedLayer]:
        """Every version in the cache."""
        return await asyncio.to_thread(
            lambda: [layer for _, _, link in shelf.pointers(self.disk) if (layer := self.layer(link))]
        )

    def layer(self, link: str) -> CachedLayer | None:
        """An unpacked tree by its link, in the cache or only still in use. Reads the disk the first time."""
        if link not in self._known:
            facts = shelf.read_facts(self.disk, link)
            if facts is None:
                return None
            self._known[link] = CachedLayer(
                facts.template_id,
                facts.version,
                facts.checksum,
                link,
                shelf.tree_of(self.disk, link),
                facts.files,
                facts.bytes,
                TemplateRules.parse(facts.rules_text),
                facts.fetched,
            )
        return self._known[link]

    def _find(self, source: LayerSource) -> CachedLayer | None:
        found = shelf.pointed(self.disk, source.template_id, source.version)
        layer = self.layer(found[1]) if found and found[0] == source.checksum else None
        if layer:
            shelf.touch(self.disk, layer.link)
        return layer

    def _evict(self, bounds: Bounds, in_use: InUse) -> list[Kept]:
        is_busy = self._look(in_use)
        links: dict[tuple[str, str], str] = {}
        kept: list[Kept] = []
        for template_id, version, link in shelf.pointers(self.disk):
            if (layer := self.layer(link)) is None:
                continue
            links[template_id, version] = link
            busy = is_busy(link, (template_id, version))
            kept.append(Kept(template_id, version, layer.bytes, shelf.used_at(self.disk, link), busy))
        gone = list(evicted(kept, bounds, time.time()))
        for each in gone:
            shelf.forget(self.disk, each.template_id, each.version)
        self._drop({links[each.template_id, each.version] for each in gone}, in_use)
        return gone

    async def _fetch(self, source: LayerSource, report: Listener) -> CachedLayer:
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                return await self._fetch_once(source, report)
            except ChecksumMismatch:
                self.counters.failures += 1
                if attempt == _ATTEMPTS:
                    raise
            except Exception:
                self.counters.failures += 1
                self.counters.requests += 1
                self.counters.request_errors += 1
                raise
        raise AssertionError("unreachable")

    async def _fetch_once(self, source: LayerSource, report: Listener) -> CachedLayer:
        began = time.monotonic()
        scratch = await asyncio.to_thread(self._scratch)
        try:
            downloaded = await self._download(
                source,
                scratch / shelf.TREE,
                scratch / shelf.MANIFEST,
                owner=self.owner,
                limits=self._limits,
                progress=report,
            )
            self.counters.requests += downloaded.requests
            self.counters.request_errors += downloaded.failed_requests
            self.counters.bytes_fetched += downloaded.received
            self.counters.fetch_seconds += time.monotonic() - began
            if downloaded.sha256 != source.checksum:
                raise ChecksumMismatch(layer=source.name, expected=source.checksum, found=downloaded.sha256)
            async with self._changing:
                return await asyncio.to_thread(self._commit, source, scratch, downloaded)
        except OSError as error:
            if is_full(error):
                raise NoSpaceLeft(verb=f"unpack {source.name}") from error
            raise
        finally:
            await self._clear(scratch)

    def _scratch(self) -> Path:
        scratch = self.disk.scratch()
        tree = scratch / shelf.TREE
        tree.mkdir(mode=0o755)
        tree.chmod(0o755)
        if self.owner:
            os.chown(tree, *self.owner)
        return scratch

    def _commit(self, source: LayerSource, scratch: Path, downloaded: Downloaded) -> CachedLayer:
        rules_text = shelf.read_rules_text(scratch)
        TemplateRules.parse(rules_text)
        facts = shelf.Facts(
            source.template_id,
            source.version,
            source.checksum,
            downloaded.files,
            downloaded.bytes,
            rules_text,
            shelf.now(),
        )
        shelf.write_facts(scratch, facts)
        link = new_link()
        self.disk.place(scratch, LAYERS, link)
        shelf.point(self.disk, source.template_id, source.version, source.checksum, link)
        layer = self.layer(link)
        assert layer
        return replace(layer, hit=False)

    async def _clear(self, scratch: Path) -> None:
        """After success there is nothing to clear; after an error nothing may be left, cancelled or not."""
        self.disk.wake()
        if not await asyncio.shield(asyncio.to_thread(scratch.exists)):
            return
        await asyncio.shield(asyncio.to_thread(self.disk.throw, scratch))
        await self.disk.empty()

    def _orphans(self) -> set[str]:
        return set(shelf.links(self.disk)) - {link for _, _, link in shelf.pointers(self.disk)}

    def _look(self, in_use: InUse) -> Callable[[str, tuple[str, str]], bool]:
        """Whether a tree of a version is in use, or about to be.

        What is held is read first: an instance lets go of its layers only when it is written down what it is built of.
        """
        held = {version for version, count in list(self._held.items()) if count > 0}
        used = in_use()
        return lambda link, version: link in used or version in held

    def _drop(self, links: AbstractSet[str], in_use: InUse) -> Purged:
        """Trees that nobody can find any more, so that none begins to be used meanwhile."""
        is_busy = self._look(in_use)
        freed = trees = kept = 0
        for link in links:
            facts = shelf.read_facts(self.disk, link)
            if is_busy(link, (facts.template_id, facts.version) if facts else ("", "")):
                kept += 1
                continue
            self.disk.throw(self.disk.root / LAYERS / link)
            self._known.pop(link, None)
            trees += 1
            freed += facts.bytes if facts else 0
        return Purged(freed, trees, kept)


async def _all(asked: Sequence[Coroutine[Any, Any, CachedLayer]]) -> list[CachedLayer]:
    """Side by side; the first error ends the others and is raised as itself."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one) for one in asked]
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from None
    return [task.result() for task in tasks]


def _ignore(progress: Progress) -> None:
    """Nobody listens."""
