"""One program that is kept running: started, looked after, started again when it ends, and ended with us."""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import time
from asyncio.subprocess import DEVNULL, PIPE, STDOUT, Process
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from hytopus.kit.backoff import backoff
from hytopus.up.errors import ServiceFailed
from hytopus.up.leftovers import MARK

_PR_SET_PDEATHSIG: Final = 1
_LOG_LIMIT: Final = 20_000_000
_TAIL_LINES: Final = 15
_CALM: Final = 60.0
"""Seconds of running after which an end counts as the first one again."""

_LAST_WORDS: Final = 1.0
"""Seconds for the rest of the output to arrive after an end."""

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Program:
    """What to run, and how to tell that it works."""

    name: str
    command: Sequence[str]
    ready: Callable[[], Awaitable[bool]]
    environment: Mapping[str, str] = field(default_factory=dict)
    ready_seconds: float = 60.0
    grace_seconds: float = 15.0


@dataclass(frozen=True, slots=True)
class Place:
    """Where programs leave their traces, and who hears of them."""

    data_dir: Path
    logs: Path
    run: Path
    say: Say
    echo: bool = False
    """Show everything they print, each line with the program's name."""


@asynccontextmanager
async def keep_running(program: Program, place: Place) -> AsyncIterator[None]:
    """Run a program while the block runs. The block begins when it is ready; raises `ServiceFailed` if it never is."""
    keeper = _Keeper(program, place)
    task = asyncio.create_task(keeper.run())
    try:
        await keeper.ready(task)
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


class _Keeper:
    def __init__(self, program: Program, place: Place) -> None:
        self._program = program
        self._place = place
        self._log = place.logs / f"{program.name}.log"
        self._up = False
        self._exit: int | None = None

    async def run(self) -> None:
        """Until cancelled. An end before it was ever ready is final: it would end the same way again."""
        delays = backoff(0.5, 30)
        while True:
            began = time.monotonic()
            self._exit = await self._once()
            if not self._up:
                return
            if time.monotonic() - began > _CALM:
                delays = backoff(0.5, 30)
            delay = next(delays)
            how = f"{self._program.name} ended ({_ending(self._exit)}; log: {self._log})"
            self._place.say(f"{how}; starting it again in {delay:.1f} s.")
            await asyncio.sleep(delay)

    async def ready(self, task: asyncio.Task[None]) -> None:
        deadline = time.monotonic() + self._program.ready_seconds
        while not await self._program.ready():
            if task.done():
                task.result()
                raise self._failure(f"it ended at once ({_ending(self._exit)})")
            if time.monotonic() > deadline:
                raise self._failure(f"it is not ready after {self._program.ready_seconds:.0f} s")
            await asyncio.sleep(0.1)
        self._up = True

    async def _once(self) -> int:
        """Run it once; gives the exit code. Cancelled, it ends the program and waits for its end."""
        process = await self._spawn()
        pid_file = self._place.run / f"{self._program.name}.pid"
        pid_file.write_text(str(process.pid))
        pump = asyncio.create_task(self._pump(process))
        try:
            code = await process.wait()
            await asyncio.wait([pump], timeout=_LAST_WORDS)  # a grandchild may hold the pipe open for ever
            return code
        finally:
            await self._end(process)
            pump.cancel()
            await asyncio.gather(pump, return_exceptions=True)
            pid_file.unlink(missing_ok=True)

    async def _spawn(self) -> Process:
        environment = {**os.environ, **self._program.environment, MARK: str(self._place.data_dir)}
        return await asyncio.create_subprocess_exec(
            *self._program.command,
            env=environment,
            cwd=self._place.data_dir,
            stdin=DEVNULL,
            stdout=PIPE,
            stderr=STDOUT,
            start_new_session=True,  # the terminal's Ctrl-C is for us; we end our programs in order
            preexec_fn=_end_with_parent,
        )

    async def _pump(self, process: Process) -> None:
        """What it prints, into its log."""
        assert process.stdout is not None
        rest = b""
        while data := await process.stdout.read(65_536):
            _append(self._log, data)
            if self._place.echo:
                *lines, rest = (rest + data).split(b"\n")
                for line in lines:
                    self._place.say(f"{self._program.name:6} | {line.decode(errors='replace')}")

    async def _end(self, process: Process) -> None:
        if process.returncode is not None:
            return
        with suppress(ProcessLookupError):
            process.terminate()
        try:
            await asyncio.wait_for(process.wait(), self._program.grace_seconds)
        except TimeoutError:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    def _failure(self, why: str) -> ServiceFailed:
        return ServiceFailed(name=self._program.name, why=why, log=self._log, tail=tail(self._log))


def tail(log: Path, lines: int = _TAIL_LINES) -> str:
    """The last lines of a log."""
    try:
        text = log.read_text(errors="replace")[-16_384:]
    except FileNotFoundError:
        return "(nothing)"
    return "\n".join(f"  {line}" for line in text.splitlines()[-lines:])


def _append(log: Path, data: bytes) -> None:
    """Write to a log; a full one becomes `.1` first, so two of them are the most there is."""
    with suppress(FileNotFoundError):
        if log.stat().st_size > _LOG_LIMIT:
            log.replace(log.with_suffix(".log.1"))
    with log.open("ab") as file:
        file.write(data)


def _ending(code: int | None) -> str:
    if code is not None and code < 0:
        return f"killed by {signal.Signals(-code).name}"
    return f"exit code {code}"


_libc = ctypes.CDLL(None, use_errno=True)


def _end_with_parent() -> None:
    """In the child, before the program begins: the kernel ends it when `up` dies, however that happens."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
