"""Nodes: what they say, what operators say instead, and what their silence means."""

from __future__ import annotations

from typing import Any

import pytest

from hytopus.brain.brains.fleet import Fleet
from hytopus.brain.db.engine import Database
from hytopus.brain.instances.relocating.evacuation import remove_node
from hytopus.brain.instances.states import State
from hytopus.brain.nodes import commands, sessions
from hytopus.brain.nodes.errors import BadNodeName, NodeIdentityInUse, NodeNameTaken, NodeNotEmpty, NodeNotFound
from hytopus.brain.nodes.liveness import judge_all
from hytopus.brain.nodes.models import Node
from hytopus.brain.nodes.presence import Presence
from hytopus.brain.nodes.queries import count_by_state, find
from hytopus.brain.nodes.settings import NodeSettings
from hytopus.brain.nodes.states import TRANSITIONS, NodeState
from hytopus.wire.messages import Heartbeat, InstanceUsage, NodeLoad
from tests.harness.brain import Brain
from tests.harness.clock import START, ManualClock
from tests.harness.factories import OPERATOR, add, make_node, on_node


def beat(**load: Any) -> Heartbeat:
    return Heartbeat("", False, NodeLoad(**load), (InstanceUsage("i", 12.5, 300),))


async def change(database: Database, node: Node, **changes: Any) -> Node:
    async with database.write() as session:
        row = await find(session, node.id, lock=True)
        await commands.update(session, row, changes, actor=OPERATOR, at=START)
        return row


async def remove(database: Database, node: Node, *, force: bool) -> None:
    async with database.write() as session:
        row = await find(session, node.id, lock=True)
        await remove_node(session, row, force=force, actor=OPERATOR, at=START)


def test_every_state_of_a_node_can_be_left_and_reached() -> None:
    assert set(TRANSITIONS) == set(NodeState)
    assert {state for targets in TRANSITIONS.values() for state in targets} == set(NodeState)
    assert all(TRANSITIONS.values())


async def test_a_node_joins_once_under_a_name(sqlite: Database) -> None:
    async with sqlite.write() as session:
        node = await commands.join(session, "octo", at=START)
        assert (node.state, node.name) == (NodeState.OFFLINE, "octo")
    for name, error in (("octo", NodeNameTaken), ("Octo!", BadNodeName)):
        with pytest.raises(error):
            async with sqlite.write() as session:
                await commands.join(session, name, at=START)


async def test_the_operator_overrides_what_a_node_says_until_he_takes_it_back(sqlite: Database) -> None:
    brain = Brain(sqlite)
    node = await brain.has_node()
    await brain.meets(node, region="eu", tags=("ssd",), slots=8)
    changed = await change(sqlite, node, region="us", tags=[], slots=2)
    assert (changed.region, changed.tags, changed.slots) == ("us", [], 2)
    await brain.meets(node, region="eu", tags=("ssd",), slots=16, memory_mb=1024)
    async with sqlite.read() as session:
        met = await find(session, node.id)
    assert (met.region, met.tags, met.slots, met.memory_mb) == ("us", [], 2, 1024)
    reset = await change(sqlite, node, region=None, slots=None)
    assert (reset.region, reset.slots, reset.overrides) == ("eu", 16, {"tags": []})


async def test_a_node_that_comes_back_with_another_region_stays_where_it_is(sqlite: Database) -> None:
    brain = Brain(sqlite)
    node = await brain.has_node()
    await brain.meets(node, region="us", tags=("hdd",))
    for _ in range(2):
        await brain.meets(node, region="eu", tags=("ssd",), slots=9)
    async with sqlite.read() as session:
        met = await find(session, node.id)
    assert (met.region, met.tags, met.slots) == ("us", ["hdd"], 9)
    assert commands.claims(met) == {"region": "eu", "tags": ["ssd"]}
    assert await brain.events("node.claimed") == ["node.claimed_another_place"], "told once"
    changed = await change(sqlite, node, slots=3)
    assert (changed.region, changed.slots) == ("us", 3), "another decision of the operator says nothing of this"
    moved = await change(sqlite, node, region="eu")
    assert commands.claims(moved).keys() == {"tags"}
    followed = await change(sqlite, node, tags=None)
    assert (followed.region, followed.tags, commands.claims(followed)) == ("eu", ["ssd"], {})


async def test_order_of_tags_is_no_other_place(sqlite: Database) -> None:
    brain = Brain(sqlite)
    node = await brain.has_node()
    await brain.meets(node, tags=("a", "b"))
    await brain.meets(node, tags=("b", "a"))
    assert await brain.events("node.claimed") == []


async def test_a_copied_identity_is_refused(sqlite: Database) -> None:
    brain = Brain(sqlite)
    node = await brain.has_node(agent_id="somebody else")
    with pytest.raises(NodeIdentityInUse):
        await brain.meets(node)


async def test_an_unknown_node_is_refused(sqlite: Database) -> None:
    with pytest.raises(NodeNotFound):
        await Brain(sqlite).meets(make_node(id="nobody"))


async def test_silence_makes_suspect_then_offline_and_only_a_session_brings_it_back(sqlite: Database) -> None:
    clock = ManualClock()
    presence = Presence(NodeSettings(), clock, sqlite.signals)
    node = make_node()
    await add(sqlite, node)
    presence.connected(node.id)

    async def state_after(seconds: float) -> NodeState:
        await clock.advance(seconds)
        await judge_all(sqlite, presence, Fleet(sqlite, clock), clock=clock)
        async with sqlite.read() as session:
            return (await find(session, node.id)).state

    assert await state_after(14) is NodeState.ONLINE
    presence.heartbeat(node.id, beat())
    assert await state_after(14) is NodeState.ONLINE
    assert await state_after(1) is NodeState.SUSPECT
    presence.heartbeat(node.id, beat())
    assert await state_after(0) is NodeState.ONLINE
    assert await state_after(15) is NodeState.SUSPECT
    assert await state_after(30) is NodeState.OFFLINE
    presence.heartbeat(node.id, beat())
    assert await state_after(1) is NodeState.OFFLINE
    async with sqlite.read() as session:
        counts = await count_by_state(session)
    assert counts == {NodeState.ONLINE: 0, NodeState.SUSPECT: 0, NodeState.OFFLINE: 1}


@pytest.mark.parametrize("seconds", [3600, -3600])
async def test_a_clock_that_somebody_sets_is_no_silence(sqlite: Database, seconds: float) -> None:
    clock = ManualClock()
    presence = Presence(NodeSettings(), clock, sqlite.signals)
    node = make_node()
    await add(sqlite, node)
    presence.connected(node.id)
    clock.jump(seconds)
    states = []
    for _ in range(3):
        await clock.advance(6)
        await judge_all(sqlite, presence, Fleet(sqlite, clock), clock=clock)
        async with sqlite.read() as session:
            states.append((await find(session, node.id)).state)
    assert states == [NodeState.ONLINE, NodeState.ONLINE, NodeState.SUSPECT]


async def test_a_session_that_ends_makes_suspect_at_once(sqlite: Database) -> None:
    brain = Brain(sqlite)
    node = await brain.has_node()
    async with sqlite.write() as session:
        await sessions.claim(session, node.id, brain_id="b", session_id="s", interval_s=5, now=START)
    async with sqlite.write() as session:
        await commands.disconnected(session, node.id, session_id="s", at=START)
    async with sqlite.read() as session:
        assert (await find(session, node.id)).state is NodeState.SUSPECT
    await brain.meets(node)
    assert await brain.events("node.") == ["node.fell_silent", "node.came_online"]


async def test_after_a_start_of_the_brain_every_node_counts_as_heard(sqlite: Database) -> None:
    clock = ManualClock()
    await clock.advance(10_000)
    node = make_node()
    await add(sqlite, node)
    presence = Presence(NodeSettings(), clock, sqlite.signals)
    await judge_all(sqlite, presence, Fleet(sqlite, clock), clock=clock)
    async with sqlite.read() as session:
        assert (await find(session, node.id)).state is NodeState.ONLINE


async def test_heartbeats_are_further_apart_in_a_large_fleet(sqlite: Database) -> None:
    presence = Presence(NodeSettings(heartbeats_per_second=10), ManualClock(), sqlite.signals)
    intervals = [presence.connected(f"n{number}") for number in range(100)]
    assert intervals[0] == 5
    assert intervals[-1] == 10
    assert presence.suspect_after_s("n99") == 30


async def test_the_load_of_a_heartbeat_is_kept_and_wakes_the_scheduler_only_when_it_matters(sqlite: Database) -> None:
    presence = Presence(NodeSettings(), ManualClock(), sqlite.signals)
    presence.connected("n")
    with sqlite.signals.subscribe("placement") as woken:
        presence.heartbeat("n", beat(cpu_percent=1))
        presence.heartbeat("n", beat(cpu_percent=99))
        assert len(woken.drain()) == 1
        presence.heartbeat("n", beat(engine_up=False))
        presence.heartbeat("n", beat(engine_up=False, foreign_ports=(30001,)))
        assert len(woken.drain()) == 2
    load, usage = presence.load("n"), presence.usage("n", "i")
    assert load is not None
    assert load.foreign_ports == (30001,)
    assert usage is not None
    assert usage.memory_mb == 300
    assert presence.usage(None, "i") is None


async def test_a_node_that_holds_instances_is_removed_only_by_force(sqlite: Database) -> None:
    brain = Brain(sqlite)
    node, running = await brain.running()
    with pytest.raises(NodeNotEmpty, match="lobby"):
        await remove(sqlite, node, force=False)
    await remove(sqlite, node, force=True)
    given_up = await brain.get()
    assert given_up.problem is not None
    assert (given_up.state, given_up.node_id, given_up.problem["code"]) == (State.FAILED, None, "node_removed")
    with pytest.raises(NodeNotFound):
        async with sqlite.read() as session:
            await find(session, node.id)
    elsewhere = await brain.has_node()
    await brain.ask("start")
    await brain.schedule()
    assert (await brain.get()).node_id == elsewhere.id
    assert running.generation == 1


async def test_what_is_to_be_destroyed_goes_with_its_node(sqlite: Database) -> None:
    brain = Brain(sqlite)
    node = make_node()
    instance, lease = on_node(node, State.LOST)
    await add(sqlite, node, instance, lease)
    await brain.ask("destroy", instance.name)
    await remove(sqlite, node, force=True)
    assert (await brain.by_id(instance)).state is State.DESTROYED
