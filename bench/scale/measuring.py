"""Measuring one fleet that stands: heartbeats, changes, lists, a storm of creations, and the history."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Coroutine, Iterable
from itertools import cycle
from typing import Any, Final

import httpx2

from bench.pace import Pace
from bench.scale.figures import Figures, Latency
from hytopus.brain.history.sums import InstanceSums, NodeSums, Span, span_of
from hytopus.brain.history.writer import batches, write
from tests.fleet.installation import Installation
from tests.fleet.load import Tally, create_batches, create_many, listening, looking_around, percentile
from tests.fleet.seeding import database_of

WINDOW_S: Final = 20.0
CHANGES: Final = 200
CHANGES_PER_SECOND: Final = 10
LISTS: Final = 200
_BIG: Final = 500
_PAUSE_S: Final = 0.05


async def measure_fleet(fleet: Installation, *, creations: int) -> Figures:
    async with fleet.client() as client:
        every = await _every(client)
        cores = await _cores(fleet)
        async with listening(client, loads=True):
            cores_watched = await _cores(fleet)
        change = await _changes(fleet, client, every)
        pace = Pace()
        pages = await _lists(client, pace, 100)
        panel = await _lists(client, pace, _BIG)
        calm = Tally()
        placed_s, running_s = await _creation(client, _one_by_one(client, calm, "calm", creations))
        batch_placed_s, batch_running_s = await _creation(client, _together(client, calm, "batch", creations))
        storm = Tally()
        nodes = [node["name"] for node in (await client.get("nodes?limit=100")).json()["items"]]
        async with looking_around(client, storm, [each["name"] for each in every], nodes):
            await _creation(client, _one_by_one(client, storm, "storm", creations))
        memory = fleet.memory_mb()
        lost = [*calm.lost, *storm.lost, *(f"started twice: {key}" for key in fleet.doubled())]
        return Figures(
            cores=cores,
            cores_watched=cores_watched,
            change_p99_ms=1000 * percentile(change, 0.99),
            pages=pages,
            panel=panel,
            creations=creations,
            placed_s=placed_s,
            running_s=running_s,
            batch_placed_s=batch_placed_s,
            batch_running_s=batch_running_s,
            history_worst_ms=1000 * await _history(fleet, every),
            memory_mb=memory,
            connected_s=fleet.connected_s,
            storm=storm.seconds,
            lost=lost,
        )


async def _every(client: httpx2.AsyncClient) -> list[Any]:
    items: list[Any] = []
    cursor: str | None = ""
    while cursor is not None:
        page = (await client.get("instances", params={"limit": _BIG, **({"cursor": cursor} if cursor else {})})).json()
        items, cursor = items + page["items"], page["next_cursor"]
    return items


async def _cores(fleet: Installation) -> float:
    """How many processors the Brain has kept busy, on average, while nobody asks anything of it."""
    before, began = fleet.cpu_s(), time.monotonic()
    await asyncio.sleep(WINDOW_S)
    return (fleet.cpu_s() - before) / (time.monotonic() - began)


async def _changes(fleet: Installation, client: httpx2.AsyncClient, every: list[Any]) -> list[float]:
    """Restart some, and compare when their nodes have said something with when the feed told of it. Seconds."""
    chosen = random.Random(1).sample([each["id"] for each in every], CHANGES)
    async with listening(client) as feed:
        for instance_id in chosen:
            asked = time.monotonic()
            (await client.post(f"instances/{instance_id}/restart")).raise_for_status()
            await asyncio.sleep(max(0.0, 1 / CHANGES_PER_SECOND - (time.monotonic() - asked)))
        await feed.until(((instance_id, "running") for instance_id in chosen), timeout=60)
    said = fleet.said()
    return [heard - said[key] for key, heard in feed.heard.items() if key in said and key[0] in set(chosen)]


async def _lists(client: httpx2.AsyncClient, pace: Pace, limit: int) -> Latency:
    """Page after page, from the beginning again after the last one, until the body is there."""
    seconds: list[tuple[float, bool]] = []
    cursor: str | None = None
    for _ in range(LISTS):
        full = pace.is_full()
        began = time.monotonic()
        answer = await client.get("instances", params={"limit": limit, **({"cursor": cursor} if cursor else {})})
        took = time.monotonic() - began
        seconds.append((took, pace.is_full() and full))
        cursor = answer.raise_for_status().json()["next_cursor"]
        await asyncio.sleep(_PAUSE_S)
    return Latency.of(seconds)


Creating = Coroutine[Any, Any, dict[str, str]]


def _one_by_one(client: httpx2.AsyncClient, tally: Tally, prefix: str, count: int) -> Creating:
    return create_many(client, tally, (f"{prefix}-{number:04}" for number in range(count)))


def _together(client: httpx2.AsyncClient, tally: Tally, prefix: str, count: int) -> Creating:
    return create_batches(client, tally, [f"{prefix}-{number:04}" for number in range(count)])


async def _creation(client: httpx2.AsyncClient, creating: Creating) -> tuple[float, float]:
    """Seconds from the first request until the last one has its node, and until the last one runs."""
    async with listening(client) as feed:
        began = time.monotonic()
        created = await creating
        running = await feed.until(((instance_id, "running") for instance_id in created.values()), timeout=240)
    placed = max(feed.heard[instance_id, "preparing"] for instance_id in created.values())
    return placed - began, running - began


async def _history(fleet: Installation, every: Iterable[Any]) -> float:
    """The longest transaction of writing down five minutes of the whole fleet, twice: new rows, and adding to them."""
    at = span_of(time.time())
    worst = 0.0
    async with database_of(fleet.database_url, fleet.brain.directory / "data") as database:
        for _ in range(2):
            for batch in batches(_span(at, every)):
                began = time.monotonic()
                await write(database, batch)
                worst = max(worst, time.monotonic() - began)
                await asyncio.sleep(0)
    return worst


def _span(at: int, every: Iterable[Any]) -> Span:
    span = Span(at)
    numbers = cycle(range(100))
    for each in every:
        span.nodes[each["node"]["id"]] = NodeSums(samples=60, cpu_percent=next(numbers))
        span.instances[each["id"]] = InstanceSums(samples=60, cpu_percent=next(numbers))
    return span
