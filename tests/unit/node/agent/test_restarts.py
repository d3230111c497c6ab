"""Agents come and go; servers, files and what was asked for stay."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from hytopus.node.journal import Journal
from hytopus.node.runtime.fake import FakeRuntime
from hytopus.wire.messages import (
    DestroyInstance,
    InstanceCommand,
    InstanceReport,
    NodeStatus,
    StartInstance,
    StopInstance,
)
from tests.services.waiting import eventually
from tests.unit.node.agent.bed import Bed
from tests.unit.node.runner.records import assignment, game

READY = {"FAKE_READY_LINE": "Server Booted"}


def inventory(bed: Bed) -> dict[str, str]:
    return {report.instance_id: report.status.value for report in bed.agent.inventory()}


async def test_a_running_server_is_adopted_and_not_touched(bed: Bed) -> None:
    await bed.running()
    first = bed.runtime.specs()["i1"]
    await bed.restart_agent()
    (report,) = bed.agent.inventory()
    assert (report.status, report.generation) == (NodeStatus.RUNNING, 1)
    assert bed.runtime.specs()["i1"] is first
    await bed.tell(StopInstance("i1", 1))
    assert (await bed.expect(NodeStatus.STOPPED)).exit_kind == "clean"


@pytest.mark.parametrize(
    ("exit_code", "status", "kind"),
    [(0, "stopped", "clean"), (1, "failed", "crash"), (7, "failed", "configuration")],
)
async def test_a_server_that_ended_meanwhile_is_judged_as_if_we_had_seen_it(
    bed: Bed, exit_code: int, status: str, kind: str
) -> None:
    await bed.running()
    bed.runtime.say("i1", "good bye")
    await bed.kill_agent()
    bed.runtime.crash("i1", exit_code=exit_code)
    await bed.start_agent()
    report = await bed.expect(NodeStatus(status))
    assert (report.exit_code, report.exit_kind, report.restored) == (exit_code, kind, True)
    assert report.log_tail == (("Server Booted", "good bye") if status == "failed" else ())
    assert inventory(bed) == {"i1": status}


async def test_a_server_that_was_removed_meanwhile_has_vanished(bed: Bed) -> None:
    await bed.running()
    await bed.kill_agent()
    bed.runtime.lose("i1")
    await bed.start_agent()
    report = await bed.expect(NodeStatus.FAILED)
    assert report.problem is not None
    assert report.problem.code == "container_vanished"


async def test_a_preparation_that_was_interrupted_waits_for_the_brain_to_repeat_it(bed: Bed) -> None:
    bed.directories.seconds = 100
    await bed.tell(assignment())
    await bed.clock.sleeping(50)
    bed.directories.seconds = 0
    await bed.restart_agent()
    assert inventory(bed) == {"i1": "preparing"}
    assert not bed.directories.on_disk
    await bed.tell(assignment())
    await bed.expect(NodeStatus.PREPARED)
    await bed.restart_agent()
    assert inventory(bed) == {"i1": "prepared"}
    await bed.tell(StartInstance("i1", 1))
    await bed.expect(NodeStatus.RUNNING)


async def test_a_server_that_became_ready_meanwhile_is_running(bed: Bed) -> None:
    await bed.prepared(game=game(environment={**READY, "FAKE_READY_AFTER": "30"}))
    await bed.tell(StartInstance("i1", 1))
    await bed.clock.sleeping(30)
    await bed.kill_agent()
    await bed.clock.advance(30)
    await bed.start_agent()
    await bed.expect(NodeStatus.RUNNING)


async def test_the_deadline_for_readiness_counts_from_the_start_of_the_container(bed: Bed) -> None:
    await bed.prepared(game=game(environment={"FAKE_READY_AFTER": "never"}))
    await bed.tell(StartInstance("i1", 1))
    await bed.clock.sleeping(60)
    until = bed.clock.monotonic() + 60
    await bed.clock.advance(40)
    await bed.restart_agent()  # which may take some time
    assert inventory(bed) == {"i1": "starting"}
    await bed.clock.sleeping(until - bed.clock.monotonic())
    await bed.clock.advance(20)
    report = await bed.expect(NodeStatus.FAILED)
    assert report.problem is not None
    assert report.problem.code == "ready_timeout"


async def test_a_start_without_a_container_waits_for_the_brain_to_repeat_it(bed: Bed) -> None:
    await bed.prepared()
    bed.runtime.go_down()
    await bed.tell(StartInstance("i1", 1))
    await bed.expect(NodeStatus.STARTING)
    await bed.kill_agent()
    bed.runtime.come_back()
    await bed.start_agent()
    assert inventory(bed) == {"i1": "starting"}
    assert not bed.runtime.specs()
    await bed.tell(StartInstance("i1", 1))
    await bed.expect(NodeStatus.RUNNING)


async def test_a_stop_under_way_goes_on_by_itself(bed: Bed) -> None:
    await bed.running(game=game(environment={**READY, "FAKE_STOP_TAKES": "15"}))
    await bed.tell(StopInstance("i1", 1))
    await bed.clock.sleeping(15)
    await bed.restart_agent()
    assert inventory(bed) == {"i1": "stopping"}
    await bed.clock.advance(15)
    assert (await bed.expect(NodeStatus.STOPPED)).exit_kind == "clean"


async def test_a_destruction_under_way_goes_on_by_itself(bed: Bed) -> None:
    await bed.running()
    bed.runtime.go_down()
    await bed.tell(DestroyInstance("i1", 1))
    await bed.settle()
    await bed.kill_agent()
    bed.runtime.come_back()
    await bed.start_agent()
    await bed.expect(NodeStatus.DESTROYED)
    assert not bed.runtime.specs()
    assert not bed.directories.on_disk


async def test_a_container_without_a_record_is_kept_and_can_be_stopped_and_destroyed(bed: Bed) -> None:
    await bed.running(generation=3)
    await bed.kill_agent()
    await Journal(bed.root / "journal").forget("i1")
    await bed.start_agent()
    (report,) = bed.agent.inventory()
    assert (report.status, report.generation) == (NodeStatus.RUNNING, 3)
    await bed.tell(StopInstance("i1", 3))
    assert (await bed.expect(NodeStatus.STOPPED, 3)).exit_code == 143
    await bed.tell(DestroyInstance("i1", 3))
    await bed.expect(NodeStatus.DESTROYED, 3)
    assert not bed.directories.on_disk


async def test_a_lost_record_of_a_running_server_needs_a_new_preparation(bed: Bed) -> None:
    await bed.running()
    await bed.kill_agent()
    (bed.root / "journal" / "instances" / "i1.json").write_text("{broken")
    await bed.start_agent()
    assert inventory(bed) == {"i1": "running"}
    await bed.tell(StopInstance("i1", 1), StartInstance("i1", 2))
    report = await bed.expect(NodeStatus.FAILED, 2)
    assert report.problem is not None
    assert report.problem.code == "not_prepared"
    await bed.running(generation=3)


async def test_an_engine_that_is_away_at_the_start_does_not_hold_the_agent_up(bed: Bed) -> None:
    await bed.running()
    await bed.kill_agent()
    bed.runtime.go_down()
    await bed.start_agent()
    assert inventory(bed) == {"i1": "running"}
    assert not (bed.agent.heartbeat()).load.engine_up
    bed.runtime.come_back()
    bed.runtime.crash("i1")
    await bed.pass_time_until(lambda: bed.sent.statuses()[-1] == "failed")
    assert (bed.agent.heartbeat()).load.engine_up


@pytest.mark.parametrize("kill", [False, True])
async def test_an_engine_restart(bed: Bed, kill: bool) -> None:
    await bed.running()
    bed.runtime.go_down(kill=kill)
    await bed.clock.advance(5)
    assert bed.sent.statuses()[-1] == "running"
    assert not (bed.agent.heartbeat()).load.engine_up
    bed.runtime.come_back()
    if kill:
        await bed.pass_time_until(lambda: bed.sent.statuses()[-1] == "failed")
        assert bed.sent.reports[-1].exit_code == 137
        assert bed.sent.reports[-1].restored, "it ended with the engine, not by itself"
        await bed.tell(StartInstance("i1", 2))
        await bed.expect(NodeStatus.RUNNING, 2)
        return
    await bed.pass_time_until(lambda: bed.agent.sample().engine_up)
    assert bed.sent.statuses()[-1] == "running"
    bed.runtime.say("i1", "still here")
    async with asyncio.timeout(5):
        while [line["text"] for line in (await bed.ask("logs", tail=10))["lines"]] != ["Server Booted", "still here"]:
            await bed.clock.advance(1)


@pytest.mark.parametrize("command", [StopInstance("i1", 1), StopInstance("i1", 1, kill=True), DestroyInstance("i1", 1)])
async def test_commands_wait_for_an_engine_that_is_away(bed: Bed, command: InstanceCommand) -> None:
    await bed.running()
    bed.runtime.go_down()
    await bed.tell(command)
    await bed.settle()
    await bed.clock.advance(100)
    assert bed.sent.statuses()[-1] in {"running", "stopping"}
    bed.runtime.come_back()
    end = "destroyed" if isinstance(command, DestroyInstance) else "stopped"
    await bed.pass_time_until(lambda: bed.sent.statuses()[-1] == end)


async def test_waiting_for_the_engine_costs_nothing(bed: Bed) -> None:
    await bed.running()
    bed.runtime.go_down()
    await bed.tell(StopInstance("i1", 1))
    await eventually(lambda: bed.engine_errors, what="the first attempt")
    await bed.settle()
    tried = len(bed.engine_errors)
    bed.agent.crew.instance("i1").poke()
    await bed.settle()
    assert len(bed.engine_errors) == tried + 1, "once for the poke, not for ever"


async def test_a_start_gives_up_on_an_engine_that_stays_away(bed: Bed) -> None:
    await bed.prepared()
    bed.runtime.go_down()
    await bed.tell(StartInstance("i1", 1))
    await bed.clock.sleeping(60)
    await bed.clock.advance(59)
    assert bed.sent.statuses()[-1] == "starting"
    await bed.clock.advance(1)
    report = await bed.expect(NodeStatus.FAILED)
    assert report.problem is not None
    assert report.problem.code == "engine_unavailable"


class Brain:
    """Wants one thing, and tells the node the one command that follows from the last report (level-triggered)."""

    def __init__(self, bed: Bed, *, destroyed: bool) -> None:
        self.bed, self.destroyed = bed, destroyed
        self.status: NodeStatus | None = None

    @property
    def done(self) -> bool:
        return self.status is (NodeStatus.DESTROYED if self.destroyed else NodeStatus.RUNNING)

    def see(self, report: InstanceReport) -> None:
        if report.status is not self.status:
            self.status = report.status
            self.commanding = asyncio.ensure_future(self.command())

    async def command(self) -> None:
        wanted: dict[NodeStatus | None, InstanceCommand] = {
            None: assignment(),
            NodeStatus.PREPARING: assignment(),
            NodeStatus.PREPARED: StartInstance("i1", 1),
            NodeStatus.STARTING: StartInstance("i1", 1),
        }
        if self.destroyed:
            wanted |= {
                NodeStatus.RUNNING: StopInstance("i1", 1),
                NodeStatus.STOPPING: StopInstance("i1", 1),
                NodeStatus.STOPPED: DestroyInstance("i1", 1),
            }
        if self.status in wanted:
            await self.bed.tell(wanted[self.status])

    async def connect(self) -> None:
        for report in self.bed.agent.inventory():
            self.status = report.status
        await self.command()


class Counting(FakeRuntime):
    """Counts containers."""

    started = 0

    async def start(self, spec):  # type: ignore[no-untyped-def]
        before = await self.inspect(spec.instance_id)
        state = await super().start(spec)
        self.started += before is None or before.start != (spec.generation, spec.attempt)
        return state


@pytest.mark.parametrize("destroyed", [False, True])
@pytest.mark.parametrize("kill_at", range(1, 9))
async def test_killed_at_every_report_it_converges_and_starts_once(bed: Bed, kill_at: int, destroyed: bool) -> None:
    """The agent dies the moment its n-th message is out, and again at the n-th of the next agent, five times."""
    bed.runtime.__class__ = Counting
    runtime = bed.runtime
    assert isinstance(runtime, Counting)
    brain = Brain(bed, destroyed=destroyed)
    dies = _mortal(bed, brain, kill_at)
    for _ in range(5):
        await brain.connect()
        await bed.sent.until(lambda: dies() or brain.done)  # noqa: B023 - called before the loop goes on
        if brain.done:
            break
        await bed.restart_agent()
        dies = _mortal(bed, brain, kill_at)
    else:
        await bed.restart_agent()
        _mortal(bed, brain, 10_000)
        await brain.connect()
    await bed.sent.until(lambda: brain.done)
    assert runtime.started == 1
    assert bool(runtime.specs()) is not destroyed
    assert ("i1" in bed.directories.on_disk) is not destroyed


def _mortal(bed: Bed, brain: Brain, kill_at: int) -> Callable[[], bool]:
    """Let this agent die when it sends its n-th message; says whether it has."""
    left = kill_at
    dead = False

    def hear(report: InstanceReport) -> None:
        nonlocal left, dead
        left -= 1
        if not dead:
            brain.see(report)
        if left == 0:
            dead = True
            bed.strike()

    bed.sent.hear = hear
    return lambda: dead
