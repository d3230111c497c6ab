"""A Brain is killed while instances are being created: nothing is lost, nothing is done twice, consoles go on."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.integration.side_by_side.world import BrainProcess, Network, open_network
from tests.services.seaweed import S3
from tests.services.waiting import eventually

pytestmark = [pytest.mark.postgres, pytest.mark.s3, pytest.mark.timeout(600)]

RECONNECT_S = 10.0
"""What is promised."""


@pytest.fixture
async def network(tmp_path: Path, postgres: str, s3: S3) -> AsyncIterator[Network]:
    async with open_network(tmp_path, postgres, s3, brains=2, arms=4) as opened:
        yield opened


async def test_a_killed_brain_loses_nothing_and_doubles_nothing(network: Network) -> None:
    victim, survivor = network.brains
    lines = asyncio.create_task(console(network, await talking(network)))
    storm = asyncio.create_task(create_many(network, 24))
    await eventually(lambda: len(network.world.running) > 5, timeout=60, what=f"servers to run\n{network.tails()}")
    orphans = network.of(victim)
    assert orphans, "both Brains have nodes"
    victim.process.kill()
    seconds = await network.reconnected(orphans, victim)
    print(f"{len(orphans)} nodes found another Brain within {seconds:.2f} s")
    assert seconds < RECONNECT_S
    names = await storm
    await settled(network, survivor, names)
    await victim.start()
    await agree(network, names)
    numbers = await lines
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers))), "every line once, in order"


async def create_many(network: Network, count: int, prefix: str = "storm") -> list[str]:
    """Eight at a time, each name again until a Brain has said yes."""
    names = [f"{prefix}-{number}" for number in range(count)]
    todo = iter(names)

    async def work() -> None:
        for name in todo:
            await network.create(name)

    await asyncio.gather(*(work() for _ in range(8)))
    return names


async def talking(network: Network) -> str:
    """An instance that runs, to read its console."""
    instance_id = await network.create("talker")
    await eventually(lambda: instance_id in network.world.running, timeout=30, what=network.tails())
    return instance_id


async def console(network: Network, instance_id: str, lines: int = 150) -> list[int]:
    """Read its console as the panel does: over any Brain that answers, each time after the last line seen."""
    numbers: list[int] = []
    place = ""
    speaking = asyncio.create_task(_speak(network, instance_id))
    try:
        while len(numbers) < lines:
            for brain in network.brains:
                place = await _read(network, brain, instance_id, numbers, lines, place)
    finally:
        speaking.cancel()
        await asyncio.gather(speaking, return_exceptions=True)
    return numbers


async def _read(
    network: Network, brain: BrainProcess, instance_id: str, numbers: list[int], lines: int, place: str
) -> str:
    """Where to go on."""
    url = f"{brain.url}/api/v1/instances/{instance_id}/console"
    headers = {"Authorization": f"Bearer {network.token}"} | ({"Last-Event-ID": place} if place else {})
    try:
        async with httpx2.AsyncClient(timeout=5) as client, client.sse(url, headers=headers) as source:
            async for event in source:
                if event.event == "problem":
                    break
                numbers.append(json.loads(event.data)["number"])
                place = event.id
                if len(numbers) >= lines:
                    break
    except httpx2.HTTPError:
        return place
    return place


async def _speak(network: Network, instance_id: str) -> None:
    host = next(arm.machine for arm in network.arms if instance_id in arm.machine.processes)
    number = 0
    while True:
        await asyncio.sleep(0.05)
        number += 1
        host.runtime.say(instance_id, f"line {number}")


async def settled(network: Network, brain: BrainProcess, names: list[str]) -> None:
    """Everything asked for runs, as this Brain sees it."""

    async def all_run() -> bool:
        states = {item["name"]: item["state"] for item in await network.every(brain, "instances")}
        return all(states.get(name) == "running" for name in names)

    running: Callable[[], Any] = all_run
    await eventually(running, timeout=90, every=0.2, what=f"all of them to run\n{network.tails()}")


async def agree(network: Network, names: list[str]) -> None:
    """Each exists once, runs once, has been started once, on ports of its own; and all Brains say the same."""
    assert not network.world.broken
    seen = [{item["id"]: item for item in await network.every(brain, "instances")} for brain in network.brains]
    first = seen[0]
    assert sorted(item["name"] for item in first.values()) == sorted([*names, "talker"])
    assert network.world.running == first.keys()
    assert network.world.started == len(first), "no process was started twice"
    for other in seen[1:]:
        assert {key: (item["state"], item["node"]) for key, item in other.items()} == {
            key: (item["state"], item["node"]) for key, item in first.items()
        }
    taken = Counter(
        (arm.name, port.host) for arm in network.arms for spec in arm.machine.runtime.running() for port in spec.ports
    )
    assert set(taken.values()) == {1}
    await each_step_once(network, list(first))


async def each_step_once(network: Network, instance_ids: list[str]) -> None:
    """The event log has each step of each instance once, in order."""
    for instance_id in instance_ids:
        events = await network.every(network.brains[0], f"instances/{instance_id}/events")
        states = [event["data"]["to"] for event in reversed(events) if "to" in event["data"]]
        assert states == ["requested", "preparing", "starting", "running"], (instance_id, states)
