"""The whole system as an operator's script meets it: from the call of the API to the news that players can join."""

from __future__ import annotations

import asyncio
import json
import statistics
import time
from pathlib import Path
from typing import Final
from uuid import uuid4

import httpx2
from aiodocker import Docker

from bench.files.row import Row
from bench.system import direct
from tests.services.layers import write_layer
from tests.services.stack import Stack

BANNER: Final = b"Hytale Server Booted!"
SLACK: Final = 0.100
"""Seconds that everything Hytopus does may add to a bare start."""
MEMORY: Final = 120
"""MB of resident memory an agent may have."""
INSTANCES: Final = 50


async def creation(stack: Stack, docker_url: str, *, rounds: int = 11) -> Row:
    """Create an instance, warm, until an SSE client hears that it runs; and the same container run directly."""
    _push(stack)
    ours, bare = [], []
    async with Docker(url=docker_url) as docker:
        for number in range(rounds + 1):
            seconds, instance_id = await _create(stack)
            recipe = await direct.recipe(docker, f"hytopus-{instance_id}")
            await (await docker.containers.get(f"hytopus-{instance_id}")).delete(force=True)
            baseline = await direct.start(docker, recipe, f"bench-{instance_id}", BANNER)
            await asyncio.to_thread(stack.destroy_everything)
            if number:  # the first one warms everything up
                ours.append(seconds)
                bare.append(baseline)
    baseline, mine = statistics.median(bare), statistics.median(ours)
    more = (mine - baseline) * 1000
    name = "create to RUNNING at an SSE client, ms more than the bare container to its banner"
    return Row(name, baseline, mine, more, SLACK * 1000, more <= SLACK * 1000)


async def memory(stack: Stack) -> Row:
    """Resident memory of an agent that looks after fifty running servers and is left alone for a moment."""
    _push(stack)
    names = [f"bench-{uuid4().hex[:8]}" for _ in range(INSTANCES)]
    for name in names:
        await asyncio.to_thread(stack.post, "instances", {"name": name, "layers": ["bench-base"]})
    for name in names:
        await asyncio.to_thread(stack.until, name, "running", timeout=240)
    await asyncio.sleep(15)
    status = await asyncio.to_thread(Path(f"/proc/{stack.node.pid}/status").read_text)
    resident = int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]) / 1024
    name = f"agent memory, idle with {INSTANCES} instances"
    return Row(name, MEMORY, resident, MEMORY / resident, 1, resident < MEMORY, "MB")


async def _create(stack: Stack) -> tuple[float, str]:
    """Seconds from sending the request to the event's arrival, and the instance's id."""
    name = f"bench-{uuid4().hex[:8]}"
    headers = {"Authorization": f"Bearer {stack.token}"}
    base = str(stack.api.base_url)
    async with (
        httpx2.AsyncClient(base_url=base, headers=headers, timeout=60, trust_env=False) as client,
        client.stream("GET", "events", headers={"Accept": "text/event-stream"}) as feed,
    ):
        lines = feed.aiter_lines()
        began = time.perf_counter()
        answer = await client.post("instances", json={"name": name, "layers": ["bench-base"]})
        answer.raise_for_status()
        instance_id = str(answer.json()["id"])
        async for line in lines:
            if not line.startswith("data:"):
                continue
            event = json.loads(line[5:])
            if event.get("kind") == "instance.started" and event["subject_id"] == instance_id:
                return time.perf_counter() - began, instance_id
    raise RuntimeError("the live feed ended")


def _push(stack: Stack) -> None:
    folder = write_layer(
        stack.directory / "bench-base",
        {"config.json": '{\n  "ServerName": "${SERVER_NAME}"\n}\n'},
        'game = "stand-in"\n',
    )
    stack.cli("template", "push", str(folder))
