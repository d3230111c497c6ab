"""The agent as a process: `hytopus node run` against a Brain's gateway and a real engine."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from hytopus.brain.db.engine import Database
from hytopus.brain.db.signals import Signals
from hytopus.brain.nodes import queries
from hytopus.brain.nodes.findings import node_findings
from hytopus.brain.nodes.states import NodeState
from hytopus.kit.clock import SystemClock
from hytopus.node.identity import Identity
from tests.harness.database import KEYS, create_tables, sqlite_url
from tests.integration.link.world import Brain
from tests.services.ports import free_port
from tests.services.waiting import eventually

pytestmark = pytest.mark.docker


@pytest.fixture
async def brain(tmp_path: Path) -> AsyncIterator[Brain]:
    async with Database.open(sqlite_url(tmp_path), Signals(), KEYS) as database:
        await create_tables(database)
        brain = Brain(database, tmp_path / "brain", SystemClock())
        async with brain.serving():
            yield brain


@asynccontextmanager
async def agent_process(directory: Path, metrics_port: int, **extra: str) -> AsyncIterator[asyncio.subprocess.Process]:
    environment = {
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "HYTOPUS_NODE__DATA_DIR": str(directory),
        "HYTOPUS_NODE__METRICS__PORT": str(metrics_port),
        "HYTOPUS_NODE__LOG__JSON_LINES": "true",
        **extra,
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "hytopus.cli", "node", "run", env=environment, stderr=asyncio.subprocess.PIPE
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def get(port: int, path: str) -> str:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET {path} HTTP/1.0\r\n\r\n".encode())
    text = (await reader.read()).decode()
    writer.close()
    return text


async def is_online(brain: Brain, identity: Identity) -> bool:
    async with brain.database.read() as session:
        node = await queries.get(session, identity.node_id)
        return node is not None and node.state is NodeState.ONLINE


async def has_told_of_itself(brain: Brain, identity: Identity) -> bool:
    async with brain.database.read() as session:
        return identity.node_id in await node_findings(session)


async def test_a_node_comes_online_serves_metrics_and_leaves_quietly(
    brain: Brain, docker_engine: str, tmp_path: Path
) -> None:
    identity = await brain.joined(tmp_path / "node")
    port = free_port()
    async with agent_process(identity.directory, port, HYTOPUS_NODE__DOCKER__URL=docker_engine) as process:
        online: Callable[[], Any] = lambda: is_online(brain, identity)  # noqa: E731
        await eventually(online, timeout=30)
        looked: Callable[[], Any] = lambda: has_told_of_itself(brain, identity)  # noqa: E731
        await eventually(looked, timeout=30, what="what the machine's doctor found")
        assert (await get(port, "/healthz")).endswith("ok\n")
        metrics = await get(port, "/metrics")
        assert "hytopus_node_connected 1.0" in metrics
        assert "hytopus_node_engine_up 1.0" in metrics
        (resident,) = (row.split()[1] for row in metrics.splitlines() if row.startswith("process_resident_memory"))
        assert float(resident) < 110e6, "fifty instances must fit below 120 MB"
        async with agent_process(identity.directory, free_port()) as second:
            _, told = await asyncio.wait_for(second.communicate(), 30)
            assert second.returncode not in {0, None}
            assert "Another agent" in told.decode()
        process.send_signal(signal.SIGTERM)
        _, told = await asyncio.wait_for(process.communicate(), 15)
        assert process.returncode == 0, told.decode()
        assert "game servers go on" in told.decode()


async def test_a_machine_that_never_joined_says_what_to_do(tmp_path: Path) -> None:
    async with agent_process(tmp_path / "node", free_port()) as process:
        _, told = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode not in {0, None}
    assert "hytopus node token" in told.decode()


async def test_a_metrics_port_in_use_is_named(brain: Brain, docker_engine: str, tmp_path: Path) -> None:
    identity = await brain.joined(tmp_path / "node")
    port = brain.ports[0]
    async with agent_process(identity.directory, port, HYTOPUS_NODE__DOCKER__URL=docker_engine) as process:
        _, told = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode not in {0, None}
    assert f"cannot be served on 127.0.0.1:{port}" in told.decode()
