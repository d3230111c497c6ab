"""Measurements on both databases: added up by any number of Brains, read back, and cut off in time."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Histogram
from sqlalchemy import func, select

from hytopus.brain.activity.commands import record
from hytopus.brain.activity.feed import follow
from hytopus.brain.activity.models import AuditRecord, Event
from hytopus.brain.activity.queries import EventFilter
from hytopus.brain.db.engine import Database
from hytopus.brain.db.scope import Limit
from hytopus.brain.history.durations import Durations, watch_events
from hytopus.brain.history.models import COARSE, FINE, InstanceHistory, NodeHistory
from hytopus.brain.history.part import part_history
from hytopus.brain.history.prune import ROWS, prune
from hytopus.brain.history.queries import Window, fleet_history, instance_history, node_history
from hytopus.brain.history.recorder import PATIENCE_S, Recorder
from hytopus.brain.history.schemas import HistoryOut, Range
from hytopus.brain.history.settings import HistorySettings
from hytopus.brain.history.sums import Span
from hytopus.brain.history.writer import batches, write
from hytopus.brain.instances.reach import narrowed
from hytopus.brain.nodes.presence import LOAD, Elsewhere
from hytopus.wire.messages import Heartbeat, InstanceUsage, NodeLoad, NodeStatus
from tests.harness.brain import Brain
from tests.harness.factories import add, make_instance, make_node

USAGE = InstanceUsage("i1", 50.5, 300, 4, 1000, 2000)


def beat(cpu: float, **load: Any) -> Heartbeat:
    return Heartbeat("", False, NodeLoad(cpu_percent=cpu, **load), (USAGE,))


class Listening:
    """A Brain's recorder, driven by hand."""

    def __init__(self, database: Database, brain: Brain | None = None) -> None:
        self.brain = brain or Brain(database)
        self.database, self.clock, self.presence = database, self.brain.clock, self.brain.presence
        self.recorder = Recorder(database, self.presence, self.clock)

    def hears(self, node_id: str, heartbeat: Heartbeat) -> None:
        self.presence.heartbeat(node_id, heartbeat)
        self.recorder.hear(node_id)

    async def passes(self, seconds: float) -> None:
        await self.clock.advance(seconds)
        await self.recorder.flush()

    async def node(self, node_id: str, past: Range = Range.DAY, *, recent: bool = False) -> HistoryOut:
        memory = self.recorder.nodes.get(node_id) if recent else None
        async with self.database.read() as session:
            return await node_history(session, node_id, Window.of(past, self.clock.now()), memory)


async def test_heartbeats_become_one_row_for_each_span(database: Database) -> None:
    brain = Listening(database)
    brain.hears("n1", beat(10, memory_used_mb=1000, cache_hits=5, s3_bytes=100))
    brain.hears("n1", beat(30, memory_used_mb=3000, cache_hits=8, s3_bytes=400))
    await brain.passes(FINE + PATIENCE_S)
    brain.hears("n1", beat(50, cache_hits=9))
    await brain.passes(FINE + PATIENCE_S)

    found = await brain.node("n1")
    assert found.at[1] - found.at[0] == FINE
    assert found.series["cpu_percent"] == [20, 50]
    assert found.series["cpu_percent_max"] == [30, 50]
    assert found.series["memory_used_mb"] == [2000, 0]
    assert found.series["players"] == [4, 4]
    assert found.series["cache_hits"] == [3, 1]
    assert found.series["s3_bytes"] == [300, 0]
    month = await brain.node("n1", Range.MONTH)
    assert (month.resolution_s, month.series["cpu_percent"], month.series["cache_hits"]) == (COARSE, [30], [4])
    async with database.read() as session:
        of_instance = await instance_history(session, "i1", Window.of(Range.DAY, brain.clock.now()))
    assert of_instance.series["cpu_percent"] == [50.5, 50.5]
    assert of_instance.series["network_out"] == [2000, 2000]


async def test_whoever_sees_a_part_is_told_of_that_part(database: Database) -> None:
    brain = Listening(database)
    nodes = [make_node(id=name, region=region, memory_mb=4000) for name, region in (("n1", "eu"), ("n2", "us"))]
    await add(database, *nodes, make_instance(id="i1", region="eu"), make_instance(id="i2", region="us"))
    other = replace(USAGE, instance_id="i2", players=9)
    for _ in range(2):
        brain.hears("n1", beat(10, memory_used_mb=1000))
        brain.hears("n2", Heartbeat("", False, NodeLoad(cpu_percent=90, memory_used_mb=4000), (other,)))
    await brain.passes(FINE + PATIENCE_S)

    async def seen(*regions: str) -> dict[str, list[float | None]]:
        scoped = narrowed(database, (Limit.of({"regions": regions}),))
        async with scoped.read() as session:
            return (await part_history(session, Window.of(Range.DAY, brain.clock.now()))).series

    assert await seen("eu") == {
        "cpu_percent": [10],
        "instances.running": [1],
        "memory_percent": [25],
        "players": [4],
    }
    both = await seen("eu", "us")
    assert (both["cpu_percent"], both["instances.running"], both["players"]) == ([50], [2], [13])
    assert await seen("nowhere") == {name: [] for name in both}


async def test_brains_that_share_a_database_add_up_without_counting_twice(database: Database) -> None:
    first = Listening(database)
    second = Listening(database)
    first.hears("n1", beat(10))
    second.hears("n1", beat(40))
    second.hears("n1", beat(70))
    await asyncio.gather(first.recorder.count(), second.recorder.count())
    await asyncio.gather(first.passes(FINE + PATIENCE_S), second.passes(FINE + PATIENCE_S))
    found = await first.node("n1")
    assert found.series["cpu_percent"] == [40], "three samples of one node, whoever heard them"
    async with database.read() as session:
        fleet = await fleet_history(session, Window.of(Range.DAY, first.clock.now()))
        assert await session.scalar(select(func.count()).select_from(NodeHistory)) == 2
    assert fleet.series["instances.running"] == [0]


async def test_what_another_brain_hears_is_shown_but_not_written(database: Database) -> None:
    brain = Listening(database)
    elsewhere = Elsewhere(brain.clock.now(), brain.clock.now(), 5, True, beat(60))
    with database.signals.subscribe(LOAD) as heard:
        brain.presence.found_elsewhere({"n1": elsewhere})
        brain.presence.found_elsewhere({"n1": elsewhere})
        assert heard.drain() == ["n1"], "told once"
    brain.recorder.hear("n1")
    await brain.passes(FINE + PATIENCE_S)
    assert (await brain.node("n1", Range.HOUR, recent=True)).series["cpu_percent"] == [60]
    assert (await brain.node("n1")).at == []


async def test_the_last_hour_comes_out_of_memory(database: Database) -> None:
    brain = Listening(database)
    for cpu in range(20):
        brain.hears("n1", beat(cpu))
        await brain.passes(30)
    lately = await brain.node("n1", Range.HOUR, recent=True)
    assert (lately.resolution_s, lately.series["cpu_percent"]) == (30, list(range(20)))
    after_a_restart = await brain.node("n1", Range.HOUR)
    assert (after_a_restart.resolution_s, len(after_a_restart.at)) == (FINE, 1)
    assert (await brain.node("n1", Range.DAY, recent=True)).resolution_s == FINE


async def test_the_fleet_is_counted_and_its_durations_summed_up(database: Database) -> None:
    brain = Brain(database)
    node, _ = await brain.running()
    requests = Histogram("r", "r", buckets=(0.1, 1.0), registry=CollectorRegistry())
    recorder = Recorder(database, brain.presence, brain.clock, Durations({"api": requests}))
    for seconds in (0.05, 0.06, 0.5, 0.6):
        requests.observe(seconds)
    brain.presence.heartbeat(node.id, beat(25, memory_used_mb=1, memory_total_mb=4))
    recorder.hear(node.id)
    await recorder.count()
    for _ in range(2):
        await brain.clock.advance(FINE + PATIENCE_S)
        await recorder.flush()
    async with database.read() as session:
        found = await fleet_history(session, Window.of(Range.DAY, brain.clock.now()))
    last = {name: values[0] for name, values in found.series.items()}
    assert last["instances.running"] == last["nodes.online"] == last["slots_used"] == 1
    assert (last["cpu_percent"], last["memory_percent"]) == (25, 25)
    assert last["slots"] == node.slots
    assert (found.series["api_count"], found.series["api_ms_p50"]) == ([None, 4], [None, 100])


async def test_a_start_says_how_long_it_took(database: Database) -> None:
    brain = Brain(database)
    starts = Histogram("s", "s", buckets=(1.0, 10.0), registry=CollectorRegistry())
    events = Counter("e", "e", ["kind"], registry=CollectorRegistry())
    watching = asyncio.create_task(watch_events(database.signals, starts, events))
    await asyncio.sleep(0)
    node = await brain.has_node()
    await brain.has_template()
    await brain.create()
    await brain.schedule()
    await brain.clock.advance(3)
    await brain.hears_status(node, NodeStatus.PREPARED)
    await brain.clock.advance(2.5)
    instance = await brain.hears_status(node, NodeStatus.RUNNING)
    async with database.read() as session:
        started = await session.scalar(select(Event).where(Event.kind == "instance.started"))
    assert started is not None
    assert started.data["took_ms"] == 5500
    await brain.clock.settle()
    watching.cancel()
    assert sum(sample.value for sample in next(iter(starts.collect())).samples if sample.name == "s_count") == 1
    assert instance.start_began_at is not None
    assert events.labels("instance.started")._value.get() == 1


async def test_what_was_measured_is_written_when_the_brain_stops(database: Database) -> None:
    brain = Listening(database)
    running = asyncio.create_task(brain.recorder.run())
    await brain.clock.settle()
    brain.presence.heartbeat("n1", beat(10))
    await brain.clock.settle()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    found = await brain.node("n1")
    assert found.series["cpu_percent"] == [10]


async def _prune(brain: Brain) -> int:
    """One round, while time passes."""
    pruning = asyncio.create_task(prune(brain.database, HistorySettings(event_days=60), brain.clock))
    while not pruning.done():
        await brain.clock.advance(1)
    return pruning.result()


async def _history(database: Database, table: Any, step: int) -> Sequence[int]:
    async with database.read() as session:
        return (await session.scalars(select(table.at).where(table.step == step).distinct().order_by(table.at))).all()


async def test_what_is_too_old_is_cut_off_in_steps(database: Database) -> None:
    brain = Brain(database)
    now = int(brain.clock.now().timestamp())
    old, fresh = Span(now - 3 * 86_400 - FINE), Span(now - FINE)
    for index in range(ROWS // 2 + 10):
        old.instances[f"{index:04}"].add(USAGE)
        fresh.instances[f"{index:04}"].add(USAGE)
    for span in (old, fresh, Span(now - 40 * 86_400, instances=old.instances)):
        for batch in batches(span):
            await write(database, batch)
    assert await _prune(brain) == 3 * (ROWS // 2 + 10)
    assert len(await _history(database, InstanceHistory, FINE)) == 1
    assert len(await _history(database, InstanceHistory, COARSE)) == 2


async def test_events_go_unless_an_instance_s_page_needs_them(database: Database) -> None:
    brain = Brain(database)
    node, lobby = await brain.running("lobby")
    await brain.create("gone")
    await brain.ask("destroy", "gone")
    async with database.write() as session:
        for index in range(3):
            at = brain.clock.now() + timedelta(seconds=index)
            record(session, "node.went_offline", subject=("node", node.id), message="x", at=at)
    before = await brain.events("instance.")
    await _prune(brain)
    assert await brain.events("instance.") == before, "nothing is old yet"

    await brain.clock.advance(61 * 86_400)
    async with database.write() as session:
        record(session, "node.came_online", subject=("node", node.id), message="x", at=brain.clock.now())
    await _prune(brain)
    async with database.read() as session:
        left = (await session.scalars(select(Event).order_by(Event.id))).all()
        assert {event.subject_id for event in left if event.subject_kind == "instance"} == {lobby.id}
        assert await session.scalar(select(func.count()).select_from(AuditRecord))
    kinds = [event.kind for event in left]
    assert kinds[-1] == "node.came_online"
    assert {"instance.created", "instance.preparation_began", "instance.started"} <= set(kinds)
    assert "node.went_offline" not in kinds


async def test_a_feed_does_not_wait_for_events_that_were_deleted(database: Database) -> None:
    brain = Brain(database)
    node = make_node()
    await add(database, node)
    async with database.write() as session:
        for index in range(5):
            record(session, "node.x", subject=("node", node.id), message=str(index), at=brain.clock.now())
    async with database.write() as session:
        for event in (await session.scalars(select(Event))).all():
            if event.message in ("1", "3"):
                await session.delete(event)
    await brain.clock.advance(86_400)
    feed = follow(database, brain.clock, EventFilter(), after=0)
    assert [(await anext(feed)).message for _ in range(3)] == ["0", "2", "4"]
    await feed.aclose()
