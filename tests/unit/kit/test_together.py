"""Rounds: who shares one, who begins one, and what becomes of them when somebody is cancelled or something breaks."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from hytopus.kit.rush import MANY, Rush
from hytopus.kit.together import Together
from tests.harness.clock import ManualClock


class Work:
    """Doubles numbers, in as many rounds as the test allows."""

    def __init__(self) -> None:
        self.rounds: list[list[int]] = []
        self.allowed = asyncio.Semaphore(0)

    async def __call__(self, items: Sequence[int]) -> list[int]:
        self.rounds.append(list(items))
        await self.allowed.acquire()
        if 0 in items:
            raise ZeroDivisionError
        return [2 * item for item in items]

    def allow(self, rounds: int) -> None:
        for _ in range(rounds):
            self.allowed.release()


async def _settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_one_alone_does_not_wait_for_company() -> None:
    work = Work()
    work.allow(9)
    together = Together(work)
    assert [await together(3), await together(4)] == [6, 8]
    assert work.rounds == [[3], [4]]


async def test_who_comes_during_a_round_shares_the_next() -> None:
    work = Work()
    together = Together(work, most=3)
    asked = [asyncio.create_task(together(number)) for number in (1, 2, 3, 4, 5)]
    await _settle()
    later = asyncio.create_task(together(6))
    work.allow(9)
    assert await asyncio.gather(*asked, later) == [2, 4, 6, 8, 10, 12]
    assert work.rounds == [[1], [2, 3, 4], [5, 6]]


async def test_what_breaks_a_round_breaks_it_for_all_in_it_and_for_nobody_else() -> None:
    work = Work()
    together = Together(work, most=2)
    asked = [asyncio.create_task(together(number)) for number in (1, 2, 0, 4)]
    await _settle()
    work.allow(9)
    found = await asyncio.gather(*asked, return_exceptions=True)
    assert [type(each) for each in found] == [int, ZeroDivisionError, ZeroDivisionError, int]


async def test_another_takes_over_from_one_who_is_cancelled() -> None:
    work = Work()
    together = Together(work)
    leader, follower = (asyncio.create_task(together(number)) for number in (1, 2))
    await _settle()
    leader.cancel()
    await _settle()
    work.allow(9)
    assert await follower == 4
    assert leader.cancelled()
    assert work.rounds == [[1], [2]]


async def test_a_round_whose_leader_is_cancelled_is_done_again_by_another() -> None:
    work = Work()
    together = Together(work)
    alone, leader, follower = (asyncio.create_task(together(number)) for number in (1, 2, 3))
    await _settle()
    work.allow(1)
    assert await alone == 2
    await _settle()
    leader.cancel()
    await _settle()
    work.allow(1)
    assert await follower == 6
    assert work.rounds == [[1], [2, 3], [3]]


async def test_one_who_is_cancelled_while_he_waits_is_left_out() -> None:
    work = Work()
    together = Together(work, most=1)
    first, second, third = (asyncio.create_task(together(number)) for number in (1, 2, 3))
    await _settle()
    second.cancel()
    await _settle()
    work.allow(9)
    assert (await first, await third) == (2, 6)
    assert work.rounds == [[1], [3]]


async def test_rounds_that_give_way_rest_in_a_rush_and_gather_meanwhile() -> None:
    clock, work = ManualClock(), Work()
    rush = Rush(clock)
    together = Together(work, gives_way=rush)
    first = asyncio.create_task(together(1))
    await _settle()
    rush.note(MANY)
    await clock.advance(0.05)
    work.allow(2)
    assert await first == 2
    asked = [asyncio.create_task(together(number)) for number in (2, 3)]
    await _settle()
    asked.append(asyncio.create_task(together(4)))
    await clock.advance(0.14)
    assert work.rounds == [[1]]
    await clock.advance(0.02)
    assert await asyncio.gather(*asked) == [4, 6, 8]
    assert work.rounds == [[1], [2, 3, 4]]


async def test_without_a_rush_nobody_rests() -> None:
    clock, work = ManualClock(), Work()
    rush = Rush(clock)
    together = Together(work, gives_way=rush)
    rush.note(MANY - 1)
    first = asyncio.create_task(together(1))
    await _settle()
    await clock.advance(0.05)
    work.allow(2)
    assert [await first, await together(2)] == [2, 4]


async def test_an_error_is_raised_where_it_was_asked_for() -> None:
    work = Work()
    work.allow(9)
    with pytest.raises(ZeroDivisionError):
        await Together(work)(0)
