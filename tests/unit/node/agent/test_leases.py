"""A server with a lease is stopped by its node when no Brain is heard for too long; every other one goes on."""

from __future__ import annotations

import asyncio
from typing import Any

from hytopus.brain.instances.reconciling.replacement import KILL_S
from hytopus.node.runner.start import LEASE_PATIENCE
from hytopus.wire.messages import Heartbeat, NodeStatus, StartInstance, StopInstance
from tests.unit.node.agent.bed import Bed
from tests.unit.node.runner.records import game

LEASE = 60.0


async def leased(bed: Bed, generation: int = 1, **changes: Any) -> None:
    """A server that its node was lent, and a Brain that has just answered."""
    await bed.prepared(generation=generation, **changes)
    hear(bed)
    await bed.tell(StartInstance("i1", generation, lease_s=LEASE))
    await bed.expect(NodeStatus.RUNNING, generation)


def hear(bed: Bed) -> None:
    bed.agent.renewed(bed.agent.registering())


async def until_stopped(bed: Bed) -> None:
    await bed.pass_time_until(lambda: "stopped" in bed.sent.statuses())


async def test_it_is_stopped_gracefully_when_its_lease_has_run_out(bed: Bed) -> None:
    await leased(bed)
    await bed.clock.advance(LEASE - 2)
    await bed.settle()
    assert await bed.is_running()
    await until_stopped(bed)
    stopped = await bed.expect(NodeStatus.STOPPED)
    assert stopped.problem is not None
    assert stopped.problem.code == "lease_expired"
    assert bed.runtime.heard("i1") == ("stop",), "its world was saved"
    assert bed.clock.monotonic() < LEASE + 20


async def test_heartbeats_that_are_answered_keep_it_running(bed: Bed) -> None:
    await leased(bed)
    for _ in range(5):
        await bed.clock.advance(LEASE / 2)
        beat = bed.agent.heartbeat()
        assert beat.number > 0
        bed.agent.renewed(beat.number)
    await bed.settle()
    assert await bed.is_running()


async def test_without_a_lease_no_silence_ever_stops_it(bed: Bed) -> None:
    await bed.running()
    beat: Heartbeat = bed.agent.heartbeat()
    assert beat.number == 0, "and nothing is asked of the Brain"
    await bed.clock.advance(3600)
    await bed.settle()
    assert await bed.is_running()


async def test_a_command_that_comes_too_late_starts_nothing(bed: Bed) -> None:
    await bed.prepared()
    hear(bed)
    await bed.settle()
    await bed.clock.advance(LEASE + 1)
    await bed.tell(StartInstance("i1", 1, lease_s=LEASE))
    await bed.settle()
    await bed.clock.advance(LEASE_PATIENCE + 1)
    failed = await bed.expect(NodeStatus.FAILED)
    assert failed.problem is not None
    assert failed.problem.code == "lease_expired"
    assert not await bed.is_running()


async def test_the_first_that_is_lent_waits_until_a_brain_has_counted_on_the_node(bed: Bed) -> None:
    await bed.prepared()
    hear(bed)
    await bed.clock.advance(LEASE + 1)
    assert bed.agent.heartbeat().number == 0, "with nothing lent, nobody is asked"
    await bed.tell(StartInstance("i1", 1, lease_s=LEASE))
    await bed.settle()
    await bed.clock.advance(5)
    assert not await bed.is_running()
    assert bed.agent.heartbeat().number > 0
    hear(bed)
    await bed.pass_time_until(lambda: "running" in bed.sent.statuses())
    assert await bed.is_running()


async def test_the_next_agent_keeps_the_lease_of_the_one_before(bed: Bed) -> None:
    await leased(bed)
    await bed.clock.advance(LEASE / 2)
    await asyncio.to_thread(bed.lease.save)
    await bed.restart_agent()
    await bed.settle()
    assert await bed.is_running()
    await until_stopped(bed)
    assert bed.clock.monotonic() < LEASE + 20


async def test_an_agent_that_was_away_too_long_kills_what_it_finds(bed: Bed) -> None:
    """The Brain no longer counts a graceful stop in."""
    await leased(bed)
    await bed.kill_agent()
    await bed.clock.advance(LEASE + 3600)
    await bed.start_agent()
    await until_stopped(bed)
    assert bed.runtime.heard("i1") == ()


async def test_one_that_does_not_obey_is_killed_before_its_time_is_over(bed: Bed) -> None:
    deaf = {"FAKE_READY_LINE": "Server Booted", "FAKE_IGNORE_STOP": "1", "FAKE_IGNORE_SIGNALS": "1"}
    await leased(bed, game=game(environment=deaf))
    await until_stopped(bed)
    assert bed.clock.monotonic() < LEASE + 20 + 5 + KILL_S


async def test_an_operator_may_still_stop_it(bed: Bed) -> None:
    await leased(bed)
    await bed.tell(StopInstance("i1", 1))
    stopped = await bed.expect(NodeStatus.STOPPED)
    assert stopped.problem is None
