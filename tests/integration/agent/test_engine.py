"""The engine dies and comes back under the agent."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hytopus.wire.messages import NodeStatus, StartInstance, StopInstance
from tests.integration.agent.conftest import Node, node_on
from tests.services.engine import PrivateEngine
from tests.services.waiting import eventually

pytestmark = [pytest.mark.docker, pytest.mark.timeout(240)]


@pytest.fixture
async def engine() -> AsyncIterator[PrivateEngine]:
    folder = await asyncio.to_thread(tempfile.mkdtemp, prefix="hyt")  # the paths of sockets must be short
    engine = PrivateEngine(Path(folder), pool="10.214.0.0/16")
    await asyncio.to_thread(engine.start)
    yield engine
    await asyncio.to_thread(engine.close)


@pytest.fixture
async def node(engine: PrivateEngine, tmp_path: Path) -> AsyncIterator[Node]:
    async with node_on(engine.url, tmp_path / "node") as node:
        yield node


async def test_what_an_engine_crash_leaves_is_found_and_commands_wait_for_it(node: Node, engine: PrivateEngine) -> None:
    first, second = node.assignment(), node.assignment()
    await node.running(first)
    await node.running(second)
    await asyncio.to_thread(engine.kill)
    await eventually(lambda: not node.agent.heartbeat().load.engine_up, timeout=30)
    statuses = {report.instance_id: report.status for report in node.agent.inventory()}
    assert set(statuses.values()) == {NodeStatus.RUNNING}, "the servers may well run on"
    await node.tell(StopInstance(second.instance_id, 1))
    await node.reached(second.instance_id, "stopping")
    await asyncio.to_thread(engine.start)
    await eventually(lambda: node.agent.heartbeat().load.engine_up, timeout=30)
    await node.reached(second.instance_id, "stopped")
    found = await node.runtime.inspect(first.instance_id)
    assert found is not None
    if found.exit_code is not None:  # an engine without live-restore ends what it finds
        await node.sent.until(lambda: node.sent.statuses(first.instance_id)[-1] in {"failed", "stopped"}, seconds=30)
    await node.tell(StopInstance(first.instance_id, 1), StartInstance(first.instance_id, 2))
    await node.expect(first.instance_id, NodeStatus.RUNNING, 2)
    state = await node.runtime.inspect(first.instance_id)
    assert state is not None
    assert state.generation == 2
