"""How busy everything is, as frames of the live feed: what was measured last, never what happened.

The frames carry no id: they say nothing that lasts, so nothing is missed by a client that was away, and a resumed feed
begins with all of it again. However much nodes say, a listener gets at most one frame in `EVERY_S`, with the last value
of each thing that has changed.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from hytopus.brain.db.engine import Database
from hytopus.brain.db.signals import Subscription
from hytopus.brain.http.streams import Frame
from hytopus.brain.nodes.presence import LOAD, Presence
from hytopus.brain.nodes.schemas import LoadOut
from hytopus.kit.clock import Clock
from hytopus.wire.messages import InstanceReport, InstanceUsage

EVERY_S: Final = 2.0
PROGRESS: Final = "progress"
"""Signal: the preparation that this `Progress` is about has come that far."""
_QUEUE: Final = 20_000

See = Callable[[Database, Collection[str], Collection[str]], Awaitable[tuple[set[str], set[str]]]]
"""Which of these nodes and instances the database's sessions see."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a preparation is: the step, and 0 to 1 within it."""

    instance_id: str
    step: str
    fraction: float

    @classmethod
    def of(cls, report: InstanceReport) -> Progress:
        return cls(report.instance_id, report.step, round(report.progress, 3))


@dataclass(slots=True)
class _Changed:
    nodes: set[str] = field(default_factory=set)
    progress: dict[str, Progress] = field(default_factory=dict)

    def take(self, values: Iterable[Any]) -> None:
        for value in values:
            if isinstance(value, Progress):
                self.progress[value.instance_id] = value
            else:
                self.nodes.add(value)


async def load_frames(
    presence: Presence, clock: Clock, see: See, database: Database, *, everything: bool
) -> AsyncGenerator[Frame, None]:
    """All there is once, then what has changed, without end; only what the database shows, unless it is everything."""
    signals = database.signals
    with signals.subscribe(LOAD, limit=_QUEUE) as loads, signals.subscribe(PROGRESS, limit=_QUEUE) as progress:
        changed = _Changed(set(presence.loads()))
        while True:
            told = frame(presence, changed.nodes, changed.progress)
            yield told if everything else await _visible(told, see, database)
            await clock.sleep(EVERY_S)
            changed = await _next(presence, loads, progress)


async def _next(presence: Presence, loads: Subscription, progress: Subscription) -> _Changed:
    changed = _Changed()
    changed.take(progress.drain())
    changed.take(loads.drain())
    if not changed.nodes and not changed.progress:
        changed.take([await loads.get()])
    if loads.overflowed:
        loads.overflowed = False
        changed.nodes.update(presence.loads())
    return changed


async def _visible(told: Frame, see: See, database: Database) -> Frame:
    parts: dict[str, dict[str, Any]] = told.data
    nodes, instances = await see(database, parts["nodes"].keys(), parts["instances"].keys() | parts["progress"].keys())
    seen = {"nodes": nodes, "instances": instances, "progress": instances}
    return replace(
        told, data={name: {key: part[key] for key in part if key in seen[name]} for name, part in parts.items()}
    )


def frame(presence: Presence, node_ids: Iterable[str], progress: Mapping[str, Progress]) -> Frame:
    """One frame `loads`; instances as short lists, since there may be thousands of them."""
    nodes: dict[str, Any] = {}
    instances: dict[str, list[float]] = {}
    for node_id in node_ids:
        if (load := presence.load(node_id)) is None:
            continue
        nodes[node_id] = LoadOut.of(load, players=presence.players(node_id)).model_dump(mode="json")
        instances.update((key, _listed(usage)) for key, usage in presence.usages(node_id).items())
    told = {key: [each.step, each.fraction] for key, each in progress.items()}
    return Frame({"nodes": nodes, "instances": instances, "progress": told}, event="loads")


def _listed(usage: InstanceUsage) -> list[float]:
    """`[cpu_percent, memory_mb, players, network_in, network_out, disk_mb]`."""
    moved = usage.network_in, usage.network_out
    return [usage.cpu_percent, usage.memory_mb, usage.players, *moved, usage.disk_mb]
