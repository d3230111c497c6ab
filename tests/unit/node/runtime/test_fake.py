"""The fake engine: the contract, its scripts on a clock of their own, and its faults."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from itertools import count

import pytest

from hytopus.kit.clock import SystemClock
from hytopus.kit.ids import new_id
from hytopus.node.runtime.base import (
    BindMount,
    ContainerFault,
    ContainerSpec,
    ContainerStatus,
    ImageMissing,
    NoSpaceLeft,
    PortMapping,
    PortTaken,
    Runtime,
    RuntimeUnavailable,
)
from hytopus.node.runtime.fake import FakeRuntime
from tests.unit.node.runner.clock import StillClock
from tests.unit.node.runtime.contract import READY, RuntimeContract, boot, ended, watched

_MISSING = "hytopus/no-such-game:1"


class FakeBench:
    def __init__(self, fake: FakeRuntime) -> None:
        self.fake = fake
        self.runtime: Runtime = fake
        self._ports = count(30_000)

    def spec(
        self,
        *,
        instance_id: str | None = None,
        generation: int = 1,
        ports: Sequence[int] = (),
        image: str | None = None,
        obedient: bool = True,
        **script: str,
    ) -> ContainerSpec:
        stubborn = {} if obedient else {"FAKE_IGNORE_STOP": "1", "FAKE_IGNORE_SIGNALS": "1"}
        return ContainerSpec(
            instance_id=instance_id or new_id(),
            instance_name="lobby-1",
            generation=generation,
            image=image or "hytopus/stand-in:1",
            command=["server"],
            mount=BindMount("/nowhere"),
            workdir="/data",
            environment={**stubborn, **{f"FAKE_{name}": value for name, value in script.items()}},
            ports=[PortMapping(port, port) for port in ports],
        )

    def free_port(self) -> int:
        return next(self._ports)


@pytest.fixture
async def bench() -> AsyncIterator[FakeBench]:
    async with FakeRuntime.open(SystemClock()) as runtime:
        runtime.forget_image(_MISSING)
        yield FakeBench(runtime)


@pytest.fixture
def clock() -> StillClock:
    return StillClock()


@pytest.fixture
async def still(clock: StillClock) -> AsyncIterator[FakeBench]:
    """A bench on a clock that only the test moves."""
    async with FakeRuntime.open(clock) as runtime:
        yield FakeBench(runtime)


class TestContract(RuntimeContract):
    pass


async def test_the_script_decides_when_it_is_ready(still: FakeBench, clock: StillClock) -> None:
    spec = still.spec(READY_AFTER="5", READY_LINE="here we go")
    await still.runtime.start(spec)
    await clock.advance(4.9)
    assert [line async for line in still.runtime.logs(spec.instance_id, follow=False)] == []
    await clock.advance(0.2)
    assert [text async for _, text in still.runtime.logs(spec.instance_id, follow=False)] == ["here we go"]


async def test_a_server_may_never_be_ready(still: FakeBench, clock: StillClock) -> None:
    spec = still.spec(READY_AFTER="never", RUN_FOR="10", EXIT_CODE="4")
    await still.runtime.start(spec)
    await clock.advance(11)
    state = await ended(still.runtime, spec.instance_id)
    assert state.exit_code == 4
    assert [line async for line in still.runtime.logs(spec.instance_id)] == []


async def test_the_script_decides_how_it_ends(still: FakeBench, clock: StillClock) -> None:
    spec = still.spec(READY_AFTER="1", RUN_FOR="3", EXIT_CODE="137", OOM="1")
    await still.runtime.start(spec)
    await clock.advance(3.5)
    state = await ended(still.runtime, spec.instance_id)
    assert (state.exit_code, state.oom_killed) == (137, True)
    assert state.started_at is not None
    assert state.finished_at is not None
    assert (state.finished_at - state.started_at).total_seconds() == 3


async def test_a_stop_takes_its_time(still: FakeBench, clock: StillClock) -> None:
    spec = still.spec(STOP_TAKES="30")
    await boot(still, spec)
    await still.runtime.send_line(spec.instance_id, "stop")
    await clock.advance(29)
    found = await still.runtime.inspect(spec.instance_id)
    assert found is not None
    assert found.status is ContainerStatus.RUNNING
    await clock.advance(2)
    assert (await ended(still.runtime, spec.instance_id)).exit_code == 0


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("port_taken", PortTaken),
        ("image_missing", ImageMissing),
        ("disk_full", NoSpaceLeft),
        ("fault", ContainerFault),
        ("unavailable", RuntimeUnavailable),
    ],
)
async def test_a_start_may_fail(bench: FakeBench, name: str, error: type[Exception]) -> None:
    spec = bench.spec(START_ERROR=name, ports=[bench.free_port()])
    with pytest.raises(error):
        await bench.runtime.start(spec)
    assert await bench.runtime.list() == []


async def test_an_unknown_start_error_is_a_mistake_of_the_test(bench: FakeBench) -> None:
    with pytest.raises(ValueError, match="FAKE_START_ERROR"):
        await bench.runtime.start(bench.spec(START_ERROR="whatever"))


async def test_an_engine_that_is_down_answers_nobody(bench: FakeBench) -> None:
    spec = bench.spec()
    await boot(bench, spec)
    async with watched(bench) as _:
        waiting = asyncio.create_task(bench.runtime.wait(spec.instance_id))
        await asyncio.sleep(0)
        bench.fake.go_down()
        with pytest.raises(RuntimeUnavailable):
            await waiting
    for call in (bench.runtime.list(), bench.runtime.inspect(spec.instance_id), bench.runtime.start(bench.spec())):
        with pytest.raises(RuntimeUnavailable):
            await call
    bench.fake.come_back()
    found = await bench.runtime.inspect(spec.instance_id)
    assert found is not None
    assert found.status is ContainerStatus.RUNNING


async def test_those_who_listen_learn_that_it_went_down(bench: FakeBench) -> None:
    spec = bench.spec()
    await boot(bench, spec)

    async def listen() -> None:
        async for _ in bench.runtime.events():
            pass

    async def read() -> None:
        async for _ in bench.runtime.logs(spec.instance_id):
            pass

    tasks = [asyncio.create_task(listen()), asyncio.create_task(read())]
    await asyncio.sleep(0)
    bench.fake.go_down()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(result) for result in results] == [RuntimeUnavailable, RuntimeUnavailable]


async def test_an_engine_may_take_its_containers_with_it(bench: FakeBench) -> None:
    spec = bench.spec()
    await boot(bench, spec)
    bench.fake.go_down(kill=True)
    bench.fake.come_back()
    assert (await ended(bench.runtime, spec.instance_id)).exit_code == 137


async def test_a_container_may_be_lost(bench: FakeBench) -> None:
    spec = bench.spec()
    async with watched(bench) as events:
        await boot(bench, spec)
        bench.fake.lose(spec.instance_id)
        assert await bench.runtime.inspect(spec.instance_id) is None
        await asyncio.sleep(0)
    assert [event.kind for event in events if event.instance_id == spec.instance_id] == ["started", "exited", "removed"]


async def test_a_foreign_process_may_hold_a_port(bench: FakeBench) -> None:
    port = bench.free_port()
    bench.fake.occupy(port, "udp")
    with pytest.raises(PortTaken, match=str(port)):
        await bench.runtime.start(bench.spec(ports=[port]))
    bench.fake.vacate(port, "udp")
    await bench.runtime.start(bench.spec(ports=[port]))


async def test_what_was_written_to_the_console_is_known(bench: FakeBench) -> None:
    spec = bench.spec()
    await boot(bench, spec)
    await bench.runtime.send_line(spec.instance_id, "fake join Ann")
    await bench.runtime.send_line(spec.instance_id, "who")
    assert bench.fake.heard(spec.instance_id) == ("fake join Ann", "who")
    texts = [text async for _, text in bench.runtime.logs(spec.instance_id, follow=False)]
    assert READY in texts[0]
    assert "'Ann' joined" in texts[1]
