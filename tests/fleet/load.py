"""What operators and their scripts do to a Brain all at once, and a note of every answer."""

from __future__ import annotations

import asyncio
import json
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import httpx2

WORKERS: Final = 16
"""Creations under way at a time."""
BATCH: Final = 100
"""Instances created by one request, where they are created together."""
LOOKS: Final = (
    ("GET /instances", "instances?limit=100"),
    ("GET /instances/{instance}", "instances/{name}"),
    ("GET /instances/{instance}/events", "instances/{name}/events"),
    ("GET /instances/{instance}/explain", "instances/{name}/explain"),
    ("GET /nodes", "nodes?limit=100"),
    ("GET /nodes/{node}", "nodes/{node}"),
    ("GET /events", "events?limit=100"),
    ("GET /templates", "templates?limit=100"),
    ("GET /status", "status"),
    ("GET /me", "me"),
)
"""Routes and what is asked of them while instances are created."""


@dataclass
class Tally:
    """How long each answer took, by route, and every answer that was none."""

    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    lost: list[str] = field(default_factory=list)

    async def call(self, client: httpx2.AsyncClient, route: str, path: str, **values: Any) -> Any:
        method = route.partition(" ")[0]
        began = time.monotonic()
        try:
            answer = await client.request(method, path, **values)
        except httpx2.HTTPError as error:
            self.lost.append(f"{route}: {error!r}")
            return None
        self.seconds[route].append(time.monotonic() - began)
        if not answer.is_success:
            self.lost.append(f"{route}: {answer.status_code} {answer.text[:200]}")
            return None
        return answer.json() if answer.content else None

    @property
    def answered(self) -> int:
        return sum(map(len, self.seconds.values()))


def percentile(values: Sequence[float], share: float) -> float:
    """The value that so large a share of all does not exceed."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


async def create_many(client: httpx2.AsyncClient, tally: Tally, names: Iterable[str]) -> dict[str, str]:
    """Each once, with a key that makes repeating it harmless. Gives name -> id."""
    created: dict[str, str] = {}
    todo = iter(names)

    async def work() -> None:
        for name in todo:
            body, headers = {"name": name, "layers": ["base"]}, {"Idempotency-Key": name}
            made = await tally.call(client, "POST /instances", "instances", json=body, headers=headers)
            if made is not None:
                created[name] = made["id"]

    await asyncio.gather(*(work() for _ in range(WORKERS)))
    return created


async def create_batches(client: httpx2.AsyncClient, tally: Tally, names: Sequence[str]) -> dict[str, str]:
    """A hundred with each request, one request after the other, as the command line does. Gives name -> id."""
    created: dict[str, str] = {}
    for start in range(0, len(names), BATCH):
        some = list(names[start : start + BATCH])
        body, headers = {"names": some, "layers": ["base"]}, {"Idempotency-Key": some[0]}
        made = await tally.call(client, "POST /instances/batch", "instances/batch", json=body, headers=headers)
        created |= {each["name"]: each["instance"]["id"] for each in (made or {"items": ()})["items"]}
    return created


@asynccontextmanager
async def looking_around(
    client: httpx2.AsyncClient, tally: Tally, names: Sequence[str], nodes: Sequence[str], *, pause_s: float = 0.1
) -> AsyncIterator[None]:
    """For as long as the context is open, one after the other asks each route; and one restarts things."""

    async def look(route: str, path: str) -> None:
        number = 0
        while True:
            number += 1
            asked = path.format(name=names[number % len(names)], node=nodes[number % len(nodes)])
            await tally.call(client, route, asked)
            await asyncio.sleep(pause_s)

    async def restart() -> None:
        for name in names:
            await tally.call(client, "POST /instances/{instance}/restart", f"instances/{name}/restart")
            await asyncio.sleep(pause_s)

    tasks = [asyncio.create_task(look(route, path)) for route, path in LOOKS]
    tasks.append(asyncio.create_task(restart()))
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class Feed:
    """The live feed as a client has it: when which instance was heard to be in which state."""

    def __init__(self) -> None:
        self.heard: dict[tuple[str, str], float] = {}
        self.ids: list[int] = []
        self.changed = asyncio.Event()

    async def read(self, client: httpx2.AsyncClient, *, loads: bool = False) -> None:
        """Until cancelled."""
        async with client.sse("events?loads=true" if loads else "events") as source:
            self.changed.set()
            async for event in source:
                if event.event == "loads":
                    continue
                body = json.loads(event.data)
                self.ids.append(int(body["id"]))
                if "to" in body["data"]:
                    self.heard[body["subject_id"], body["data"]["to"]] = time.monotonic()
                    self.changed.set()

    async def until(self, wanted: Iterable[tuple[str, str]], timeout: float) -> float:
        """The moment at which the last of these was heard."""
        missing = set(wanted)
        everything = tuple(missing)
        async with asyncio.timeout(timeout):
            while missing := {key for key in missing if key not in self.heard}:
                self.changed.clear()
                await self.changed.wait()
                await asyncio.sleep(0.05)
        return max(self.heard[key] for key in everything)


@asynccontextmanager
async def listening(client: httpx2.AsyncClient, *, loads: bool = False) -> AsyncIterator[Feed]:
    """A client of the live feed, from now on."""
    feed = Feed()
    task = asyncio.create_task(feed.read(client, loads=loads))
    try:
        await feed.changed.wait()
        yield feed
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
