"""Three Brains: each is killed, one after the other, and one is frozen, while instances are created all the time."""

from __future__ import annotations

import asyncio

import pytest

from tests.integration.side_by_side.test_failover import RECONNECT_S, agree, console, create_many, settled, talking
from tests.integration.side_by_side.world import BrainProcess, Network

pytestmark = [pytest.mark.postgres, pytest.mark.s3, pytest.mark.timeout(1800)]


async def test_each_brain_is_killed_in_turn_and_one_falls_silent(network: Network) -> None:
    reading = asyncio.create_task(console(network, await talking(network), lines=600))
    names: list[str] = []
    for number, victim in enumerate(network.brains):
        storm = asyncio.create_task(create_many(network, 40, prefix=f"round-{number}"))
        await asyncio.sleep(1)
        await dies(network, victim)
        names += await storm
        await victim.start()
    frozen = next(brain for brain in network.brains if network.of(brain))
    storm = asyncio.create_task(create_many(network, 40, prefix="frozen"))
    await asyncio.sleep(1)
    await falls_silent(network, frozen)
    names += await storm
    for brain in network.brains:
        await settled(network, brain, names)
    await agree(network, names)
    numbers = await reading
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers))), "every line once, in order"


async def dies(network: Network, victim: BrainProcess) -> None:
    orphans = network.of(victim)
    victim.process.kill()
    seconds = await network.reconnected(orphans, victim)
    print(f"{victim.name} killed: {len(orphans)} nodes were with another Brain within {seconds:.2f} s")
    assert seconds < RECONNECT_S


async def falls_silent(network: Network, victim: BrainProcess) -> None:
    """Its machine is gone without a word, in the middle of whatever it was doing; later it is back."""
    orphans = network.of(victim)
    victim.freeze()
    try:
        seconds = await network.reconnected(orphans, victim)
        print(f"{victim.name} frozen: {len(orphans)} nodes were with another Brain within {seconds:.2f} s")
        assert seconds < RECONNECT_S
        await asyncio.sleep(12)  # long enough for the others to count it as gone
    finally:
        victim.thaw()
