"""What every container runtime promises. The fake and the real engine are held to the same tests.

The process inside behaves like the stand-in game: it prints the banner and understands `stop`, `crash`, `exit` and
`fake line` on its console.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Protocol

import pytest

from hytopus.node.runtime.base import (
    ContainerEvent,
    ContainerFault,
    ContainerSpec,
    ContainerState,
    ContainerStatus,
    ImageMissing,
    PortTaken,
    Runtime,
)
from tests.services.waiting import eventually

READY = "Hytale Server Booted!"


class Bench(Protocol):
    """A runtime under test and a way to make containers for it."""

    runtime: Runtime

    def spec(
        self,
        *,
        instance_id: str | None = None,
        generation: int = 1,
        ports: Sequence[int] = (),
        image: str | None = None,
        obedient: bool = True,
    ) -> ContainerSpec:
        """A container of an instance of its own; one that is not `obedient` ignores `stop` and signals."""
        ...

    def free_port(self) -> int: ...


async def line_of(runtime: Runtime, instance_id: str, text: str) -> str:
    """The first line that contains a text, once there is one."""
    async with asyncio.timeout(20):
        lines = runtime.logs(instance_id)
        async for _at, line in lines:
            if text in line:
                return line
    raise AssertionError(f"the log ended without {text!r}")


async def ended(runtime: Runtime, instance_id: str) -> ContainerState:
    async with asyncio.timeout(20):
        state = await runtime.wait(instance_id)
    assert state is not None
    return state


async def boot(bench: Bench, spec: ContainerSpec) -> ContainerState:
    state = await bench.runtime.start(spec)
    await line_of(bench.runtime, spec.instance_id, READY)
    return state


class RuntimeContract:
    """Subclasses live in test modules that have a fixture `bench`."""

    async def test_a_started_container_runs_and_is_found(self, bench: Bench) -> None:
        spec = bench.spec(generation=3)
        started = await boot(bench, spec)
        found = await bench.runtime.inspect(spec.instance_id)
        assert (started.status, started.generation) == (ContainerStatus.RUNNING, 3)
        assert found is not None
        assert (found.status, found.generation, found.exit_code) == (ContainerStatus.RUNNING, 3, None)
        assert found.started_at is not None
        assert [state.instance_id for state in await bench.runtime.list()] == [spec.instance_id]

    async def test_starting_again_leaves_a_running_container_alone(self, bench: Bench) -> None:
        spec = bench.spec()
        await boot(bench, spec)
        before = await bench.runtime.inspect(spec.instance_id)
        again = await bench.runtime.start(spec)
        assert again == before
        assert len(await bench.runtime.list()) == 1

    async def test_a_container_that_ended_does_not_run_again_under_its_generation(self, bench: Bench) -> None:
        spec = bench.spec()
        await boot(bench, spec)
        await bench.runtime.send_line(spec.instance_id, "crash 3")
        await ended(bench.runtime, spec.instance_id)
        again = await bench.runtime.start(spec)
        assert (again.status, again.exit_code) == (ContainerStatus.EXITED, 3)

    async def test_an_ended_container_makes_room_for_the_next_generation(self, bench: Bench) -> None:
        port = bench.free_port()
        spec = bench.spec(ports=[port])
        await boot(bench, spec)
        await bench.runtime.kill(spec.instance_id)
        await ended(bench.runtime, spec.instance_id)
        second = bench.spec(instance_id=spec.instance_id, generation=2, ports=[port])
        assert (await boot(bench, second)).generation == 2
        assert [state.generation for state in await bench.runtime.list()] == [2]

    async def test_a_running_container_is_never_replaced(self, bench: Bench) -> None:
        spec = bench.spec(generation=2)
        await boot(bench, spec)
        with pytest.raises(ContainerFault, match="still runs"):
            await bench.runtime.start(bench.spec(instance_id=spec.instance_id, generation=3))
        with pytest.raises(ContainerFault, match="newer"):
            await bench.runtime.start(bench.spec(instance_id=spec.instance_id, generation=1))
        found = await bench.runtime.inspect(spec.instance_id)
        assert found is not None
        assert (found.status, found.generation) == (ContainerStatus.RUNNING, 2)

    async def test_the_console_line_stop_ends_it_cleanly(self, bench: Bench) -> None:
        spec = bench.spec()
        await boot(bench, spec)
        await bench.runtime.send_line(spec.instance_id, "stop")
        state = await ended(bench.runtime, spec.instance_id)
        assert (state.status, state.exit_code, state.oom_killed) == (ContainerStatus.EXITED, 0, False)
        assert state.finished_at is not None
        assert "Shutdown completed!" in await line_of(bench.runtime, spec.instance_id, "Shutdown completed!")

    @pytest.mark.parametrize(("line", "code"), [("crash 1", 1), ("exit 8", 8), ("exit 0", 0)])
    async def test_the_exit_code_is_the_process_own(self, bench: Bench, line: str, code: int) -> None:
        spec = bench.spec()
        await boot(bench, spec)
        await bench.runtime.send_line(spec.instance_id, line)
        assert (await ended(bench.runtime, spec.instance_id)).exit_code == code

    @pytest.mark.parametrize(("signal", "code"), [("SIGTERM", 143), ("SIGINT", 130)])
    async def test_a_signal_reaches_the_process(self, bench: Bench, signal: str, code: int) -> None:
        spec = bench.spec()
        await boot(bench, spec)
        await bench.runtime.signal(spec.instance_id, signal)
        assert (await ended(bench.runtime, spec.instance_id)).exit_code == code

    async def test_kill_ends_a_process_that_ignores_everything(self, bench: Bench) -> None:
        spec = bench.spec(obedient=False)
        await boot(bench, spec)
        await bench.runtime.send_line(spec.instance_id, "stop")
        await bench.runtime.signal(spec.instance_id, "SIGTERM")
        await bench.runtime.send_line(spec.instance_id, "fake line still here")
        await line_of(bench.runtime, spec.instance_id, "still here")
        await bench.runtime.kill(spec.instance_id)
        assert (await ended(bench.runtime, spec.instance_id)).exit_code == 137

    async def test_what_is_missing_or_ended_may_be_stopped_again(self, bench: Bench) -> None:
        spec = bench.spec()
        await boot(bench, spec)
        await bench.runtime.kill(spec.instance_id)
        await ended(bench.runtime, spec.instance_id)
        for instance_id in (spec.instance_id, "nobody"):
            await bench.runtime.signal(instance_id, "SIGTERM")
            await bench.runtime.kill(instance_id)
        await bench.runtime.remove(spec.instance_id)
        await bench.runtime.remove(spec.instance_id)
        assert await bench.runtime.inspect(spec.instance_id) is None
        assert await bench.runtime.wait(spec.instance_id) is None
        assert [line async for line in bench.runtime.logs(spec.instance_id)] == []
        assert await bench.runtime.list() == []

    async def test_nobody_reads_the_console_of_what_does_not_run(self, bench: Bench) -> None:
        spec = bench.spec()
        with pytest.raises(ContainerFault, match="does not run"):
            await bench.runtime.send_line(spec.instance_id, "stop")
        await boot(bench, spec)
        await bench.runtime.send_line(spec.instance_id, "stop")
        await ended(bench.runtime, spec.instance_id)
        with pytest.raises(ContainerFault, match="does not run"):
            await bench.runtime.send_line(spec.instance_id, "stop")

    async def test_one_line_is_one_command(self, bench: Bench) -> None:
        spec = bench.spec()
        await boot(bench, spec)
        with pytest.raises(ContainerFault, match="line break"):
            await bench.runtime.send_line(spec.instance_id, "who\nstop")
        await bench.runtime.send_line(spec.instance_id, "fake line alive")
        await line_of(bench.runtime, spec.instance_id, "alive")

    async def test_a_host_port_is_given_once(self, bench: Bench) -> None:
        port = bench.free_port()
        first, second = bench.spec(ports=[port]), bench.spec(ports=[port])
        await boot(bench, first)
        with pytest.raises(PortTaken) as caught:
            await bench.runtime.start(second)
        assert (caught.value.params["port"], caught.value.params["protocol"]) == (port, "udp")
        assert await bench.runtime.inspect(second.instance_id) is None
        await bench.runtime.remove(first.instance_id)
        await boot(bench, second)

    async def test_a_missing_image_leaves_nothing(self, bench: Bench) -> None:
        spec = bench.spec(image="hytopus/no-such-game:1")
        with pytest.raises(ImageMissing, match="hytopus/no-such-game:1"):
            await bench.runtime.start(spec)
        with pytest.raises(ImageMissing, match="hytopus game build no-such-game"):
            await bench.runtime.ensure_image(spec.image, game="no-such-game")
        assert await bench.runtime.list() == []

    async def test_waiting_ends_when_the_container_is_removed(self, bench: Bench) -> None:
        spec = bench.spec()
        await boot(bench, spec)
        async with asyncio.TaskGroup() as tasks:
            waiting = tasks.create_task(bench.runtime.wait(spec.instance_id))
            await bench.runtime.remove(spec.instance_id)
        state = waiting.result()
        assert state is None or state.status is ContainerStatus.EXITED

    async def test_events_tell_the_life_of_a_container(self, bench: Bench) -> None:
        spec = bench.spec(generation=7)
        async with watched(bench) as events:
            await bench.runtime.start(spec)
            await bench.runtime.kill(spec.instance_id)
            await ended(bench.runtime, spec.instance_id)
            await bench.runtime.remove(spec.instance_id)
            mine = await eventually(lambda: complete(events, spec.instance_id), what="the removal's event")
        assert [event.kind for event in mine] == ["started", "exited", "removed"]
        assert {event.generation for event in mine} == {7}

    async def test_following_a_log_ends_with_the_container(self, bench: Bench) -> None:
        spec = bench.spec()
        await boot(bench, spec)
        async with asyncio.TaskGroup() as tasks:
            reading = tasks.create_task(_all_lines(bench.runtime, spec.instance_id))
            await bench.runtime.send_line(spec.instance_id, "fake line one")
            await bench.runtime.send_line(spec.instance_id, "fake line two")
            await bench.runtime.send_line(spec.instance_id, "stop")
        lines = reading.result()
        assert [line for line in lines if line in {"one", "two"}] == ["one", "two"]
        assert "Shutdown completed!" in lines[-1]

    async def test_a_log_can_be_read_in_part(self, bench: Bench) -> None:
        spec = bench.spec()
        await boot(bench, spec)
        for word in ("one", "two", "three"):
            await bench.runtime.send_line(spec.instance_id, f"fake line {word}")
        await line_of(bench.runtime, spec.instance_id, "three")
        lines = [line async for line in bench.runtime.logs(spec.instance_id, tail=2, follow=False)]
        assert [text for _, text in lines] == ["two", "three"]
        since = [text async for _, text in bench.runtime.logs(spec.instance_id, since=lines[0][0], follow=False)]
        assert since[-2:] == ["two", "three"]
        assert not any(READY in text for text in since)

    async def test_usage_is_of_those_that_run(self, bench: Bench) -> None:
        running, gone = bench.spec(), bench.spec()
        await boot(bench, running)
        await boot(bench, gone)
        await bench.runtime.kill(gone.instance_id)
        await ended(bench.runtime, gone.instance_id)
        usage = await bench.runtime.usage()
        assert set(usage) == {running.instance_id}
        assert usage[running.instance_id].memory_mb > 0
        assert usage[running.instance_id].cpu_percent >= 0

    async def test_the_engine_tells_about_itself(self, bench: Bench) -> None:
        info = await bench.runtime.info()
        assert info.version
        assert info.root_dir.startswith("/")


async def _all_lines(runtime: Runtime, instance_id: str) -> list[str]:
    async with asyncio.timeout(20):
        return [line async for _, line in runtime.logs(instance_id)]


@asynccontextmanager
async def watched(bench: Bench) -> AsyncIterator[list[ContainerEvent]]:
    """The events as they come in. Some container's event has come already: the subscription is there."""
    events: list[ContainerEvent] = []

    async def watch() -> None:
        async for event in bench.runtime.events():
            events.append(event)  # noqa: PERF401 - they are looked at while they come in

    watcher = asyncio.create_task(watch())
    try:
        async with asyncio.timeout(30):
            while not events:
                probe = bench.spec()
                await bench.runtime.start(probe)
                await bench.runtime.remove(probe.instance_id)
        yield events
    finally:
        watcher.cancel()
        await asyncio.gather(watcher, return_exceptions=True)


def complete(events: list[ContainerEvent], instance_id: str) -> list[ContainerEvent]:
    mine = [event for event in events if event.instance_id == instance_id]
    return mine if mine and mine[-1].kind == "removed" else []
