"""The engine is killed and comes back, beneath a runtime that stays open. It is an engine of the test's own."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
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
from tests.services.waiting import eventually_sync
from tests.unit.node.runtime.contract import boot, ended, line_of

pytestmark = [pytest.mark.docker, pytest.mark.root, pytest.mark.timeout(180)]


class PrivateEngine:
    """A dockerd with everything of its own: data, sockets, pid file, containerd; and no firewall rules."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.url = f"unix://{folder}/docker.sock"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [
            "dockerd",
            f"--data-root={self.folder}/data",
            f"--exec-root={self.folder}/exec",
            f"--pidfile={self.folder}/docker.pid",
            f"--host={self.url}",
            "--iptables=false",
            "--ip-masq=false",
            "--bridge=none",
        ]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        eventually_sync(self._answers, timeout=60, what=f"dockerd to answer; see {self.folder}/log")

    def kill(self) -> None:
        """As if it had crashed: nothing is said to anybody. Its containerd dies with it."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()
        for file in (self.folder / "docker.pid", self.folder / "exec/containerd/containerd.pid"):
            file.unlink(missing_ok=True)  # the next one would wait for these, where nobody reaps the dead

    def stop(self) -> None:
        assert self._process is not None
        if self._process.poll() is None:
            self._process.terminate()
            self._process.wait(30)
        # It mounts its data directory upon itself, and only one that was not killed takes that back.
        subprocess.run(["umount", "--recursive", self.folder / "data"], check=False, capture_output=True)

    def _answers(self) -> bool:
        command = ["docker", "--host", self.url, "version"]
        return subprocess.run(command, check=False, capture_output=True, timeout=20).returncode == 0


@pytest.fixture
def private_engine(docker_engine: str) -> Iterator[PrivateEngine]:
    del docker_engine  # it only makes sure that dockerd is installed
    folder = Path(tempfile.mkdtemp(prefix="hyt"))  # the paths of sockets must be short
    engine = PrivateEngine(folder)
    try:
        engine.start()
        yield engine
    finally:
        engine.stop()
        shutil.rmtree(folder)


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
