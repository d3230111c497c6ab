"""A Brain in a process of its own, and a fleet in another one, which is connected to it."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx2

from tests.fleet.seeding import database_of, seed
from tests.integration.side_by_side.world import BrainProcess
from tests.services.processes import Process
from tests.services.seaweed import S3
from tests.services.waiting import eventually

_TICKS: Final = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Installation:
    """What `installed` gives: the Brain, its fleet, and how to talk to it."""

    brain: BrainProcess
    arms: Process
    notes: Path
    token: str
    database_url: str
    connected_s: float
    """How long all nodes took to have a session."""

    def client(self) -> httpx2.AsyncClient:
        limits = httpx2.Limits(max_connections=100, max_keepalive_connections=100)
        headers = {"Authorization": f"Bearer {self.token}"}
        base = f"{self.brain.url}/api/v1/"
        return httpx2.AsyncClient(base_url=base, headers=headers, timeout=60, limits=limits, trust_env=False)

    def cpu_s(self) -> float:
        """Seconds of processor time the Brain has used, all threads together."""
        fields = Path(f"/proc/{self.brain.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    def memory_mb(self) -> float:
        """What the Brain holds in memory."""
        status = Path(f"/proc/{self.brain.process.pid}/status").read_text()
        return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]) / 1024

    def said(self) -> dict[tuple[str, str], float]:
        """(instance, status) -> when its node said so last, by the machine's monotonic clock."""
        rows = (line.split() for line in self.notes.read_text().splitlines())
        return {(row[1], row[3]): float(row[0]) for row in rows if len(row) == 4}

    def doubled(self) -> list[tuple[str, str]]:
        """(instance, generation) of which a node has said more than once that it runs."""
        rows = [line.split() for line in self.notes.read_text().splitlines()]
        running = [(row[1], row[2]) for row in rows if len(row) == 4 and row[3] == "running"]
        return sorted({key for key in running if running.count(key) > 1}) if len(set(running)) < len(running) else []


@asynccontextmanager
async def installed(
    directory: Path, database_url: str, s3: S3, *, fleet: int, each: int, **settings: str
) -> AsyncIterator[Installation]:
    """`fleet` nodes with `each` instances that run, all connected; heartbeats every five seconds, however many."""
    every_five = {"HYTOPUS_BRAIN__NODES__HEARTBEATS_PER_SECOND": "10000", **settings}
    brain = BrainProcess("brain", directory / "brain", database_url, s3, **every_five)
    homes, notes = directory / "arms", directory / "notes"
    arms = Process("arms", [sys.executable, "-m", "tests.fleet", str(homes), str(notes)], directory / "arms.log", {})
    try:
        await brain.start()
        token = await _token(brain)
        data_dir = brain.directory / "data"
        async with database_of(database_url, data_dir) as database:
            await seed(database, data_dir, homes, brain=brain.url, sessions=brain.sessions, fleet=fleet, each=each)
        began = time.monotonic()
        arms.start()

        def connected() -> bool:
            assert arms.running, arms.tail()
            return (homes / "connected").exists()

        await eventually(connected, timeout=300, every=0.1, what=f"the fleet to connect\n{brain.process.tail()}")
        yield Installation(brain, arms, notes, token, database_url, time.monotonic() - began)
    finally:
        arms.kill()
        brain.process.stop()


async def _token(brain: BrainProcess) -> str:
    password: Any = json.loads(brain.known.read_text())["password"]
    async with httpx2.AsyncClient(timeout=30, trust_env=False) as client:
        answer = await client.post(f"{brain.url}/api/v1/login", json={"name": "admin", "password": password})
        return str(answer.raise_for_status().json()["token"])
