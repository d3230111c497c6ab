"""Waiting with a deadline, to the very end, and in a task of its own: what cancels it, and what does not."""

from __future__ import annotations

import asyncio

import pytest

from hytopus.kit.waiting import COMPANY_S, apart, finish, in_company, within
from tests.harness.clock import ManualClock


async def _group_whose_child_fails_while_it_winds_up() -> str:
    winding_up = asyncio.Event()

    async def child() -> None:
        await winding_up.wait()
        raise ConnectionError("gone")

    try:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(child())
            winding_up.set()
    except* ConnectionError:
        pass
    return "done"


async def test_what_a_task_group_does_to_its_task_does_not_reach_the_caller() -> None:
    assert await apart(_group_whose_child_fails_while_it_winds_up()) == "done"
    task = asyncio.current_task()
    assert task is not None
    assert not task.cancelling()


async def test_a_cancellation_is_not_lost_to_a_failure_at_the_same_moment() -> None:
    fail = asyncio.Event()

    async def child() -> None:
        await fail.wait()
        raise ConnectionError("gone")

    async def group() -> None:
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(child())
                await asyncio.Event().wait()
        except* ConnectionError:
            pass

    caller = asyncio.create_task(apart(group()))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    fail.set()
    caller.cancel()
    await asyncio.wait({caller})
    assert caller.cancelled()


async def test_cancelling_waits_for_the_work_to_wind_up() -> None:
    steps: list[str] = []

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            steps.append("wound up")

    caller = asyncio.create_task(apart(work()))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    assert steps == ["wound up"]


async def test_results_and_errors_come_through() -> None:
    async def failing() -> None:
        raise ConnectionError("gone")

    with pytest.raises(ConnectionError, match="gone"):
        await apart(failing())


async def test_work_that_takes_too_long_is_cancelled_and_its_time_is_up() -> None:
    clock, cancelled = ManualClock(), asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    waiting = asyncio.create_task(within(clock, 5, work()))
    await clock.advance(5)
    with pytest.raises(TimeoutError):
        await waiting
    assert cancelled.is_set()


async def test_work_that_ends_in_the_last_moment_has_its_result() -> None:
    clock = ManualClock()
    waiting = asyncio.create_task(within(clock, 5, asyncio.sleep(0, "done")))
    await clock.advance(5)
    assert await waiting == "done"


async def test_what_must_not_be_left_half_done_is_done_before_a_cancellation_takes_effect() -> None:
    steps: list[str] = []
    go_on = asyncio.Event()

    async def work() -> None:
        await go_on.wait()
        steps.append("done")

    caller = asyncio.create_task(finish(work()))
    await asyncio.sleep(0)
    caller.cancel()
    await asyncio.sleep(0)
    assert not caller.done()
    go_on.set()
    await asyncio.wait({caller})
    assert caller.cancelled()
    assert steps == ["done"]


async def test_who_waits_in_company_wakes_with_the_others_and_never_too_early() -> None:
    clock = ManualClock()
    moments = set()
    for _ in range(40):
        await clock.advance(0.25)
        seconds = in_company(clock, 60)
        assert 60 <= seconds < 60 + COMPANY_S
        moments.add(clock.monotonic() + seconds)
    assert len(moments) == 40 * 0.25 / COMPANY_S
