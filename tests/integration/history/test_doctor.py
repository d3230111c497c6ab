"""What the doctor gathers, on both databases."""

from __future__ import annotations

from datetime import timedelta

from prometheus_client import CollectorRegistry, Histogram

from hytopus.brain.activity.commands import record
from hytopus.brain.db.engine import Database
from hytopus.brain.doctor.checks import CHECKS
from hytopus.brain.doctor.gather import gather
from hytopus.kit.findings import examine
from hytopus.storage.errors import S3Unreachable
from hytopus.storage.memory import MemoryStore
from hytopus.wire.messages import Heartbeat, NodeLoad
from tests.harness.brain import Brain


async def test_the_facts_are_gathered_and_judged(database: Database) -> None:
    brain = Brain(database)
    node, lobby = await brain.running()
    async with database.write() as session:
        for _ in range(3):
            subject = ("instance", lobby.id)
            record(session, "instance.failed", subject=subject, message="x", at=brain.clock.now())
    await brain.change_node(node, {"cordoned": True, "joined_at": brain.clock.now() - timedelta(days=9)})
    said = (brain.clock.now() + timedelta(seconds=30)).isoformat()
    load = NodeLoad(engine_up=False, memory_total_mb=1, disk_total_mb=100, disk_free_mb=1)
    brain.presence.heartbeat(node.id, Heartbeat(said, False, load))
    store = MemoryStore(brain.clock)
    store.fault = S3Unreachable(endpoint="s3", why="refused")
    writes = Histogram("w", "w", buckets=(0.1, 5.0), registry=CollectorRegistry())
    writes.observe(4)

    facts = await gather(database, brain.presence, store, brain.clock, writes=writes)

    assert facts.database.bytes > 0
    assert (facts.database.disk_free is None) == (database.dialect == "postgresql")
    assert facts.nodes[0].clock_skew_s == 30
    codes = {finding.code for finding in examine(facts, CHECKS)}
    expected = {"clock_skew", "engine_down", "cordoned_for_long", "memory_overcommitted", "store_unreachable"}
    assert expected | {"node_disk_nearly_full", "database_slow", "crash_loop"} <= codes
