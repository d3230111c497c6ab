"""Listens to heartbeats and counts, adds up what is measured, and writes it down span by span."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict, deque
from collections.abc import Awaitable, Callable, Iterable, Mapping
from functools import partial
from typing import Final

from sqlalchemy import select

from hytopus.brain.db.engine import Database
from hytopus.brain.db.signals import Subscription
from hytopus.brain.history.durations import Durations
from hytopus.brain.history.fleet import count_fleet
from hytopus.brain.history.models import FINE
from hytopus.brain.history.recent import Recent
from hytopus.brain.history.sums import Counters, Span, counters_of, grown, span_of
from hytopus.brain.history.writer import Batch, batches, write
from hytopus.brain.nodes.events import tell
from hytopus.brain.nodes.models import Node
from hytopus.brain.nodes.presence import LOAD, Presence
from hytopus.kit.clock import Clock
from hytopus.kit.logs import get_logger
from hytopus.wire.messages import InstanceUsage, NodeLoad

log = get_logger(__name__)

NODE_RECENT: Final = (
    "cpu_percent",
    "memory_used_mb",
    "disk_free_mb",
    "running",
    "players",
    "network_in",
    "network_out",
)
INSTANCE_RECENT: Final = ("cpu_percent", "memory_mb", "players", "network_in", "network_out")
COUNT_EVERY_S: Final = 30.0
PATIENCE_S: Final = 10.0
"""How long after its end a span waits for heartbeats that were on their way."""
_FORGET_S: Final = 3600
_MOST_BATCHES: Final = 2_000
"""Kept while the database cannot be written to; beyond that the oldest are lost."""


class Recorder:
    """What this Brain has heard and not yet written. `run` owns it; nothing of it blocks."""

    def __init__(
        self,
        database: Database,
        presence: Presence,
        clock: Clock,
        durations: Durations | None = None,
        *,
        pause_s: float = 0.0,
    ) -> None:
        """`pause_s` between two transactions: a large fleet has a hundred of them, and nobody waits for any."""
        self._pause_s = pause_s
        self._database, self._presence, self._clock = database, presence, clock
        self._durations = durations or Durations({})
        self._spans: dict[int, Span] = {}
        self._unwritten: deque[Batch] = deque(maxlen=_MOST_BATCHES)
        self._counters: dict[str, Counters] = {}
        self._evictions: dict[str, int] = {}
        self._evicted: Counter[str] = Counter()
        self.nodes: dict[str, Recent] = defaultdict(partial(Recent, len(NODE_RECENT)))
        self.instances: dict[str, Recent] = defaultdict(partial(Recent, len(INSTANCE_RECENT)))

    async def run(self) -> None:
        """Until cancelled; what was measured by then is written."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._listen())
                tasks.create_task(self._again_and_again(COUNT_EVERY_S, self.count))
                tasks.create_task(self._again_and_again(FINE / 10, self.flush))
        finally:
            await asyncio.shield(self._close())

    async def _close(self) -> None:
        """Rows add up, so a span may be written in parts: nothing of the last minutes need be lost."""
        self._take_durations()
        self._finish(tuple(self._spans))
        try:
            await self._write()
        except Exception:
            log.exception("the last measurements could not be written")

    def hear(self, node_id: str) -> None:
        """Take in what a node said last."""
        load = self._presence.load(node_id)
        if load is None:
            return
        now, usages = self._clock.now().timestamp(), self._presence.usages(node_id)
        players = sum(usage.players for usage in usages.values())
        self._remember(now, node_id, load, players, usages)
        if not self._presence.is_elsewhere(node_id):  # the Brain it speaks to writes it down
            self._add(node_id, load, players, usages)

    async def count(self) -> None:
        """Take in what the database says of the fleet."""
        span = self._span()
        async with self._database.read() as session:
            numbers = await count_fleet(session)
        for name, value in numbers.items():
            span.numbers[name].add(value)
        self._forget()

    async def flush(self) -> None:
        """Write down the spans that are over."""
        self._take_durations()
        over = self._clock.now().timestamp() - FINE - PATIENCE_S
        self._finish(sorted(at for at in self._spans if at <= over))
        await self._write(self._pause_s)
        await self._tell()

    async def _tell(self) -> None:
        """Event: template versions left a node's cache by themselves."""
        evicted, self._evicted = self._evicted, Counter()
        if not evicted:
            return
        async with self._database.write() as session:
            for node in await session.scalars(select(Node).where(Node.id.in_(evicted))):
                count = evicted[node.id]
                message = f"{count} template versions left the cache of {node.name}: it was full, or they were old."
                tell(session, node, "node.cache_evicted", message, at=self._clock.now(), data={"count": count})

    def _add(self, node_id: str, load: NodeLoad, players: int, usages: Mapping[str, InstanceUsage]) -> None:
        counters = counters_of(load)
        counted = grown(self._counters.get(node_id), counters)
        self._counters[node_id] = counters
        before = self._evictions.get(node_id, load.cache_evictions)
        if load.cache_evictions > before:
            self._evicted[node_id] += load.cache_evictions - before
        self._evictions[node_id] = load.cache_evictions
        span = self._span()
        span.nodes[node_id].add(load, players, counted)
        span.numbers["cpu_percent"].add(load.cpu_percent)
        if load.memory_total_mb:
            span.numbers["memory_percent"].add(100 * load.memory_used_mb / load.memory_total_mb)
        for instance_id, usage in usages.items():
            span.instances[instance_id].add(usage)

    def _remember(
        self, now: float, node_id: str, load: NodeLoad, players: int, usages: Mapping[str, InstanceUsage]
    ) -> None:
        values = [players if name == "players" else getattr(load, name) for name in NODE_RECENT]
        self.nodes[node_id].add(now, values)
        for instance_id, usage in usages.items():
            values = [getattr(usage, name) for name in INSTANCE_RECENT]
            self.instances[instance_id].add(now, values)

    def _take_durations(self) -> None:
        span = self._span()
        for key, count in self._durations.take():
            span.durations[key] = span.durations.get(key, 0) + count

    def _span(self) -> Span:
        at = span_of(self._clock.now().timestamp())
        if at not in self._spans:
            self._spans[at] = Span(at)
        return self._spans[at]

    def _finish(self, spans: Iterable[int]) -> None:
        for at in spans:
            self._unwritten.extend(batches(self._spans.pop(at)))

    async def _write(self, pause_s: float = 0.0) -> None:
        """One batch after the other; what cannot be written now is written later, in the same order."""
        while self._unwritten:
            await write(self._database, self._unwritten[0])
            self._unwritten.popleft()
            await self._clock.sleep(pause_s)

    def _forget(self) -> None:
        """Series of what has not been heard of for an hour."""
        before = self._clock.now().timestamp() - _FORGET_S
        for series in (self.nodes, self.instances):
            for key in [key for key, recent in series.items() if recent.last < before]:
                del series[key]

    async def _listen(self) -> None:
        with self._database.signals.subscribe(LOAD, limit=20_000) as heard:
            while True:
                for node_id in await _some(heard):
                    self.hear(node_id)

    async def _again_and_again(self, seconds: float, act: Callable[[], Awaitable[None]]) -> None:
        while True:
            await self._clock.sleep(seconds)
            try:
                await act()
            except Exception:
                log.exception("measurements could not be kept; trying again")


async def _some(heard: Subscription) -> list[str]:
    first: str = await heard.get()
    return list(dict.fromkeys([first, *heard.drain()]))
