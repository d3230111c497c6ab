"""The keyed queue: each key is worked on, never twice at once, again if asked meanwhile, later when that was asked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Any

from hytopus.brain.control.controller import Controller, Topic
from hytopus.brain.db.signals import Signals
from tests.harness.clock import ManualClock


class Bench:
    """A controller whose work is recorded."""

    def __init__(self, work: Callable[[str], Awaitable[float | None]] | None = None, **options: Any) -> None:
        self.clock, self.signals = ManualClock(), Signals()
        self.done: list[str] = []
        self.swept: list[str] = []
        self._work = work
        self.controller: Controller[str] = Controller(
            "test",
            self._reconcile,
            clock=self.clock,
            signals=self.signals,
            topics={"topic": Topic(self._itself), "patient": Topic(self._itself, patience=5)},
            due=self._due,
            sweep_s=60,
            **options,
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Bench]:
        task = asyncio.create_task(self.controller.run())
        await self.clock.settle()
        try:
            yield self
            assert not task.done()
        finally:
            task.cancel()
            await asyncio.wait({task})

    async def _reconcile(self, key: str) -> float | None:
        self.done.append(key)
        return await self._work(key) if self._work is not None else None

    async def _itself(self, value: Any) -> Iterable[str]:
        return (str(value),)

    async def _due(self) -> Iterable[str]:
        return self.swept


async def test_a_signal_is_worked_on_once() -> None:
    async with Bench().running() as bench:
        for _ in range(3):
            bench.signals.publish("topic", "a")
        bench.signals.publish("topic", "b")
        await bench.clock.settle()
        assert sorted(bench.done) == ["a", "b"]


async def test_a_key_that_is_asked_for_while_it_is_worked_on_is_worked_on_again_afterwards() -> None:
    gate = asyncio.Event()
    at_once = 0

    async def work(_key: str) -> None:
        nonlocal at_once
        at_once += 1
        assert at_once == 1
        await gate.wait()
        at_once -= 1

    async with Bench(work, workers=4).running() as bench:
        bench.controller.enqueue("a")
        await bench.clock.settle()
        bench.controller.enqueue("a")
        bench.controller.enqueue("a")
        await bench.clock.settle()
        assert bench.done == ["a"]
        gate.set()
        await bench.clock.settle()
        assert bench.done == ["a", "a"]


async def test_different_keys_are_worked_on_side_by_side() -> None:
    gate = asyncio.Event()

    async def work(_key: str) -> None:
        await gate.wait()

    async with Bench(work, workers=2).running() as bench:
        for key in ("a", "b", "c"):
            bench.controller.enqueue(key)
        await bench.clock.settle()
        assert bench.done == ["a", "b"]


async def test_a_key_comes_back_when_it_asked_for_it() -> None:
    async def work(_key: str) -> float:
        return 10.0

    async with Bench(work).running() as bench:
        bench.controller.enqueue("a")
        await bench.clock.advance(9)
        assert bench.done == ["a"]
        await bench.clock.advance(1)
        assert bench.done == ["a", "a"]


async def test_the_earlier_of_two_moments_counts() -> None:
    async with Bench().running() as bench:
        bench.controller.enqueue_after("a", 10)
        bench.controller.enqueue_after("a", 3)
        bench.controller.enqueue_after("a", 20)
        await bench.clock.advance(3)
        assert bench.done == ["a"]
        await bench.clock.advance(50)
        assert bench.done == ["a"]


async def test_a_patient_topic_waits_for_more_of_the_same() -> None:
    async with Bench().running() as bench:
        for _ in range(4):
            bench.signals.publish("patient", "a")
            await bench.clock.advance(1)
        assert bench.done == []
        await bench.clock.advance(1)
        assert bench.done == ["a"]


async def test_a_failure_is_tried_again_with_growing_pauses() -> None:
    async def work(_key: str) -> None:
        raise RuntimeError("not yet")

    async with Bench(work).running() as bench:
        bench.controller.enqueue("a")
        await bench.clock.advance(1)
        soon = len(bench.done)
        assert soon > 2
        await bench.clock.advance(20)
        assert soon < len(bench.done) < 20


async def test_the_sweep_finds_what_no_signal_was_given_for() -> None:
    async with Bench().running() as bench:
        bench.swept = ["forgotten"]
        await bench.clock.advance(60)
        assert bench.done == ["forgotten"]


async def test_a_cancelled_controller_leaves_nothing_behind() -> None:
    async def work(_key: str) -> None:
        await asyncio.Event().wait()

    before = asyncio.all_tasks()
    async with Bench(work).running() as bench:
        bench.controller.enqueue("a")
        bench.controller.enqueue_after("b", 5)
        await bench.clock.settle()
    await bench.clock.settle()
    assert asyncio.all_tasks() == before
