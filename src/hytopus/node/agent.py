"""The node's own mind: holds the runners, compares what it holds with the engine, and speaks for them to the link.

See `node/link/contract.py` for what the link expects. The agent does not know whether a Brain is connected.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import asdict, replace
from typing import Any, Final

from hytopus.errors import HytopusError
from hytopus.kit.backoff import backoff
from hytopus.kit.logs import get_logger
from hytopus.node.journal import Record, is_safe
from hytopus.node.runner.conclude import kept_log
from hytopus.node.runner.errors import BadAssignment, BadQuestion, InstanceNotPrepared, InstanceUnknown, NotRunning
from hytopus.node.runner.host import Host
from hytopus.node.runner.instance import Instance, report_of
from hytopus.node.runner.mask import problem_of
from hytopus.node.runner.runner import Runner
from hytopus.node.runner.states import AT_REST
from hytopus.node.runner.stop import LIVE
from hytopus.node.runner.waiting import within
from hytopus.node.runtime.base import ContainerState, ContainerStatus, RuntimeUnavailable, Usage
from hytopus.node.stranger import record_of, unknown
from hytopus.wire.messages import (
    Heartbeat,
    InstanceCommand,
    InstanceReport,
    InstanceUsage,
    LogLine,
    NodeFacts,
    NodeLoad,
    NodeStatus,
    PrepareInstance,
    SetDevMode,
    StartInstance,
    Welcome,
)

log = get_logger(__name__)

SWEEP_SECONDS: Final = 30.0
"""Between two comparisons with the engine; its events make them nearly always unnecessary."""

SETTLE_SECONDS: Final = 30.0
"""How long the first report may wait for the engine's word on what an earlier agent left."""

Measure = Callable[[frozenset[int]], NodeLoad]
"""How busy the machine is; given the ports that are ours. Cheap enough for the event loop."""


class Agent:
    """`run` it; `adopted` is set when the link may open its first session."""

    def __init__(self, host: Host, *, facts: NodeFacts, measure: Measure | None = None) -> None:
        self.adopted = asyncio.Event()
        self._host = host
        self._facts = facts
        self._measure_machine = measure or (lambda ports: NodeLoad())
        self._runners: dict[str, Runner] = {}
        self._tasks: asyncio.TaskGroup | None = None
        self._engine_up = False
        self._heartbeat_seconds = 5.0
        self._load = NodeLoad(engine_up=False)
        self._usage: Mapping[str, Usage] = {}

    # What the link asks and says.

    @property
    def dev_mode(self) -> bool:
        return self._host.journal.dev_mode

    def facts(self) -> NodeFacts:
        return self._facts

    def inventory(self) -> tuple[InstanceReport, ...]:
        return tuple(
            report_of(runner.instance.record, players=runner.instance.players) for runner in self._runners.values()
        )

    def heartbeat(self) -> Heartbeat:
        """The last measured values; costs nothing."""
        usage = tuple(
            InstanceUsage(
                instance_id, round(used.cpu_percent, 1), round(used.memory_mb, 1), len(self._players(instance_id))
            )
            for instance_id, used in self._usage.items()
        )
        return Heartbeat(self._host.clock.now().isoformat(), self.dev_mode, self._load, usage)

    async def welcome(self, welcome: Welcome) -> None:
        self._heartbeat_seconds = welcome.heartbeat_seconds
        await self._set_dev_mode(welcome.dev_mode)

    async def handle(self, command: InstanceCommand | SetDevMode) -> None:
        """Take a command over; what becomes of it shows in reports."""
        await self.adopted.wait()
        if isinstance(command, SetDevMode):
            await self._set_dev_mode(command.enabled)
            return
        if not is_safe(command.instance_id):
            self._refuse(command, BadAssignment(instance=repr(command.instance_id), why="this is no instance id"))
            return
        runner = self._runners.get(command.instance_id)
        if runner is None and isinstance(command, StartInstance):
            self._refuse(command, InstanceNotPrepared(instance=command.instance_id))
            return
        if runner is None:
            runner = self._hold(_first_record(command), restored=False)
        runner.deliver(command)

    async def ask(self, kind: str, instance_id: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        match kind:
            case "cache":
                return self._host.directories.cached()
            case "purge_cache":
                return await self._purge(body.get("template_id", ""), body.get("version", ""))
            case "provenance":
                self._instance(instance_id)
                files = await self._host.directories.provenance(instance_id, body.get("path") or "**")
                return {"files": list(files)}
            case "logs":
                return {"lines": [asdict(line) for line in await self._tail(instance_id, int(body.get("tail", 200)))]}
            case "send_line":
                await self.send_line(instance_id, body["text"])
                return {}
            case _:
                raise BadQuestion(kind=kind, why="this version has no answer")

    async def lines(self, instance_id: str, tail: int, after: int) -> AsyncIterator[tuple[LogLine, ...]]:
        """History, then live; ends when the server has ended and everything was told."""
        instance = self._instance(instance_id)
        await _recall(instance)
        async for batch in instance.lines.follow(tail=tail, after=after):
            yield batch

    async def send_line(self, instance_id: str, text: str) -> None:
        """Type a line into the server's console."""
        instance = self._instance(instance_id)
        if instance.record.status not in LIVE:
            raise NotRunning(instance=instance_id, status=instance.record.status)
        if "\n" in text or "\r" in text:
            raise BadQuestion(kind="send_line", why="a console line has no line breaks")
        log.info("console line", instance=instance_id)
        await self._host.runtime.send_line(instance_id, text)

    # The agent's own life.

    async def run(self) -> None:
        """For ever. Cancelled, it leaves the servers running; the next agent takes them over."""
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            await self._take_over()
            self.adopted.set()
            tasks.create_task(self._watch_engine(), name="watch the engine")
            tasks.create_task(self._sweep_for_ever(), name="sweep")
            tasks.create_task(self._measure_for_ever(), name="measure")

    async def _take_over(self) -> None:
        loaded = await self._host.journal.load()
        for path in loaded.unreadable:
            log.error("a file of the journal makes no sense and was set aside", file=str(path))
        for record in loaded.records:
            self._hold(record, restored=True)
        try:
            await self._sweep()
            await within(self._host.clock, SETTLE_SECONDS, self._settled())
        except (RuntimeUnavailable, TimeoutError) as error:
            log.warning("taking over without the engine's word", why=str(error))
        log.info("agent is ready", instances=len(self._runners))

    async def _settled(self) -> None:
        for runner in list(self._runners.values()):
            await runner.settled.wait()

    def _hold(self, record: Record, *, restored: bool) -> Runner:
        assert self._tasks, "only while the agent runs"
        runner = self._runners[record.instance_id] = Runner(self._host, record)
        self._tasks.create_task(self._keep(runner, restored=restored), name=f"instance {record.instance_id}")
        return runner

    async def _keep(self, runner: Runner, *, restored: bool) -> None:
        await runner.run(restored=restored)
        del self._runners[runner.instance.id]
        for command in runner.undelivered():
            await self.handle(command)

    async def _watch_engine(self) -> None:
        delays = backoff(0.2, 10)
        while True:
            try:
                await self._sweep()
                delays = backoff(0.2, 10)
                async for event in self._host.runtime.events():
                    log.info("docker event", kind=event.kind, instance=event.instance_id, generation=event.generation)
                    if event.kind != "started" and (runner := self._runners.get(event.instance_id)):
                        runner.poke()
            except RuntimeUnavailable as error:
                if self._engine_up:
                    log.warning("the engine is away", why=error.message)
                self._engine_up = False
            await self._host.clock.sleep(next(delays))

    async def _sweep_for_ever(self) -> None:
        delay = 1.0  # soon once, for what happened before the event stream stood
        while True:
            await self._host.clock.sleep(delay)
            delay = SWEEP_SECONDS
            try:
                await self._sweep()
            except RuntimeUnavailable:
                continue  # the watcher sees it, too

    async def _sweep(self) -> None:
        """Compare with the engine: look closer where it differs, adopt what is ours and unknown."""
        found = {state.instance_id: state for state in await self._host.runtime.list()}
        if not self._engine_up:
            await self._engine_came_back()
        for instance_id, runner in self._runners.items():
            if runner.instance.record.status in LIVE and not _is_running(found.get(instance_id)):
                runner.poke()
        for instance_id, state in found.items():
            if instance_id not in self._runners and is_safe(instance_id):
                log.warning("adopting a container without a record", instance=instance_id)
                self._hold(record_of(state), restored=True)

    async def _engine_came_back(self) -> None:
        info = await self._host.runtime.info()
        self._facts = replace(self._facts, engine_version=info.version)
        self._engine_up = True
        log.info("the engine answers", version=info.version)
        for runner in self._runners.values():
            runner.poke()

    async def _measure_for_ever(self) -> None:
        while True:
            await self._measure()
            await self._host.clock.sleep(self._heartbeat_seconds)

    async def _measure(self) -> None:
        try:
            self._usage = await self._host.runtime.usage() if self._engine_up else {}
        except HytopusError:
            self._usage = {}
        numbers = self._host.directories.numbers()
        self._load = replace(
            self._measure_machine(self._own_ports()),
            running=sum(runner.instance.record.status in LIVE for runner in self._runners.values()),
            cache_bytes=numbers.bytes,
            cache_versions=numbers.versions,
            cache_hits=numbers.hits,
            cache_misses=numbers.misses,
            s3_requests=numbers.s3_requests,
            s3_bytes=numbers.s3_bytes,
            engine_up=self._engine_up,
        )

    def _own_ports(self) -> frozenset[int]:
        return frozenset(
            port.host
            for runner in self._runners.values()
            if runner.instance.record.status in LIVE
            for port in runner.instance.record.assignment.ports
        )

    # Answers.

    def _instance(self, instance_id: str) -> Instance:
        if instance_id not in self._runners:
            raise InstanceUnknown(instance=instance_id)
        return self._runners[instance_id].instance

    def _players(self, instance_id: str) -> tuple[str, ...]:
        runner = self._runners.get(instance_id)
        return runner.instance.players if runner else ()

    async def _tail(self, instance_id: str, count: int) -> tuple[LogLine, ...]:
        instance = self._instance(instance_id)
        await _recall(instance)
        return tuple(instance.lines.tail(count))

    async def _purge(self, template_id: str, version: str) -> Mapping[str, Any]:
        log.info("command", command="PurgeCache", template=template_id or "all", version=version or "all")
        return await self._host.directories.purge(template_id, version)

    async def _set_dev_mode(self, enabled: bool) -> None:
        if enabled != self.dev_mode:
            log.info("command", command="SetDevMode", enabled=enabled)
            await self._host.journal.set_dev_mode(enabled)

    def _refuse(self, command: InstanceCommand, error: HytopusError) -> None:
        log.warning("command refused", instance=command.instance_id, why=error.message)
        self._host.report(
            InstanceReport(
                command.instance_id,
                command.generation,
                NodeStatus.FAILED,
                at=self._host.clock.now().isoformat(),
                problem=problem_of(error, str),
            )
        )


def _first_record(command: InstanceCommand) -> Record:
    """What is held of an instance that a first command names."""
    if isinstance(command, PrepareInstance):
        return Record(command, command.generation, NodeStatus.PREPARING)
    return unknown(command.instance_id, command.generation)


async def _recall(instance: Instance) -> None:
    """Have the lines of a server that ended under an earlier agent."""
    if instance.follower or instance.record.status not in AT_REST or not instance.record.started:
        return
    instance.follow(resume=True)
    await instance.drained(2)
    if not instance.lines.last:
        for line in await kept_log(instance):
            instance.lines.add(line.number, line.at, line.text)


def _is_running(state: ContainerState | None) -> bool:
    return state is not None and state.status is ContainerStatus.RUNNING
