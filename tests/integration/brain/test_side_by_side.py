"""Several Brains on one database: who is there, who may do what, and who judges whose nodes."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from hytopus.brain.brains.errors import OtherAuthority
from hytopus.brain.brains.fleet import CHANGED, LEASE_S, Fleet
from hytopus.brain.brains.models import Brain as BrainRow
from hytopus.brain.db.engine import Database
from hytopus.brain.db.leases import Leases
from hytopus.brain.db.models import Lease
from hytopus.brain.db.time import database_now
from hytopus.brain.nodes import commands, sessions
from hytopus.brain.nodes.liveness import judge_all
from hytopus.brain.nodes.models import Node
from hytopus.brain.nodes.presence import Presence
from hytopus.brain.nodes.queries import find
from hytopus.brain.nodes.settings import NodeSettings
from hytopus.brain.nodes.states import NodeState
from hytopus.wire.messages import Heartbeat, InstanceUsage, NodeLoad
from tests.harness.clock import ManualClock
from tests.harness.factories import add, make_node


class SideBySide:
    """One of several Brains, as far as they know of each other."""

    def __init__(self, database: Database, clock: ManualClock, name: str, ca: str = "same") -> None:
        self.database, self.clock = database, clock
        self.fleet = Fleet(database, clock, name=name, ca_fingerprint=ca)
        self.fleet.session_address = f"{name}:8421"
        self.leases = Leases(database, clock, self.fleet.id)
        self.presence = Presence(NodeSettings(), clock, database.signals)

    async def connects(self, node: Node, session_id: str) -> None:
        async with self.database.write() as session:
            now = await database_now(session, self.clock)
            await sessions.claim(session, node.id, brain_id=self.fleet.id, session_id=session_id, interval_s=5, now=now)
        self.presence.connected(node.id)

    async def shares(self) -> None:
        await sessions.share(self.database, self.presence, self.fleet, self.clock)

    async def judges(self, node: Node) -> NodeState:
        await judge_all(self.database, self.presence, self.fleet, clock=self.clock)
        async with self.database.read() as session:
            return (await find(session, node.id)).state


@pytest.fixture
async def two(database: Database) -> tuple[SideBySide, SideBySide]:
    clock = ManualClock()
    first, second = SideBySide(database, clock, "a"), SideBySide(database, clock, "b")
    await see_each_other(first, second)
    return first, second


async def see_each_other(*brains: SideBySide) -> None:
    for brain in (*brains, *brains):
        await brain.fleet.beat()


async def dies(brain: SideBySide, *, seconds: float = LEASE_S) -> None:
    """So long ago was its last sign of life: PostgreSQL's clock cannot be moved, its rows can."""
    async with brain.database.write() as session:
        heard = await database_now(session, brain.clock) - timedelta(seconds=seconds)
        await session.execute(update(BrainRow).where(BrainRow.id == brain.fleet.id).values(heard_at=heard))


async def test_brains_see_each_other_come_and_go(two: tuple[SideBySide, SideBySide]) -> None:
    first, second = two
    assert [peer.name for peer in first.fleet.peers] == ["b"]
    assert second.fleet.addresses() == ("b:8421", "a:8421")
    await dies(second)
    with first.database.signals.subscribe(CHANGED) as changed:
        await first.fleet.beat()
        assert len(changed.drain()) == 1
    assert first.fleet.peers == []
    assert first.fleet.addresses() == ("a:8421", "b:8421"), "it may come back there"
    async with second.fleet.entered("b:8421"):
        await first.fleet.beat()
        assert [peer.name for peer in first.fleet.peers] == ["b"]
    await first.fleet.beat()
    assert first.fleet.peers == [], "a Brain that stops in order is gone at once"


async def test_the_younger_brain_with_another_authority_gives_way(database: Database) -> None:
    clock = ManualClock()
    first, stranger = SideBySide(database, clock, "a"), SideBySide(database, clock, "b", ca="other")
    await first.fleet.beat()
    with pytest.raises(OtherAuthority, match="a on this database"):
        await stranger.fleet.beat()
    await first.fleet.beat()
    assert first.fleet.peers == []


async def test_a_brain_knows_that_the_others_count_it_as_gone(two: tuple[SideBySide, SideBySide]) -> None:
    first, _ = two
    await first.clock.advance(LEASE_S)
    assert first.fleet.cut_off_s is None
    await first.clock.advance(1)
    assert first.fleet.cut_off_s == LEASE_S + 1


async def test_a_brain_alone_is_never_cut_off(database: Database) -> None:
    alone = SideBySide(database, ManualClock(), "a")
    await alone.fleet.beat()
    await alone.clock.advance(1000)
    assert alone.fleet.cut_off_s is None
    assert alone.fleet.addresses() == ()


async def test_one_brain_at_a_time_holds_a_lease(two: tuple[SideBySide, SideBySide]) -> None:
    first, second = two
    taken = await asyncio.gather(first.leases.take("backup", 60), second.leases.take("backup", 60))
    assert sorted(taken) == [False, True]
    holder, other = (first, second) if taken[0] else (second, first)
    assert await holder.leases.take("backup", 60), "whoever has it renews it"
    assert not await other.leases.take("backup", 60)
    async with first.database.write() as session:
        past = await database_now(session, first.clock) - timedelta(seconds=1)
        await session.execute(update(Lease).values(until=past))
    assert await other.leases.take("backup", 60)
    assert not await holder.leases.take("backup", 60)
    await holder.leases.give_back("backup")
    assert not await holder.leases.take("backup", 60), "only the holder can give it back"
    await other.leases.give_back("backup")
    assert await holder.leases.take("backup", 60)


async def test_nobody_judges_a_node_that_is_connected_to_another_brain(two: tuple[SideBySide, SideBySide]) -> None:
    first, second = two
    node = make_node()
    await add(first.database, node)
    await first.connects(node, "s1")
    await first.clock.advance(3600)
    first.presence.heartbeat(node.id, Heartbeat("", False, NodeLoad()))
    assert await second.judges(node) is NodeState.ONLINE
    assert await first.judges(node) is NodeState.ONLINE
    assert second.presence.is_connected(node.id)


async def test_the_nodes_of_a_dead_brain_get_their_time(two: tuple[SideBySide, SideBySide]) -> None:
    first, second = two
    node = make_node()
    await add(first.database, node)
    await first.connects(node, "s1")
    await dies(first)
    await second.clock.advance(14)
    await second.fleet.beat()
    if second.database.dialect == "sqlite":
        await dies(first, seconds=LEASE_S + 14)
        await second.fleet.beat()
        assert await second.judges(node) is NodeState.ONLINE
        await dies(first, seconds=LEASE_S + 15)
        await second.fleet.beat()
        await second.clock.advance(1)
        assert await second.judges(node) is NodeState.SUSPECT
        await second.clock.advance(30)
        assert await second.judges(node) is NodeState.OFFLINE
    else:
        assert await second.judges(node) is NodeState.ONLINE


async def test_loads_and_usage_travel_to_the_other_brains(two: tuple[SideBySide, SideBySide]) -> None:
    first, second = two
    node = make_node()
    await add(first.database, node)
    await first.connects(node, "s1")
    load = NodeLoad(engine_up=False, foreign_ports=(30001,), cpu_percent=7)
    beat = Heartbeat("", False, load, (InstanceUsage("i", cpu_percent=3, memory_mb=300, players=2),))
    first.presence.heartbeat(node.id, beat)
    await first.shares()
    with second.database.signals.subscribe("placement") as woken:
        await second.shares()
        await second.shares()
        assert len(woken.drain()) == 1, "what is the same as before wakes nobody"
    assert second.presence.load(node.id) == load
    assert second.presence.loads() == {node.id: load}
    usage = second.presence.usage(node.id, "i")
    assert usage is not None
    assert usage.memory_mb == 300


async def test_the_end_of_an_old_session_does_not_touch_the_new_one(two: tuple[SideBySide, SideBySide]) -> None:
    """A silent cut: the first Brain notices long after the node has found the second."""
    first, second = two
    node = make_node()
    await add(first.database, node)
    await first.connects(node, "s1")
    await second.connects(node, "s2")
    async with first.database.write() as session:
        assert not await sessions.is_current(session, node.id, "s1")
        await commands.disconnected(session, node.id, session_id="s1", at=first.clock.now())
    assert await first.judges(node) is NodeState.ONLINE
    async with second.database.write() as session:
        await commands.disconnected(session, node.id, session_id="s2", at=first.clock.now())
    async with second.database.read() as session:
        assert await session.scalar(select(Node.state)) is NodeState.SUSPECT
