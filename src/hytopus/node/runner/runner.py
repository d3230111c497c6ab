"""Owns one instance's life: takes commands in order, does one thing at a time, and drops it for what overtakes it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from typing import Any

from hytopus.errors import HytopusError
from hytopus.kit.logs import get_logger
from hytopus.kit.requests import of_request
from hytopus.kit.waiting import wait_for
from hytopus.node.journal import Record
from hytopus.node.runner.again import comes_again
from hytopus.node.runner.destroy import destroy
from hytopus.node.runner.errors import AgentFault
from hytopus.node.runner.exits import unrequested
from hytopus.node.runner.host import Host
from hytopus.node.runner.instance import Instance
from hytopus.node.runner.prepare import prepare
from hytopus.node.runner.start import keep_up, start, start_over
from hytopus.node.runner.states import LENT, Verdict, judge
from hytopus.node.runner.stop import is_running, stop
from hytopus.node.runtime.base import ContainerStatus
from hytopus.wire.messages import (
    DestroyInstance,
    InstanceCommand,
    NodeStatus,
    PrepareInstance,
    StartInstance,
    StopInstance,
)

log = get_logger(__name__)

Activity = Coroutine[Any, Any, None]


@dataclass(frozen=True, slots=True)
class Fence(StopInstance):
    """What the node tells itself when a lease has run out."""


class Runner:
    """`run` until the instance is destroyed; cancel it and the server goes on without the agent."""

    def __init__(self, host: Host, record: Record) -> None:
        self.instance = Instance(host, record)
        self.settled = asyncio.Event()
        """What an earlier agent left was looked at."""
        self._inbox: asyncio.Queue[InstanceCommand | None] = asyncio.Queue()
        self._activity: asyncio.Task[None] | None = None
        self._fencing: Fence | None = None
        self._doing: InstanceCommand | None = None
        """The command behind the activity; it may not show in the record yet."""

    def deliver(self, command: InstanceCommand) -> None:
        self._inbox.put_nowait(command)

    def poke(self) -> None:
        self.instance.poke()

    def fence(self) -> None:
        """Stop the server if its lease has run out: gracefully as long as the Brain still counts that in."""
        record = self.instance.record
        waits = record.retry_at is not None  # there is no process, and its start will be refused
        if not record.lease_s or waits or record.status not in LENT or (left := self._left(record.lease_s)) > 0:
            return
        command = Fence(record.instance_id, record.generation, kill=-left > self._stop_s())
        if command not in (self._fencing, self._doing):
            log.warning("lease has run out", instance=self.instance.id, seconds=record.lease_s, kill=command.kill)
            self._fencing = command
            self.deliver(command)

    def _left(self, lease_s: float) -> float:
        return self.instance.host.lease.left(lease_s)

    def _stop_s(self) -> float:
        how = self.instance.game.stop
        return how.grace + how.signal_grace

    def undelivered(self) -> list[InstanceCommand]:
        """Commands that came after the end."""
        rest = [self._inbox.get_nowait() for _ in range(self._inbox.qsize())]
        return [command for command in rest if command is not None]

    async def run(self, *, restored: bool) -> None:
        """`restored`: the record is an earlier agent's."""
        async with asyncio.TaskGroup() as tasks:
            self.instance.tasks = tasks
            if restored:
                self._begin(tasks, lambda: _resume(self.instance, self.settled), "resume")
            else:
                self.settled.set()
            while command := await self._inbox.get():
                with of_request(command.origin):
                    await self._obey(tasks, command)
            await self.instance.unfollow()

    async def _obey(self, tasks: asyncio.TaskGroup, command: InstanceCommand) -> None:
        instance = self.instance
        busy = self._activity is not None and not self._activity.done()
        verdict = judge(instance.record, command, busy=busy)
        if busy and _is_same(command, self._doing):
            verdict = Verdict.REPEAT
        log.info(
            "command",
            command=type(command).__name__,
            instance=instance.id,
            generation=command.generation,
            verdict=verdict.value,
        )
        if verdict is Verdict.IGNORE:
            return
        if verdict is Verdict.REPEAT:
            if isinstance(command, PrepareInstance):
                instance.renew(command)
            instance.report()
            return
        if self._activity and busy:
            self._activity.cancel()
            await wait_for(self._activity)
        self.settled.set()
        self._doing, instance.origin = command, command.origin
        self._begin(tasks, lambda: self._work_of(command), type(command).__name__)

    def _work_of(self, command: InstanceCommand) -> Activity:
        match command:
            case PrepareInstance():
                return prepare(self.instance, command)
            case StartInstance():
                return start(self.instance, command)
            case Fence():
                return stop(self.instance, command.generation, kill=command.kill, fenced=True)
            case StopInstance():
                return stop(self.instance, command.generation, kill=command.kill)
            case DestroyInstance():
                return destroy(self.instance, command.generation, superseded=command.superseded)

    def _begin(self, tasks: asyncio.TaskGroup, work: Callable[[], Activity], what: str) -> None:
        self._activity = tasks.create_task(self._guarded(work, what), name=f"{what} {self.instance.id}")

    async def _guarded(self, work: Callable[[], Activity], what: str) -> None:
        """Whatever goes wrong becomes a report; nothing reaches the other instances."""
        try:
            await work()
        except HytopusError as error:
            await self.instance.fail(error)
        except Exception as error:
            log.exception("the agent failed", what=what, instance=self.instance.id)
            why = f"{type(error).__name__}: {error}"
            await self.instance.fail(AgentFault(what=what, instance=self.instance.name, why=why))
        if self.instance.record.status is NodeStatus.DESTROYED:
            self._inbox.put_nowait(None)


def _is_same(command: InstanceCommand, other: InstanceCommand | None) -> bool:
    """Links to layers may differ."""
    if isinstance(command, PrepareInstance) and isinstance(other, PrepareInstance):
        return command.generation == other.generation
    return command == other


async def _resume(instance: Instance, settled: asyncio.Event) -> None:
    """Take over what an earlier agent held, without starting anything anew.

    A preparation, or a start that was commanded and has no container yet, waits for the Brain to repeat its command.
    A start by itself goes on: the Brain may be away, and knows nothing of it.
    """
    try:
        record = instance.record
        if record.destroying:
            settled.set()
            return await destroy(instance, record.generation, superseded=record.superseded)
        if record.status is NodeStatus.STOPPING:
            settled.set()
            return await stop(instance, record.generation, kill=record.killing, fenced=record.fenced)
        await _adopt(instance, settled)
    finally:
        settled.set()
    return None


async def _adopt(instance: Instance, settled: asyncio.Event) -> None:
    record = instance.record
    state = await instance.insist(lambda: instance.host.runtime.inspect(instance.id))
    if state and (state.start != (record.started, record.attempt) or state.status is ContainerStatus.CREATED):
        state = None  # of an earlier start, or not started yet
    if is_running(state):
        assert state, "a running one"
        log.info("adopted a running server", instance=instance.id, generation=record.generation)
        if record.status not in {NodeStatus.RUNNING, NodeStatus.STARTING}:
            await instance.advance(NodeStatus.STARTING, step="ready")
        instance.record = replace(instance.record, started_at=state.started_at)
        settled.set()
        instance.poke()
        await keep_up(instance, state, resume=True)
    elif record.status is NodeStatus.RUNNING or (record.status is NodeStatus.STARTING and state):
        instance.follow(resume=True)
        ready = record.status is NodeStatus.RUNNING
        outcome = unrequested(instance.name, instance.game, state, ready=ready)
        if await comes_again(instance, outcome, unwatched=True, waiting=settled.set):
            await start_over(instance)
    elif record.status is NodeStatus.STARTING and (record.attempt > 1 or record.retry_at is not None):
        settled.set()
        await start_over(instance)
