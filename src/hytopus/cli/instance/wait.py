"""Waiting for an instance to get where it was sent, showing each step on the way."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Final

from cyclopts import Parameter
from rich.console import Console
from rich.status import Status

from hytopus.cli.connection.client import Api, Json, at
from hytopus.cli.connection.live import follow_events
from hytopus.cli.connection.options import Options
from hytopus.cli.failure import BrainUnreachable
from hytopus.cli.terminal.output import note, plain, print_json, say
from hytopus.errors import HytopusError

RUNNING: Final = "running"
STOPPED: Final = "stopped"
DESTROYED: Final = "destroyed"

_LOOK_AGAIN: Final = 1.0
"""Seconds between looks where no event comes: progress inside a state has none."""


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class Waiting:
    wait: Annotated[bool, Parameter(name=("--wait", "-w"))] = False
    """Stay until it is there, showing each step; fails if it fails."""

    timeout: float = 600
    """Seconds to wait at most."""


class InstanceFailed(HytopusError):
    code: ClassVar[str] = "instance_failed"
    template: ClassVar[str] = "{name} is {state}, not {goal}: {why}"
    remedy: ClassVar[str] = "{what}"


class WaitedTooLong(HytopusError):
    code: ClassVar[str] = "wait_timeout"
    template: ClassVar[str] = "{name} is still {state} after {seconds:.0f} s."
    remedy: ClassVar[str] = "It goes on without you; `hytopus instance explain {name}` says what it waits for."


async def finish(
    api: Api, instance: Json, before: Json | None, goal: str | None, waiting: Waiting | None, options: Options
) -> None:
    """End a command that changed what is wanted of an instance: wait if asked to, then show the result.

    `before` is how the instance stood when the command was given; None if it did not exist.
    """
    if waiting is not None and waiting.wait and goal is not None:
        instance = await wait_until(api, instance, before, goal, timeout=waiting.timeout)
    if options.json:
        print_json(instance)
    else:
        say(describe(instance))


async def wait_until(api: Api, instance: Json, before: Json | None, goal: str, *, timeout: float) -> Json:
    """The instance once it has reached the goal; raises `InstanceFailed` or `WaitedTooLong`."""
    changed = asyncio.Event()
    show = _Steps()
    try:
        async with asyncio.timeout(timeout), _beside(_listen(api, instance["id"], changed)):
            while not _arrived(instance, before, goal):
                show.step(instance)
                with suppress(TimeoutError):
                    await asyncio.wait_for(changed.wait(), _LOOK_AGAIN)
                changed.clear()
                instance = await _look(api, instance)
    except TimeoutError:
        raise WaitedTooLong(name=instance["name"], state=instance["state"], seconds=timeout) from None
    finally:
        show.end(instance)
    return instance


def describe(instance: Json) -> str:
    """One sentence about an instance: where it is and how one reaches it."""
    where = f" on {plain(instance['node']['name'])}" if instance.get("node") else ""
    joinable = instance["state"] == RUNNING and instance.get("address")
    reached = f", players join {plain(instance['address'])}" if joinable else ""
    return f"{plain(instance['name'])} is {plain(instance['state'])}{where}{reached}."


def _arrived(instance: Json, before: Json | None, goal: str) -> bool:
    if before is not None and _stand(instance) == _stand(before):
        return False  # the command has not shown yet
    state = instance["state"]
    restarting = goal == RUNNING and before is not None and before["state"] == RUNNING
    if restarting and before is not None and instance["generation"] <= before["generation"]:
        return False  # the old server is still running, or stopping
    if state == goal:
        return True
    if goal == DESTROYED:
        return False
    ended = state == "failed" or (state in (STOPPED, DESTROYED) and instance["wanted"] != RUNNING)
    if ended and not (goal == STOPPED and state == "failed"):
        raise _failure(instance, goal)
    return ended


def _stand(instance: Json) -> tuple[Any, ...]:
    return instance["state"], instance["state_since"], instance["generation"]


def _failure(instance: Json, goal: str) -> InstanceFailed:
    problem = instance.get("problem") or {}
    for line in instance.get("log_tail", ())[-20:]:
        note(f"  | {plain(line)}")
    return InstanceFailed(
        name=instance["name"],
        state=instance["state"],
        goal=goal,
        why=problem.get("message", "somebody asked for that."),
        what=problem.get("remedy", ""),
    )


async def _look(api: Api, instance: Json) -> Json:
    """The instance as it is now; as it was where the Brain is away for a moment."""
    with suppress(BrainUnreachable):
        return await api.get(at("instances", instance["id"]))
    return instance


async def _listen(api: Api, instance_id: str, changed: asyncio.Event) -> None:
    async for _ in follow_events(api, quiet=True, subject_kind="instance", subject_id=instance_id):
        changed.set()


@asynccontextmanager
async def _beside(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run something while the block runs. Its failure does not matter: looking again is enough."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


class _Steps:
    """Each state on a line of its own, on standard error; at a terminal, what goes on inside it too."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._last = ""
        self._status: Status | None = None
        if sys.stderr.isatty():
            self._status = Status("", console=Console(stderr=True, markup=False, highlight=False))
            self._status.start()

    def step(self, instance: Json) -> None:
        text = _step(instance)
        if text != self._last:
            self._print(text)
            self._last = text
        if self._status is not None:
            progress = instance.get("progress") or {}
            share = f" {progress['progress']:.0%}" if progress.get("progress") else ""
            self._status.update(f"{plain(progress.get('step') or instance['state'])}{share}")

    def end(self, instance: Json) -> None:
        if self._status is not None:
            self._status.stop()
            self._status = None
        if (text := _step(instance)) != self._last:
            self._print(text)

    def _print(self, text: str) -> None:
        line = f"{time.monotonic() - self._began:6.1f} s  {text}"
        if self._status is not None:
            self._status.console.print(line)
        else:
            note(line)


def _step(instance: Json) -> str:
    where = f"on {plain(instance['node']['name'])}" if instance.get("node") else ""
    waits = plain((instance.get("waiting") or {}).get("summary", ""))
    retry = instance.get("retry")
    again = f" (attempt {plain(retry['attempt'])})" if retry else ""
    return f"{plain(instance['state']):10}  {where or waits}{again}".rstrip()
