"""One container of the fake engine and the scripted process in it."""

from __future__ import annotations

import asyncio
import signal as signals
from collections.abc import Callable, Coroutine
from datetime import datetime
from typing import Any, Final

from hytopus.kit.clock import Clock
from hytopus.node.runtime.base import ContainerSpec, ContainerState, ContainerStatus
from hytopus.node.runtime.fake_script import STOPPED_LINE, Script, react

KILLED: Final = 128 + signals.SIGKILL


class FakeContainer:
    """Lives in tasks of its own from its making until it ends; `on_end` is called once, then."""

    def __init__(self, spec: ContainerSpec, script: Script, clock: Clock, on_end: Callable[[], None]) -> None:
        self.spec = spec
        self.script = script
        self.lines: list[tuple[datetime, str]] = []
        self.heard: list[str] = []
        self.news = asyncio.Event()
        self.removed = False
        self.running = True
        self._clock = clock
        self._on_end = on_end
        self._started_at = clock.now()
        self._finished_at: datetime | None = None
        self._exit_code: int | None = None
        self._oom_killed = False
        self._stopping = False
        self._hangs = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._spawn(self._live())

    def state(self) -> ContainerState:
        return ContainerState(
            instance_id=self.spec.instance_id,
            generation=self.spec.generation,
            attempt=self.spec.attempt,
            status=ContainerStatus.RUNNING if self.running else ContainerStatus.EXITED,
            exit_code=self._exit_code,
            oom_killed=self._oom_killed,
            started_at=self._started_at,
            finished_at=self._finished_at,
        )

    def tell(self) -> None:
        """Wake everybody who waits for a change of this container."""
        self.news.set()
        self.news = asyncio.Event()

    def say(self, line: str) -> None:
        """The process prints a line."""
        if self.running:
            self.lines.append((self._clock.now(), line))
            self.tell()

    def hear(self, line: str) -> None:
        """The process reads a line from its console."""
        self.heard.append(line)
        if self._hangs:
            return
        reaction = react(line)
        self._hangs = reaction.hang
        if reaction.say:
            self.say(reaction.say)
        if reaction.exit_code is not None:
            self.end(reaction.exit_code)
        elif reaction.stop and not self.script.ignore_stop:
            self._spawn(self._stop(0))

    def signal(self, number: int) -> None:
        if number == signals.SIGKILL:
            self.end(KILLED)
        elif not self.script.ignore_signals and not self._hangs:
            self._spawn(self._stop(128 + number))

    def end(self, exit_code: int, *, oom: bool = False) -> None:
        """The process ends, for whatever reason; the second time nothing happens."""
        if not self.running:
            return
        self.running = False
        self._exit_code = exit_code
        self._oom_killed = oom
        self._finished_at = self._clock.now()
        for task in self._tasks - {asyncio.current_task()}:
            task.cancel()
        self._on_end()
        self.tell()

    async def close(self) -> None:
        """End the tasks without a trace."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _live(self) -> None:
        script = self.script
        booting = 0.0 if script.ready_after is None else script.ready_after
        if script.run_for is not None:
            booting = min(booting, script.run_for)
        await self._pass_time(booting)
        if script.ready_after == booting:
            self.say(script.ready_line)
        if script.run_for is not None:
            await self._pass_time(script.run_for - booting)
            self.end(script.exit_code, oom=script.oom)

    async def _stop(self, exit_code: int) -> None:
        if self._stopping:
            return
        self._stopping = True
        await self._pass_time(self.script.stop_takes)
        self.say(STOPPED_LINE)
        self.end(exit_code)

    async def _pass_time(self, seconds: float) -> None:
        if seconds > 0:
            await self._clock.sleep(seconds)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
