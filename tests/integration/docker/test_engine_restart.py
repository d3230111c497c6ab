"""The engine is killed and comes back, beneath a runtime that stays open. It is an engine of the test's own."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from hytopus.kit.ids import new_id
from hytopus.node.runtime.base import ContainerStatus, RuntimeUnavailable
from hytopus.node.runtime.docker import DockerRuntime
from hytopus.node.runtime.docker.client import connect
from tests.integration.docker.conftest import DockerBench, build_stand_in
from tests.services.engine import PrivateEngine
from tests.unit.node.runtime.contract import boot, ended, line_of

pytestmark = [pytest.mark.docker, pytest.mark.root, pytest.mark.timeout(180)]


@pytest.fixture
def private_engine() -> Iterator[PrivateEngine]:
    engine = PrivateEngine(Path(tempfile.mkdtemp(prefix="hyt")), pool="10.215.0.0/16")  # paths of sockets must be short
    engine.start()
    yield engine
    engine.close()


@pytest.fixture
async def private_bench(private_engine: PrivateEngine, open_path: Path) -> AsyncIterator[DockerBench]:
    scope = f"test-{new_id()}"
    async with connect(private_engine.url) as engine:
        image = await build_stand_in(engine)
    async with DockerRuntime.open(scope, url=private_engine.url) as runtime:
        yield DockerBench(runtime, scope, image, open_path)
        for state in await runtime.list():
            await runtime.remove(state.instance_id)


async def test_a_killed_engine_is_noticed_and_used_again(
    private_engine: PrivateEngine, private_bench: DockerBench
) -> None:
    bench, runtime = private_bench, private_bench.runtime
    spec = bench.spec()
    await boot(bench, spec)
    await runtime.send_line(spec.instance_id, "fake line before")
    await line_of(runtime, spec.instance_id, "before")

    async def read() -> None:
        async for _ in runtime.logs(spec.instance_id):
            reading.set()

    async def listen() -> None:
        async for _ in runtime.events():
            pass

    reading = asyncio.Event()
    followers = [asyncio.create_task(work) for work in (read(), listen(), runtime.wait(spec.instance_id))]
    await reading.wait()
    await asyncio.to_thread(private_engine.kill)
    async with asyncio.timeout(20):
        failures = await asyncio.gather(*followers, return_exceptions=True)
    assert [type(failure) for failure in failures] == [RuntimeUnavailable] * 3
    for use in (runtime.list(), runtime.send_line(spec.instance_id, "who"), runtime.start(spec)):
        with pytest.raises(RuntimeUnavailable):
            await use

    await asyncio.to_thread(private_engine.start)
    (state,) = await runtime.list()
    assert state.instance_id == spec.instance_id
    if state.status is ContainerStatus.RUNNING:
        await runtime.kill(spec.instance_id)
        await ended(runtime, spec.instance_id)
    assert "before" in [text async for _, text in runtime.logs(spec.instance_id, follow=False)]
    second = replace(spec, generation=2)
    await boot(bench, second)
    await runtime.send_line(spec.instance_id, "stop")
    assert (await ended(runtime, spec.instance_id)).exit_code == 0
