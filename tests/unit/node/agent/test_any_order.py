"""Whatever happens in whatever order: nothing starts twice, the agent never fails, and everything converges."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hytopus.kit.waiting import inline
from hytopus.node.cache.errors import ObjectMissing
from hytopus.node.runtime.base import ContainerSpec, ContainerState
from hytopus.node.runtime.fake import FakeRuntime
from hytopus.wire.messages import DestroyInstance, InstanceCommand, NodeStatus, StartInstance, StopInstance
from tests.unit.node.agent.bed import Bed
from tests.unit.node.runner.clock import StillClock
from tests.unit.node.runner.records import assignment, game

SLOW = game(
    environment={
        "FAKE_READY_LINE": "Server Booted",
        "FAKE_START_TAKES": "1",
        "FAKE_READY_AFTER": "3",
        "FAKE_STOP_TAKES": "4",
    }
)

COMMANDS = st.tuples(
    st.sampled_from(["prepare", "start", "stop", "kill", "destroy"]), st.sampled_from([-1, 0, 0, 0, 1])
)
FAULTS = st.tuples(
    st.sampled_from(["restart", "down", "down and kill", "up", "crash", "lose", "break layers", "mend layers"]),
    st.just(0),
)
TIME = st.tuples(st.just("wait"), st.sampled_from([1, 2, 5, 30]))


class Watched(FakeRuntime):
    """Remembers which generations were started, and that it had no container of an older one running then."""

    def __init__(self, *words: Any, **more: Any) -> None:
        super().__init__(*words, **more)
        self.generations: list[int] = []

    async def start(self, spec: ContainerSpec) -> ContainerState:
        before = self.specs().get(spec.instance_id)
        state = await super().start(spec)
        if before is None or before.generation != spec.generation:
            self.generations.append(spec.generation)
        return state


class Story:
    """One node, one instance, and a script of events."""

    def __init__(self, bed: Bed, runtime: Watched) -> None:
        self.bed, self.runtime = bed, runtime
        self.generation = 1

    async def play(self, event: tuple[str, int]) -> None:
        what, number = event
        match what:
            case "wait":
                await self.bed.clock.advance(number)
            case "restart":
                await self.bed.restart_agent()
            case "down" | "down and kill":
                self.runtime.go_down(kill=what == "down and kill")
            case "up":
                self.runtime.come_back()
            case "crash" | "lose":
                self.harm(what)
            case "break layers":
                self.bed.directories.fail["base"] = ObjectMissing(layer="base@1")
            case "mend layers":
                self.bed.directories.fail.clear()
            case _:
                self.generation = max(1, self.generation + max(number, 0))
                await self.bed.tell(command(what, max(1, self.generation + min(number, 0))))
        await self.settle()

    def harm(self, what: str) -> None:
        if "i1" in self.runtime.specs():
            (self.runtime.crash if what == "crash" else self.runtime.lose)("i1")

    async def settle(self) -> None:
        for _ in range(60):
            await asyncio.sleep(0)
        assert self.bed.alive
        assert "agent_fault" not in {report.problem.code for report in self.bed.sent.reports if report.problem}
        assert len(set(self.runtime.generations)) == len(self.runtime.generations), "a generation started twice"

    async def heal(self) -> None:
        self.runtime.come_back()
        self.bed.directories.fail.clear()

    async def reach(self, goal: NodeStatus, generation: int) -> None:
        """Be the Brain: say again and again what follows from how things stand."""
        for _ in range(100):
            status = self.standing(generation)
            if status is goal:
                return
            await self.bed.tell(next_command(status, goal, generation))
            await self.bed.clock.advance(3)
            await self.settle()
        raise AssertionError(f"not {goal} but {self.standing(generation)}")

    def standing(self, generation: int) -> NodeStatus | None:
        """None also for what stands at another generation."""
        held = self.bed.agent.inventory()
        if not held:
            last = self.bed.sent.reports[-1] if self.bed.sent.reports else None
            return (
                last.status if last and (last.status, last.generation) == (NodeStatus.DESTROYED, generation) else None
            )
        return held[0].status if held[0].generation == generation else None


def command(what: str, generation: int) -> InstanceCommand:
    match what:
        case "prepare":
            return assignment(generation=generation, game=SLOW)
        case "start":
            return StartInstance("i1", generation)
        case "destroy":
            return DestroyInstance("i1", generation)
        case _:
            return StopInstance("i1", generation, kill=what == "kill")


def next_command(status: NodeStatus | None, goal: NodeStatus, generation: int) -> InstanceCommand:
    if goal is NodeStatus.DESTROYED:
        return command("destroy", generation)
    if goal is NodeStatus.STOPPED:
        return command("stop", generation)
    return command("start" if status in {NodeStatus.PREPARED, NodeStatus.STARTING} else "prepare", generation)


async def tell(events: Sequence[tuple[str, int]], root: Path) -> None:
    clock = StillClock()
    runtime = Watched(clock)
    bed = Bed(root, clock, runtime, blocking=inline)
    bed.directories.seconds = 2
    story = Story(bed, runtime)
    try:
        await bed.start_agent()
        for event in events:
            await story.play(event)
        await story.heal()
        await clock.advance(90)
        await story.settle()
        last = story.generation + 1
        await story.reach(NodeStatus.RUNNING, last)
        assert runtime.specs()["i1"].generation == last
        await story.reach(NodeStatus.STOPPED, last)
        await story.reach(NodeStatus.DESTROYED, last)
        assert not runtime.specs()
        assert not bed.directories.on_disk
        assert not list((root / "journal" / "instances").iterdir())
    finally:
        await bed.kill_agent()
        await runtime.close()


@pytest.mark.timeout(300)
@settings(max_examples=60, deadline=None)
@given(st.lists(st.one_of(COMMANDS, COMMANDS, FAULTS, TIME), max_size=25))
def test_whatever_happens_it_converges(events: list[tuple[str, int]]) -> None:
    with tempfile.TemporaryDirectory() as root:
        asyncio.run(tell(events, Path(root)))
