"""The link within one process, and what can go wrong with it."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hytopus.wire.channel import LinkClosed
from hytopus.wire.memory import SILENCE_S, Faults, memory_pair
from hytopus.wire.messages import RenewUrls, SetDevMode, StartInstance
from tests.harness.clock import ManualClock


async def test_messages_arrive_in_order_in_both_directions() -> None:
    node, brain = memory_pair(ManualClock())
    for generation in range(3):
        await node.send(RenewUrls("i", generation))
        await brain.send(StartInstance("i", generation))
    assert [await brain.receive() for _ in range(3)] == [RenewUrls("i", n) for n in range(3)]
    assert [await node.receive() for _ in range(3)] == [StartInstance("i", n) for n in range(3)]


async def test_what_was_sent_before_the_end_still_arrives() -> None:
    node, brain = memory_pair(ManualClock())
    await node.send(RenewUrls("i", 1))
    await node.close()
    assert await node.receive() is None
    assert await brain.receive() == RenewUrls("i", 1)
    assert await brain.receive() is None
    with pytest.raises(LinkClosed):
        await brain.send(SetDevMode(True))


async def test_whoever_sends_too_fast_waits() -> None:
    clock = ManualClock()
    node, brain = memory_pair(clock, limit=2)
    sending = asyncio.ensure_future(_send(node.send, 3))
    await clock.settle()
    assert not sending.done()
    await brain.receive()
    await asyncio.wait_for(sending, 1)


async def test_closing_wakes_whoever_waits() -> None:
    clock = ManualClock()
    node, brain = memory_pair(clock, limit=1)
    receiving = asyncio.ensure_future(node.receive())
    sending = asyncio.ensure_future(_send(node.send, 2))
    await clock.settle()
    await node.close()
    assert await receiving is None
    with pytest.raises(LinkClosed):
        await sending
    assert await brain.receive() == RenewUrls("i", 0)


async def test_a_dropped_link_loses_what_was_under_way() -> None:
    faults = Faults()
    node, brain = memory_pair(ManualClock(), faults=faults)
    await node.send(RenewUrls("i", 1))
    faults.drop()
    for end in (node, brain):
        with pytest.raises(LinkClosed):
            await end.receive()


async def test_delay_is_time_of_the_clock() -> None:
    clock = ManualClock()
    node, brain = memory_pair(clock, faults=Faults(delay=2.0))
    await node.send(RenewUrls("i", 1))
    receiving = asyncio.ensure_future(brain.receive())
    await clock.advance(1.9)
    assert not receiving.done()
    await clock.advance(0.1)
    assert await receiving == RenewUrls("i", 1)


async def test_a_short_partition_only_delays() -> None:
    clock, faults = ManualClock(), Faults()
    node, brain = memory_pair(clock, faults=faults)
    receiving = asyncio.ensure_future(brain.receive())
    faults.partition()
    await node.send(RenewUrls("i", 1))
    await clock.advance(SILENCE_S - 1)
    assert not receiving.done()
    faults.heal()
    assert await receiving == RenewUrls("i", 1)


async def test_a_long_partition_ends_the_link() -> None:
    clock, faults = ManualClock(), Faults()
    node, brain = memory_pair(clock, faults=faults)
    ends = [asyncio.ensure_future(node.receive()), asyncio.ensure_future(brain.receive())]
    await clock.settle()
    faults.partition()
    await clock.advance(SILENCE_S)
    for end in ends:
        with pytest.raises(LinkClosed):
            await end


@given(st.floats(0, 1), st.integers(0, 10))
def test_duplicates_keep_the_order(share: float, seed: int) -> None:
    async def scenario() -> list[int]:
        node, brain = memory_pair(ManualClock(), faults=Faults(duplicate=share, seed=seed))
        await _send(node.send, 20)
        await node.close()
        seen: list[int] = []
        while isinstance(message := await brain.receive(), RenewUrls):
            seen.append(message.generation)
        return seen

    seen = asyncio.run(scenario())
    assert seen == sorted(seen)
    assert set(seen) == set(range(20))
    assert len(seen) == 20 or share > 0


async def _send(send: object, count: int) -> None:
    assert callable(send)
    for generation in range(count):
        await send(RenewUrls("i", generation))
