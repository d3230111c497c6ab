"""What the doctor gathers, on both databases."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

import pytest
from prometheus_client import CollectorRegistry, Histogram
from sqlalchemy import text

from hytopus.brain.accounts.commands import create_user
from hytopus.brain.accounts.roles import Role
from hytopus.brain.activity.actor import SYSTEM
from hytopus.brain.activity.commands import record
from hytopus.brain.authority.keys import new_signer
from hytopus.brain.authority.rotation import remember, rotate
from hytopus.brain.db.engine import Database
from hytopus.brain.db.signals import Signals
from hytopus.brain.doctor.api import router as doctor
from hytopus.brain.doctor.checks import CHECKS, FOR_ADMINS
from hytopus.brain.doctor.gather import durability_off, gather
from hytopus.brain.nodes.commands import register, update
from hytopus.brain.nodes.findings import node_findings, note_double, note_findings
from hytopus.brain.nodes.presence import Presence
from hytopus.brain.nodes.queries import find
from hytopus.brain.nodes.restored import readmit
from hytopus.brain.nodes.settings import NodeSettings
from hytopus.kit.findings import Finding, Severity, examine
from hytopus.kit.ids import new_id
from hytopus.storage.errors import S3Unreachable
from hytopus.storage.memory import MemoryStore
from hytopus.wire.messages import Findings, Heartbeat, NodeFacts, NodeFinding, NodeLoad, RegisterNode
from hytopus.wire.version import PROTOCOL
from tests.harness.brain import Brain
from tests.harness.database import KEYS
from tests.integration.api.clock import StepClock
from tests.integration.api.world import open_world
from tests.services.postgres import PostgresServer

SAID = Findings((NodeFinding("no_forwarding", "of a later release", "the network", "x", "y", "z" * 10_000),))


async def test_the_facts_are_gathered_and_judged(database: Database) -> None:
    brain = Brain(database)
    node, lobby = await brain.running()
    async with database.write() as session:
        for _ in range(3):
            subject = ("instance", lobby.id)
            record(session, "instance.failed", subject=subject, message="x", at=brain.clock.now())
    await brain.change_node(node, {"cordoned": True, "joined_at": brain.clock.now() - timedelta(days=9)})
    async with database.write() as session:
        await note_findings(session, node.id, SAID, at=brain.clock.now())
        await note_double(session, node.id, "203.0.113.9", at=brain.clock.now())
        await create_user(session, "alice", "x", Role.ADMIN, actor=SYSTEM, at=brain.clock.now())
        remember(session, new_signer(brain.clock.now()), 1, at=brain.clock.now())
    async with database.write() as session:
        await rotate(session, actor=SYSTEM, at=brain.clock.now())
    said = (brain.clock.now() + timedelta(seconds=30)).isoformat()
    load = NodeLoad(engine_up=False, memory_total_mb=1, disk_total_mb=100, disk_free_mb=1)
    brain.presence.heartbeat(node.id, Heartbeat(said, False, load))
    store = MemoryStore(brain.clock)
    store.fault = S3Unreachable(endpoint="s3", why="refused")
    writes = Histogram("w", "w", buckets=(0.1, 5.0), registry=CollectorRegistry())
    writes.observe(4)

    facts = await gather(database, brain.presence, store, brain.clock, writes=writes)

    assert facts.database.bytes > 0
    turned_off = ["fsync", "full_page_writes", "synchronous_commit"]  # a test's PostgreSQL is made to be quick
    assert facts.database.durability_off == (turned_off if database.dialect == "postgresql" else [])
    assert (facts.database.disk_free is None) == (database.dialect == "postgresql")
    assert facts.nodes[0].clock_skew_s == 30
    codes = {finding.code for finding in examine(facts, CHECKS)}
    assert ("database_not_durable" in codes) is (database.dialect == "postgresql")
    assert facts.nodes[0].findings == [Finding("no_forwarding", Severity.NOTE, "the network", "x", "y", "z" * 500)]
    assert {"no_forwarding", "doubled_identity", "no_second_factor", "ca_rotation"} <= codes
    expected = {"clock_skew", "engine_down", "cordoned_for_long", "memory_overcommitted", "store_unreachable"}
    assert expected | {"node_disk_nearly_full", "database_slow", "crash_loop"} <= codes


async def test_a_node_that_was_taken_in_again_is_looked_at_until_somebody_says_where_it_belongs(
    database: Database,
) -> None:
    brain = Brain(database)
    facts = NodeFacts(region="eu", tags=("ssd", "fast"))
    async with database.write() as session:
        at = brain.clock.now()
        node = await readmit(session, new_id(), "oak", facts, at=at)
        await register(session, node, RegisterNode(PROTOCOL, "agent", facts), at=at)
    assert (node.region, node.tags) == ("eu", ["ssd", "fast"]), "as when it joined"
    assert await brain.events("node.readmitted") == ["node.readmitted"]
    assert await _unconfirmed(brain) == {"region": "eu", "tags": "fast, ssd"}
    await brain.meets(node, region="us", tags=("ssd", "fast"))
    assert await _unconfirmed(brain) == {"region": "eu", "tags": "fast, ssd"}, "it says so once, and never again"
    for changes, left in (({"region": "eu"}, {"tags": "fast, ssd"}), ({"tags": []}, {})):
        async with database.write() as session:
            row = await find(session, node.id, lock=True)
            await update(session, row, changes, actor=SYSTEM, at=at)
        assert await _unconfirmed(brain) == left


async def _unconfirmed(brain: Brain) -> Mapping[str, str]:
    writes = Histogram("w", "w", registry=CollectorRegistry())
    store = MemoryStore(brain.clock)
    return (await gather(brain.database, brain.presence, store, brain.clock, writes=writes)).nodes[0].unconfirmed


@pytest.mark.postgres
async def test_a_database_or_a_role_may_be_the_one_that_is_not_durable(postgres_server: PostgresServer) -> None:
    name = postgres_server.create_database()
    try:
        for value, off in (("on", False), ("off", True)):
            async with (
                Database.open(postgres_server.url(name), Signals(), KEYS) as database,
                database.write() as session,
            ):
                await session.execute(text(f'ALTER DATABASE "{name}" SET synchronous_commit = {value}'))
            async with (
                Database.open(postgres_server.url(name), Signals(), KEYS) as database,
                database.read() as session,
            ):
                assert ("synchronous_commit" in await durability_off(session)) is off
    finally:
        postgres_server.drop_database(name)


async def test_a_second_machine_that_keeps_coming_is_written_down_once_an_hour(database: Database) -> None:
    brain = Brain(database)
    node = await brain.has_node()
    for address in ("203.0.113.9", "203.0.113.9", "198.51.100.7"):
        async with database.write() as session:
            await note_double(session, node.id, address, at=brain.clock.now())
    assert await brain.events("node.identity_doubled") == ["node.identity_doubled"]
    await brain.clock.advance(3700)
    async with database.write() as session:
        await note_double(session, node.id, "198.51.100.7", at=brain.clock.now())
    assert len(await brain.events("node.identity_doubled")) == 2


async def test_what_a_node_said_before_is_gone_when_it_says_something_else(database: Database) -> None:
    brain = Brain(database)
    node = await brain.has_node()
    for told in (SAID, Findings()):
        async with database.write() as session:
            await note_findings(session, node.id, told, at=brain.clock.now())
    async with database.read() as session:
        assert await node_findings(session) == {node.id: []}


async def test_what_is_wrong_with_accounts_is_for_admins(database: Database) -> None:
    clock = StepClock()
    presence = Presence(NodeSettings(), clock, database.signals)
    async with open_world(database, MemoryStore(clock), clock, more=[doctor], extra={"presence": presence}) as world:
        for role, seen in ((Role.ADMIN, True), (Role.OPERATOR, False)):
            found = (await world.acting(role).get("/doctor")).json()
            assert found["checks"] == len(CHECKS) - (0 if seen else len(FOR_ADMINS))
            assert ("no_second_factor" in [each["code"] for each in found["findings"]]) is seen
