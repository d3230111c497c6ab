"""A disk in memory, for simulations and tests: hand the same one to the next agent after a restart."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hytopus.errors import HytopusError
from hytopus.kit.clock import Clock
from hytopus.node.materialise.leaving import PackedWorld
from hytopus.node.runner.errors import InstanceNotPrepared
from hytopus.node.runner.host import Built, CacheNumbers, Progress
from hytopus.node.runtime.base import BindMount
from hytopus.wire.messages import PrepareInstance


@dataclass(slots=True)
class FakeDirectories:
    """Builds nothing in `seconds`; `fail` has what goes wrong, by template id (set `once` to mend it at that)."""

    clock: Clock
    seconds: float = 0.0
    fail: dict[str, HytopusError] = field(default_factory=dict)
    once: bool = False
    on_disk: dict[str, PrepareInstance] = field(default_factory=dict)
    half_done: set[str] = field(default_factory=set)
    refreshed: int = 0
    cannot_destroy: HytopusError | None = None
    worlds: dict[str, str] = field(default_factory=dict)
    """What each instance has written; travels with it."""
    taken_mb: dict[str, int] = field(default_factory=dict)
    """What each directory takes."""
    outgoing: Path = Path("/nonexistent")
    """Where packed worlds are written."""

    async def build(self, assignment: PrepareInstance, *, refresh: bool, progress: Progress) -> Built:
        self.refreshed += refresh
        self.half_done.add(assignment.instance_id)
        for index, layer in enumerate(assignment.template_layers, start=1):
            if self.seconds:
                await self.clock.sleep(self.seconds / len(assignment.template_layers))
            if layer.template_id in self.fail:
                raise self.fail.pop(layer.template_id) if self.once else self.fail[layer.template_id]
            progress("fetch", index / len(assignment.template_layers))
        self.on_disk[assignment.instance_id] = assignment
        self.half_done.discard(assignment.instance_id)
        return _built(assignment)

    async def pack(self, instance_id: str, progress: Callable[[float], None]) -> PackedWorld:
        data = self.worlds.get(instance_id, "").encode() or b"nothing"
        path = self.outgoing / f"{instance_id}.world"
        path.write_bytes(data)
        progress(1.0)
        return PackedWorld(path, len(data), hashlib.sha256(data).hexdigest())

    async def reopen(self, instance_id: str) -> Built:
        if instance_id not in self.on_disk:
            raise InstanceNotPrepared(instance=instance_id)
        return _built(self.on_disk[instance_id])

    async def destroy(self, instance_id: str) -> None:
        if self.cannot_destroy:
            raise self.cannot_destroy
        self.on_disk.pop(instance_id, None)
        self.half_done.discard(instance_id)

    async def disk_mb(self, instance_id: str) -> int:
        return self.taken_mb.get(instance_id, 0)

    async def provenance(self, instance_id: str, pattern: str) -> Sequence[Mapping[str, Any]]:
        layers = [f"{layer.template_id}@{layer.version}" for layer in self.on_disk[instance_id].template_layers]
        return [{"path": pattern, "layer": layers[-1], "overrode": layers[:-1], "substituted": False, "changed": False}]

    async def purge(self, template_id: str, version: str) -> Mapping[str, Any]:
        return {"freed_bytes": 0, "trees": 0, "kept_until_released": 0}

    async def cached(self) -> Mapping[str, Any]:
        return {"templates": [], "hits": 0, "misses": 0, "hit_rate": 0.0}

    def numbers(self) -> CacheNumbers:
        return CacheNumbers()


def _built(assignment: PrepareInstance) -> Built:
    return Built(
        mount=BindMount(f"/fake/{assignment.instance_id}"),
        timings={"fetch": 0.0, "materialise": 0.0},
        secrets=frozenset(assignment.secrets),
    )
