"""How busy everything is, as it reaches whoever looks on: bounded, coalesced, without a memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Collection
from contextlib import aclosing
from types import SimpleNamespace
from typing import Any

import pytest

from hytopus.brain.db.engine import Database
from hytopus.brain.db.signals import Signals
from hytopus.brain.http.streams import Frame, merge
from hytopus.brain.nodes.live import EVERY_S, PROGRESS, Progress, load_frames
from hytopus.brain.nodes.presence import Presence
from hytopus.brain.nodes.settings import NodeSettings
from hytopus.wire.messages import Heartbeat, InstanceReport, InstanceUsage, NodeLoad, NodeStatus
from tests.harness.clock import ManualClock


class Feed:
    """Nodes that speak, and one who listens."""

    def __init__(self) -> None:
        self.clock, self.signals = ManualClock(), Signals()
        self.presence = Presence(NodeSettings(), self.clock, self.signals)
        self.seen: list[Frame] = []
        self.everything = True
        self.database: Any = SimpleNamespace(signals=self.signals)

    async def see(
        self, _database: Database, nodes: Collection[str], instances: Collection[str]
    ) -> tuple[set[str], set[str]]:
        """A scope that hides what is called hidden."""
        return {key for key in nodes if key != "hidden"}, {key for key in instances if key != "hidden"}

    def beat(self, node: str, cpu: float, *usage: InstanceUsage) -> None:
        self.presence.heartbeat(node, Heartbeat("", False, NodeLoad(cpu_percent=cpu), usage))

    async def listen(self) -> None:
        async with aclosing(
            load_frames(self.presence, self.clock, self.see, self.database, everything=self.everything)
        ) as frames:
            async for frame in frames:
                self.seen.append(frame)

    async def cpu(self) -> list[dict[str, Any]]:
        """The nodes' load in every frame so far."""
        await self.clock.settle()
        return [{key: load["cpu_percent"] for key, load in frame.data["nodes"].items()} for frame in self.seen]


async def test_the_first_frame_tells_all_and_later_ones_what_changed() -> None:
    feed = Feed()
    feed.beat("a", 1)
    feed.beat("b", 2, InstanceUsage("i", 50, 512, 3, 10, 20, 900))
    listening = asyncio.create_task(feed.listen())
    assert await feed.cpu() == [{"a": 1, "b": 2}]
    assert feed.seen[0].data["instances"] == {"i": [50, 512, 3, 10, 20, 900]}
    assert feed.seen[0].data["nodes"]["b"]["players"] == 3
    assert (feed.seen[0].id, feed.seen[0].event) == (None, "loads")
    feed.beat("a", 3)
    await feed.clock.advance(EVERY_S)
    assert (await feed.cpu())[1:] == [{"a": 3}]
    listening.cancel()


async def test_however_much_is_said_there_is_one_frame_at_a_time() -> None:
    feed = Feed()
    listening = asyncio.create_task(feed.listen())
    await feed.clock.settle()
    for value in range(1000):
        feed.beat("a", value)
    await feed.clock.advance(EVERY_S)
    assert (await feed.cpu())[1:] == [{"a": 999}]
    await feed.clock.advance(10 * EVERY_S)
    assert len(await feed.cpu()) == 2, "nothing is said while nothing changes"
    listening.cancel()


async def test_progress_is_told_beside_the_loads() -> None:
    feed = Feed()
    feed.beat("a", 1)
    listening = asyncio.create_task(feed.listen())
    await feed.clock.settle()
    for part in (0.1, 0.5):
        report = InstanceReport("i", 1, NodeStatus.PREPARING, step="fetch", progress=part)
        feed.signals.publish(PROGRESS, Progress.of(report))
    feed.beat("a", 2)
    await feed.clock.advance(EVERY_S)
    assert feed.seen[-1].data["progress"] == {"i": ["fetch", 0.5]}
    listening.cancel()


async def test_a_scope_hides_what_lies_outside() -> None:
    feed = Feed()
    feed.everything = False
    feed.beat("a", 1, InstanceUsage("hidden", 50, 512), InstanceUsage("i", 5, 5))
    feed.beat("hidden", 1)
    listening = asyncio.create_task(feed.listen())
    await feed.clock.settle()
    assert feed.seen[0].data["nodes"].keys() == {"a"}
    assert feed.seen[0].data["instances"].keys() == {"i"}
    listening.cancel()


async def test_an_overflow_tells_all_again() -> None:
    feed = Feed()
    listening = asyncio.create_task(feed.listen())
    await feed.clock.settle()
    for index in range(20_001):
        feed.beat(f"n{index % 3}", index)
    await feed.clock.advance(EVERY_S)
    assert (await feed.cpu())[1].keys() == {"n0", "n1", "n2"}
    listening.cancel()


async def _of(*frames: Frame, closed: list[str], end: BaseException | None = None) -> AsyncGenerator[Frame, None]:
    try:
        for frame in frames:
            yield frame
        if end:
            raise end
        await asyncio.Event().wait()
    finally:
        closed.append("closed")


async def test_merged_sources_are_closed_together() -> None:
    closed: list[str] = []
    async with aclosing(merge(_of(Frame(1), closed=closed), _of(Frame(2), Frame(3), closed=closed))) as merged:
        assert sorted([(await anext(merged)).data for _ in range(3)]) == [1, 2, 3]
    assert closed == ["closed", "closed"]


async def test_a_source_that_fails_ends_the_merged_one() -> None:
    closed: list[str] = []
    failing = _of(closed=closed, end=ValueError("broken"))
    with pytest.raises(ValueError, match="broken"):
        async for _ in merge(failing, _of(closed=closed)):
            pass
    assert closed == ["closed", "closed"]
