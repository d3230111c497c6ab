"""The directories of the node's instances: prepared from layers, reopened, examined and destroyed.

    instances/<instance id>/prepared.json    what it was built of
    instances/<instance id>/upper, work      overlay: the instance's own changes
    instances/<instance id>/data-<n>         reflink and copy: the whole directory

Preparing again keeps what the instance changed. Every step can be interrupted at any point and repeated.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar
from weakref import WeakValueDictionary

from hytopus.layers.variables import resolve
from hytopus.node.cache.cache import CachedLayer, TemplateCache
from hytopus.node.cache.disk import PLANS, RENDERED, SQUASHED
from hytopus.node.materialise import record as records
from hytopus.node.materialise.errors import CannotMaterialise, NotPrepared
from hytopus.node.materialise.leaving import PackedWorld, pack_world
from hytopus.node.materialise.overlay import OPTIONS_LIMIT
from hytopus.node.materialise.plan import Plans
from hytopus.node.materialise.prepare import Request, Site, Steps, existing_how, mount_of, prepare, trees_used
from hytopus.node.materialise.probe import Abilities, How
from hytopus.node.materialise.provenance import Provenance, provenance
from hytopus.node.materialise.record import LayerUse, Record
from hytopus.node.runtime.base import BindMount, OverlayMount

_T = TypeVar("_T")
_PLAN_SECONDS: Final = 7 * 24 * 3600
"""Plans younger than this are kept without an instance: working one out takes as long as its layers are large."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A directory ready to be mounted. `timings` are seconds by step; `secrets` the names of values to be masked."""

    instance_id: str
    how: How
    mount: OverlayMount | BindMount
    directory: Path
    layers: tuple[LayerUse, ...]
    timings: Mapping[str, float]
    files: int
    bytes: int
    rendered: int
    secrets: frozenset[str]


class Workspaces:
    """All instances' directories of one node. `how` overrides what the node would choose by its abilities."""

    def __init__(
        self,
        cache: TemplateCache,
        abilities: Abilities,
        *,
        how: How | None = None,
        options_limit: int = OPTIONS_LIMIT,
    ) -> None:
        self.how = how or abilities.best
        if self.how not in abilities:
            raise CannotMaterialise(how=self.how, why="the file system or the kernel cannot do it")
        self.disk = cache.disk
        self._cache = cache
        self.site = Site(cache.disk, cache.owner, Plans(cache.disk, cache.owner), options_limit)
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._turn = threading.Lock()
        self._begun = self._ended = 0
        """Preparations, counted in their threads: only there is it certain what has touched the disk."""

    async def prepare(
        self,
        instance_id: str,
        layers: Sequence[CachedLayer],
        variables: Mapping[str, str],
        *,
        secrets: frozenset[str] = frozenset(),
        discard_changes: bool = False,
        world: Path | None = None,
    ) -> Prepared:
        """Build the directory of an instance that does not run, from held layers, bottom first.

        What the instance changed in an earlier life stays, unless it is to be discarded; an instance with changes
        keeps the way it was first prepared. `world` is what it changed on another node; then nothing of it is here that
        counts. Raises `VariablesMissing`, `UnresolvedVariables`, `RequiredFileMissing`,
        `NoSpaceLeft`.
        """
        began = time.perf_counter()
        resolved = resolve([layer.rules for layer in layers], variables)
        steps = Steps(instance_id)
        async with self._lock(instance_id):
            if discard_changes or world:
                await asyncio.to_thread(self.disk.throw, self.site.instance(instance_id))
            request = Request(instance_id, layers, resolved.values, resolved.secrets | secrets, self.how, world)
            record = await self._run(request, lambda: self._prepare(request, steps))
        timings = {**steps.timings, "total": time.perf_counter() - began}
        return self._prepared(instance_id, record, timings)

    async def reopen(self, instance_id: str) -> Prepared:
        """The directory as it was prepared before; raises `NotPrepared` where something of it is gone."""
        return self._prepared(instance_id, await asyncio.to_thread(self.whole_record, instance_id), {})

    async def pack(self, instance_id: str, progress: Callable[[float], None]) -> PackedWorld:
        """What an instance at rest has changed, as a tarball in its directory. Raises `NotPrepared`, `PackRefused`."""
        async with self._lock(instance_id):
            return await asyncio.to_thread(self._pack, instance_id, progress)

    async def destroy(self, instance_id: str) -> None:
        """The instance's files are gone when this returns; the disk gets its room back soon after. Idempotent."""
        async with self._lock(instance_id):
            await asyncio.to_thread(self.disk.throw, self.site.instance(instance_id))
        self.disk.wake()

    async def alone(self, instance_id: str, work: Callable[[], _T]) -> _T:
        """Change an instance's directory in a thread, to the end, while it is neither prepared nor destroyed."""
        async with self._lock(instance_id):
            thread = asyncio.ensure_future(asyncio.to_thread(work))
            try:
                return await asyncio.shield(thread)
            finally:
                await asyncio.wait([thread])
                thread.exception()  # nobody else looks at it once the caller is cancelled
                self.disk.wake()

    async def provenance(self, instance_id: str, glob: str = "**") -> list[Provenance]:
        """Where each matching path comes from; raises `NotPrepared`."""
        return await asyncio.to_thread(self._provenance, instance_id, glob)

    def whole_record(self, instance_id: str) -> Record:
        """What is written down of a directory; raises `NotPrepared` where something of it is gone. Reads the disk."""
        record = records.read_record(self.site.instance(instance_id))
        if record is None:
            raise NotPrepared(instance=instance_id, why="nothing is written down of it")
        for tree in trees_used(self.site, record):
            if not tree.is_dir():
                raise NotPrepared(instance=instance_id, why=f"{tree.relative_to(self.disk.root)} is gone")
        return record

    def layers_of(self, record: Record) -> list[CachedLayer]:
        """Bottom first. Reads the disk."""
        return [layer for use in record.layers if (layer := self._cache.layer(use.link))]

    def instances(self) -> list[str]:
        """Every instance with a directory. Reads the disk."""
        return sorted(path.name for path in self.disk.instances.iterdir())

    def in_use(self) -> frozenset[str]:
        """The links of the trees that instances are built of. Reads the disk."""
        return frozenset(layer.link for record in self._records() for layer in record.layers)

    async def collect(self) -> None:
        """Drop rendered and squashed trees that no instance uses, and plans older than a week.

        It gives way to preparations: one that begins meanwhile may find such a tree and build on it.
        """
        await asyncio.to_thread(self._collect)
        self.disk.wake()

    def _lock(self, instance_id: str) -> asyncio.Lock:
        return self._locks.setdefault(instance_id, asyncio.Lock())

    async def _run(self, request: Request, work: Callable[[], _T]) -> _T:
        """In a thread; a cancelled caller leaves only when the thread has stopped touching the disk."""
        thread = asyncio.ensure_future(asyncio.to_thread(work))
        try:
            return await asyncio.shield(thread)
        finally:
            request.stop.set()
            await asyncio.wait([thread])
            thread.exception()  # nobody else looks at it once the caller is cancelled
            self.disk.wake()

    def _prepare(self, request: Request, steps: Steps) -> Record:
        instance = self.site.instance(request.instance_id)
        with self._turn:
            self._begun += 1
        try:
            how = existing_how(instance)
            return prepare(self.site, request.by(how) if how else request, steps)
        finally:
            with self._turn:
                self._ended += 1

    def _prepared(self, instance_id: str, record: Record, timings: Mapping[str, float]) -> Prepared:
        return Prepared(
            instance_id,
            record.how,
            mount_of(self.site, instance_id, record),
            self.site.instance(instance_id),
            record.layers,
            timings,
            record.files,
            record.bytes,
            record.substituted,
            frozenset(record.secrets),
        )

    def _pack(self, instance_id: str, progress: Callable[[float], None]) -> PackedWorld:
        record = self.whole_record(instance_id)
        target = self.site.instance(instance_id) / "leaving.tar.zst"
        return pack_world(self.site, instance_id, record, target, progress)

    def _provenance(self, instance_id: str, glob: str) -> list[Provenance]:
        record = self.whole_record(instance_id)
        return provenance(self.site, instance_id, record, self.layers_of(record), glob)

    def _records(self) -> list[Record]:
        return [record for path in self.disk.instances.iterdir() if (record := records.read_record(path)) is not None]

    def _collect(self) -> None:
        with self._turn:
            begun, ended = self._begun, self._ended
        if begun != ended:
            return
        used = self._records()
        keep: dict[str, set[str | None]] = {
            RENDERED: {record.rendered for record in used},
            SQUASHED: {record.squashed for record in used},
            PLANS: {record.plan for record in used},
        }
        old = time.time() - _PLAN_SECONDS
        for kind, names in keep.items():
            for path in (self.disk.root / kind).iterdir():
                if path.name in names or (kind == PLANS and path.stat().st_mtime >= old):
                    continue
                with self._turn:
                    if self._begun != begun:
                        return
                    self.disk.throw(path)
