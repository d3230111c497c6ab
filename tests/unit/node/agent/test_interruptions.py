"""Commands that overtake what is under way, come twice, or come too late."""

from __future__ import annotations

import pytest

from hytopus.node.runtime.base import ContainerFault
from hytopus.wire.messages import DestroyInstance, InstanceCommand, NodeStatus, StartInstance, StopInstance
from tests.unit.node.agent.bed import Bed
from tests.unit.node.runner.records import assignment, game

KILL = StopInstance("i1", 1, kill=True)
STOP = StopInstance("i1", 1)
DESTROY = DestroyInstance("i1", 1)

READY = {"FAKE_READY_LINE": "Server Booted"}
SLOW_START = game(environment={**READY, "FAKE_START_TAKES": "2"})
SLOW_READY = game(environment={**READY, "FAKE_READY_AFTER": "30"})
SLOW_STOP = game(environment={**READY, "FAKE_STOP_TAKES": "15"})

ENDS = {KILL: NodeStatus.STOPPED, STOP: NodeStatus.STOPPED, DESTROY: NodeStatus.DESTROYED}


@pytest.mark.parametrize("command", [KILL, STOP, DESTROY])
async def test_a_preparation_is_dropped_at_once(bed: Bed, command: InstanceCommand) -> None:
    bed.directories.seconds = 100
    await bed.tell(assignment())
    await bed.clock.sleeping(50)
    await bed.tell(command)
    await bed.expect(ENDS[command])
    assert bed.clock.monotonic() == 0
    assert not bed.directories.on_disk
    assert "prepared" not in bed.sent.statuses()
    bed.directories.seconds = 0
    await bed.running(generation=2)


@pytest.mark.parametrize("command", [KILL, STOP, DESTROY])
async def test_a_container_that_is_being_started_does_not_appear_after_the_end(
    bed: Bed, command: InstanceCommand
) -> None:
    await bed.prepared(game=SLOW_START)
    await bed.tell(StartInstance("i1", 1))
    await bed.clock.sleeping(2)
    await bed.tell(command)
    await bed.settle()
    assert not bed.runtime.specs()
    await bed.clock.advance(2)
    await bed.expect(ENDS[command])
    assert not await bed.is_running()
    assert "running" not in bed.sent.statuses()


@pytest.mark.parametrize("command", [KILL, STOP, DESTROY])
async def test_waiting_for_readiness_is_dropped_at_once(bed: Bed, command: InstanceCommand) -> None:
    await bed.prepared(game=SLOW_READY)
    await bed.tell(StartInstance("i1", 1))
    await bed.clock.sleeping(30)
    await bed.tell(command)
    await bed.expect(ENDS[command])
    assert bed.clock.monotonic() == 0
    assert not await bed.is_running()
    assert "running" not in bed.sent.statuses()


@pytest.mark.parametrize("command", [KILL, DESTROY])
async def test_a_stop_under_way_is_overtaken(bed: Bed, command: InstanceCommand) -> None:
    await bed.running(game=SLOW_STOP)
    await bed.tell(STOP)
    await bed.clock.sleeping(15)
    await bed.tell(command)
    await bed.expect(ENDS[command])
    assert bed.clock.monotonic() == 0


async def test_a_restart_while_it_stops_waits_for_the_end_and_starts_once(bed: Bed) -> None:
    await bed.running(game=SLOW_STOP)
    await bed.tell(STOP)
    await bed.clock.sleeping(15)
    await bed.tell(StartInstance("i1", 2))
    await bed.expect(NodeStatus.STARTING, 2)
    await bed.clock.advance(15)
    await bed.expect(NodeStatus.RUNNING, 2)
    assert bed.runtime.specs()["i1"].generation == 2


async def test_commands_that_come_twice_change_nothing(bed: Bed) -> None:
    await bed.tell(assignment(), assignment())
    await bed.expect(NodeStatus.PREPARED)
    await bed.tell(assignment())
    await bed.expect(NodeStatus.PREPARED)
    await bed.tell(StartInstance("i1", 1), StartInstance("i1", 1))
    await bed.expect(NodeStatus.RUNNING)
    first = bed.runtime.specs()["i1"]
    await bed.tell(StartInstance("i1", 1), assignment())
    await bed.expect(NodeStatus.RUNNING)
    await bed.expect(NodeStatus.RUNNING)
    assert bed.runtime.specs()["i1"] is first
    await bed.tell(STOP, STOP, STOP)
    await bed.expect(NodeStatus.STOPPED)
    await bed.tell(STOP, StartInstance("i1", 1))
    await bed.expect(NodeStatus.STOPPED)
    await bed.expect(NodeStatus.STOPPED)
    assert not await bed.is_running()
    assert bed.runtime.heard("i1") == ("stop",)
    await bed.tell(DESTROY)
    await bed.expect(NodeStatus.DESTROYED)
    await bed.tell(DESTROY)
    await bed.expect(NodeStatus.DESTROYED)


async def test_a_repeated_command_reports_where_things_are(bed: Bed) -> None:
    await bed.prepared(game=SLOW_READY)
    await bed.tell(StartInstance("i1", 1))
    await bed.expect(NodeStatus.STARTING)
    await bed.tell(StartInstance("i1", 1))
    assert (await bed.expect(NodeStatus.STARTING)).step == "container"


async def test_older_commands_are_ignored(bed: Bed) -> None:
    await bed.running(generation=5)
    count = len(bed.sent.reports)
    await bed.tell(
        assignment(generation=4),
        StartInstance("i1", 4),
        StopInstance("i1", 4, kill=True),
        DestroyInstance("i1", 4),
    )
    await bed.settle()
    assert len(bed.sent.reports) == count
    assert await bed.is_running()


async def test_a_new_preparation_replaces_an_old_one_under_way(bed: Bed) -> None:
    bed.directories.seconds = 100
    await bed.tell(assignment())
    await bed.clock.sleeping(50)
    bed.directories.seconds = 0
    await bed.prepared(generation=2)
    assert bed.directories.on_disk["i1"].generation == 2
    assert not [
        report for report in bed.sent.reports if report.status is NodeStatus.PREPARED and report.generation == 1
    ]


async def test_nothing_overtakes_a_destruction(bed: Bed) -> None:
    await bed.running()
    bed.directories.cannot_destroy = ContainerFault(verb="remove", instance="i1", why="busy")
    await bed.tell(DESTROY)
    failed = await bed.expect(NodeStatus.FAILED)
    assert failed.problem is not None
    assert failed.problem.code == "container_fault"
    await bed.tell(assignment(generation=2), StartInstance("i1", 2))
    await bed.settle()
    bed.directories.cannot_destroy = None
    await bed.pass_time_until(lambda: bed.sent.statuses()[-1] == "destroyed")
    assert not bed.runtime.specs()
    await bed.running(generation=3)
