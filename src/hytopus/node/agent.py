"""The node as the link sees it (`node/link/contract.py`): takes messages, answers questions, says how things stand.

The agent does not know whether a Brain is connected; what it has to say goes into the outbox.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any, TypeVar

from hytopus.errors import HytopusError
from hytopus.kit.logs import get_logger
from hytopus.node.crew import Crew
from hytopus.node.metrics import Sample
from hytopus.node.runner.conclude import kept_log
from hytopus.node.runner.errors import AgentFault, BadQuestion, NotRunning
from hytopus.node.runner.host import Host
from hytopus.node.runner.instance import Instance
from hytopus.node.runner.mask import problem_of
from hytopus.node.runner.states import AT_REST
from hytopus.node.runner.stop import LIVE
from hytopus.node.runtime.base import Usage
from hytopus.wire.messages import (
    Answer,
    Ask,
    BrainMessage,
    DestroyInstance,
    Heartbeat,
    InstanceUsage,
    LogLine,
    NodeFacts,
    NodeLoad,
    PrepareInstance,
    PurgeCache,
    RegisterNode,
    SetDevMode,
    StartInstance,
    StopInstance,
    Welcome,
)
from hytopus.wire.version import PROTOCOL

log = get_logger(__name__)

Measure = Callable[[frozenset[int]], NodeLoad]
"""How busy the machine is; given the ports that are ours. Runs in a thread."""


Thinking = Coroutine[Any, Any, Mapping[str, Any]]

Question = TypeVar("Question", Ask, PurgeCache)


class Agent:
    """`run` it; once `adopted` is set, the link may open its first session."""

    def __init__(self, host: Host, *, agent_id: str, facts: NodeFacts, measure: Measure | None = None) -> None:
        self._host = host
        self._agent_id = agent_id
        self._facts = facts
        self._crew = Crew(host)
        self._inbox: asyncio.Queue[BrainMessage] = asyncio.Queue()
        self._measure_machine = measure or (lambda ports: NodeLoad())
        self._usage: Mapping[str, Usage] = {}
        self._heartbeat_seconds = 5.0

    @property
    def adopted(self) -> asyncio.Event:
        return self._crew.adopted

    @property
    def dev_mode(self) -> bool:
        return self._host.journal.dev_mode

    def registration(self) -> RegisterNode:
        facts = replace(self._facts, engine_version=self._crew.engine_version)
        inventory = tuple(replace(instance.standing(), restored=True) for instance in self._crew)
        return RegisterNode(PROTOCOL, self._agent_id, facts, self.dev_mode, inventory)

    async def heartbeat(self) -> Heartbeat:
        load = await self._measure()
        usage = tuple(_usage_of(instance, self._usage) for instance in self._crew if instance.id in self._usage)
        return Heartbeat(self._host.clock.now().isoformat(), self.dev_mode, load, usage)

    def deliver(self, message: BrainMessage) -> None:
        """Take a message over; what becomes of it shows in reports and answers."""
        self._inbox.put_nowait(message)

    async def lines(
        self, instance_id: str, *, tail: int = 0, after: int = 0, follow: bool = True
    ) -> AsyncIterator[Sequence[LogLine]]:
        """History, then live; ends when the server has ended and everything was told."""
        instance = self._crew.instance(instance_id)
        await _recall(instance)
        if not follow:
            yield instance.lines.tail(tail)
            return
        async for batch in instance.lines.follow(tail=tail, after=after):
            yield batch

    async def type_line(self, instance_id: str, line: str) -> None:
        """Type a line into the server's console."""
        instance = self._crew.instance(instance_id)
        if instance.record.status not in LIVE:
            raise NotRunning(instance=instance_id, status=instance.record.status)
        if "\n" in line or "\r" in line:
            raise BadQuestion(kind="send_line", why="a console line has no line breaks")
        log.info("console line", instance=instance_id)
        await self._host.runtime.send_line(instance_id, line)

    def sample(self) -> Sample:
        """For the metrics."""
        statuses = Counter(instance.record.status for instance in self._crew)
        numbers = self._host.directories.numbers()
        return Sample(statuses, numbers, engine_up=self._crew.engine_up, dev_mode=self.dev_mode)

    async def run(self) -> None:
        """For ever. Cancelled, it leaves the servers running; the next agent takes them over."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._crew.run(), name="crew")
            await self.adopted.wait()
            tasks.create_task(self._measure_usage_for_ever(), name="measure usage")
            while True:
                await self._take(await self._inbox.get(), tasks)

    async def _take(self, message: BrainMessage, tasks: asyncio.TaskGroup) -> None:
        match message:
            case PrepareInstance() | StartInstance() | StopInstance() | DestroyInstance():
                self._crew.obey(message)
            case SetDevMode():
                await self._set_dev_mode(message.enabled)
            case Welcome():
                self._heartbeat_seconds = message.heartbeat_seconds
                await self._set_dev_mode(message.dev_mode)
            case PurgeCache():
                log.info("command", command="PurgeCache", template=message.template_id, version=message.version)
                tasks.create_task(self._answer(message, self._purge), name="purge")
            case Ask():
                tasks.create_task(self._answer(message, self._think), name="answer")
            case _:
                log.warning("message without a meaning here", message=type(message).__name__)

    async def _set_dev_mode(self, enabled: bool) -> None:
        if enabled == self.dev_mode:
            return
        log.info("command", command="SetDevMode", enabled=enabled)
        try:
            await self._host.journal.set_dev_mode(enabled)
        except (HytopusError, OSError) as error:
            log.warning("dev mode could not be written down", why=str(error))

    async def _answer(self, question: Question, think: Callable[[Question], Thinking]) -> None:
        request_id = question.request_id
        try:
            self._host.send(Answer(request_id, json.dumps(await think(question))))
        except HytopusError as error:
            self._host.send(Answer(request_id, problem=problem_of(error, str)))
        except Exception as error:
            log.exception("a question could not be answered")
            fault = AgentFault(what="an answer", instance="the node", why=f"{type(error).__name__}: {error}")
            self._host.send(Answer(request_id, problem=problem_of(fault, str)))

    async def _purge(self, question: PurgeCache) -> Mapping[str, Any]:
        return await self._host.directories.purge(question.template_id, question.version)

    async def _think(self, question: Ask) -> Mapping[str, Any]:
        body, instance_id = _arguments(question), question.instance_id
        match question.kind:
            case "cache":
                return self._host.directories.cached()
            case "provenance":
                self._crew.instance(instance_id)
                pattern = str(body.get("path") or "**")
                return {"files": list(await self._host.directories.provenance(instance_id, pattern))}
            case "logs":
                instance = self._crew.instance(instance_id)
                await _recall(instance)
                return {"lines": [asdict(line) for line in instance.lines.tail(int(body.get("tail", 200)))]}
            case "send_line":
                await self.type_line(instance_id, str(body.get("line", "")))
                return {}
            case _:
                raise BadQuestion(kind=question.kind, why="this version has no answer")

    async def _measure_usage_for_ever(self) -> None:
        while True:
            try:
                self._usage = await self._host.runtime.usage() if self._crew.engine_up else {}
            except HytopusError:
                self._usage = {}
            await self._host.clock.sleep(self._heartbeat_seconds)

    async def _measure(self) -> NodeLoad:
        live = [instance for instance in self._crew if instance.record.status in LIVE]
        own = frozenset(port.host for instance in live for port in instance.record.assignment.ports)
        numbers = self._host.directories.numbers()
        return replace(
            await asyncio.to_thread(self._measure_machine, own),
            running=len(live),
            cache_bytes=numbers.bytes,
            cache_versions=numbers.versions,
            cache_hits=numbers.hits,
            cache_misses=numbers.misses,
            s3_requests=numbers.s3_requests,
            s3_bytes=numbers.s3_bytes,
            engine_up=self._crew.engine_up,
        )


def _usage_of(instance: Instance, measured: Mapping[str, Usage]) -> InstanceUsage:
    used = measured[instance.id]
    return InstanceUsage(instance.id, round(used.cpu_percent, 1), round(used.memory_mb, 1), len(instance.players))


def _arguments(question: Ask) -> dict[str, Any]:
    try:
        body = json.loads(question.body)
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise BadQuestion(kind=question.kind, why="its arguments are no JSON object")
    return body


async def _recall(instance: Instance) -> None:
    """Have the lines of a server that ended under an earlier agent."""
    if instance.follower or instance.record.status not in AT_REST or not instance.record.started:
        return
    instance.follow(resume=True)
    await instance.drained(2)
    if not instance.lines.last:
        for line in await kept_log(instance):
            instance.lines.add(line.number, line.at, line.text)
