"""The node as the link sees it (`node/link/contract.py`): takes commands, answers questions, says how things stand.

The agent does not know whether a Brain is connected; what it has to say goes into the outbox.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import aclosing
from dataclasses import asdict, replace
from typing import Any

from hytopus.errors import HytopusError
from hytopus.kit.logs import get_logger
from hytopus.node.crashes.sender import CrashSender
from hytopus.node.crew import Crew
from hytopus.node.disks import measure_disks
from hytopus.node.doctor.rounds import Rounds
from hytopus.node.files.desk import FileDesk
from hytopus.node.metrics import Sample
from hytopus.node.recall import recall
from hytopus.node.runner.conclude import kept_log
from hytopus.node.runner.errors import BadQuestion, NotRunning
from hytopus.node.runner.host import Host
from hytopus.node.runner.instance import Instance
from hytopus.node.runner.states import AT_REST
from hytopus.node.runner.stop import LIVE
from hytopus.node.runtime.base import Usage
from hytopus.node.worlds import Worlds
from hytopus.wire.messages import (
    CrashReply,
    Heartbeat,
    InstanceCommand,
    InstanceReport,
    InstanceUsage,
    LogLine,
    NodeFacts,
    NodeLoad,
    SetDevMode,
    Welcome,
)
from hytopus.wire.place import Place

log = get_logger(__name__)

Measure = Callable[[frozenset[int]], NodeLoad]
"""How busy the machine is; given the ports that are ours. Runs in a thread."""


class Agent:
    """`run` it; once `adopted` is set, the link may open its first session."""

    def __init__(
        self,
        host: Host,
        *,
        facts: NodeFacts,
        measure: Measure | None = None,
        files: FileDesk | None = None,
        crashes: CrashSender | None = None,
        rounds: Rounds | None = None,
    ) -> None:
        self._host = host
        self._files = files
        self._facts = facts
        self.crew = Crew(host)
        self.adopted = self.crew.adopted
        self._worlds = Worlds(host)
        self._measure_machine = measure or (lambda ports: NodeLoad())
        self._crashes = crashes
        self._rounds = rounds
        self._heartbeat_seconds = 5.0

    @property
    def dev_mode(self) -> bool:
        return self._host.journal.dev_mode

    def facts(self) -> NodeFacts:
        return replace(self._facts, engine_version=self.crew.engine_version)

    def inventory(self) -> tuple[InstanceReport, ...]:
        return tuple(instance.standing() for instance in self.crew)

    def heartbeat(self) -> Heartbeat:
        """The last measured values; costs nothing."""
        numbers = self._host.directories.numbers()
        load = replace(
            self._host.vitals.load,
            running=sum(instance.record.status in LIVE for instance in self.crew),
            cache_bytes=numbers.bytes,
            cache_versions=numbers.versions,
            cache_hits=numbers.hits,
            cache_misses=numbers.misses,
            s3_requests=numbers.s3_requests,
            s3_bytes=numbers.s3_bytes,
            s3_errors=numbers.s3_errors,
            cache_evictions=numbers.evictions,
            engine_up=self.crew.engine_up,
        )
        known = self._host.vitals.usage
        disk = self._host.vitals.disk_mb
        usage = tuple(
            _usage_of(instance, known[instance.id], disk.get(instance.id, 0))
            for instance in self.crew
            if instance.id in known
        )
        lent = self._host.lease.wanted or any(instance.record.lease_s for instance in self.crew)
        number = self._host.lease.sending() if lent else 0
        return Heartbeat(self._host.clock.now().isoformat(), self.dev_mode, load, usage, number)

    def registering(self) -> int:
        return self._host.lease.sending()

    def renewed(self, number: int) -> None:
        self._host.lease.renewed(number)

    async def welcome(self, welcome: Welcome) -> None:
        self._heartbeat_seconds = welcome.heartbeat_seconds
        if self._crashes:
            self._crashes.wake()
        if self._rounds:
            self._rounds.wake()
        await self._set_dev_mode(welcome.dev_mode)

    async def handle(self, command: InstanceCommand | SetDevMode | CrashReply) -> None:
        """Take a command over; what becomes of it shows in reports."""
        match command:
            case SetDevMode():
                await self._set_dev_mode(command.enabled)
            case CrashReply():
                if self._crashes:
                    self._crashes.reply(command)
            case _:
                self.crew.obey(command)

    async def ask(self, kind: str, instance_id: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        match kind:
            case "cache":
                return await self._host.directories.cached()
            case "recall":
                return recall(self.crew, self._host.journal)
            case "purge_cache":
                log.info("command", command="PurgeCache", **body)
                return await self._host.directories.purge(body.get("template_id", ""), body.get("version", ""))
            case "world":
                return self._worlds.ask(self.crew.instance(instance_id), body)
            case "provenance":
                self.crew.instance(instance_id)
                return {"files": list(await self._host.directories.provenance(instance_id, body.get("path") or "**"))}
            case "logs":
                instance = self.crew.instance(instance_id)
                await _recall(instance)
                return {"lines": [asdict(line) for line in instance.lines.tail(int(body.get("tail", 200)))]}
            case "send_line":
                await self.send_line(instance_id, str(body.get("text", "")))
                return {}
            case _ if self._files and self._files.answers(kind):
                return await self._files.answer(kind, lambda: self.crew.instance(instance_id), body)
            case _:
                raise BadQuestion(kind=kind, why="this version has no answer")

    async def lines(self, instance_id: str, tail: int, after: Place) -> AsyncGenerator[tuple[LogLine, ...], None]:
        """History, then live; ends when the server has ended and everything was told."""
        instance = self.crew.instance(instance_id)
        await _recall(instance)
        async with aclosing(instance.lines.follow(tail=tail, after=after)) as batches:
            async for batch in batches:
                yield batch

    async def send_line(self, instance_id: str, text: str) -> None:
        """Type a line into the server's console."""
        instance = self.crew.instance(instance_id)
        if instance.record.status not in LIVE:
            raise NotRunning(instance=instance_id, status=instance.record.status)
        if "\n" in text or "\r" in text:
            raise BadQuestion(kind="send_line", why="a console line has no line breaks")
        log.info("console line", instance=instance_id)
        await self._host.runtime.send_line(instance_id, text)

    async def download(
        self, instance_id: str, body: Mapping[str, Any]
    ) -> AsyncGenerator[bytes | Mapping[str, Any], None]:
        """What a file is, then its bytes in pieces."""
        async with aclosing(self._desk("download").download(self.crew.instance(instance_id), body)) as pieces:
            async for piece in pieces:
                yield piece

    async def upload(
        self, instance_id: str, body: Mapping[str, Any], chunks: AsyncIterator[bytes]
    ) -> Mapping[str, Any]:
        """Take a file in, while the instance is at rest."""
        return await self._desk("upload").upload(self.crew.instance(instance_id), body, chunks)

    def sample(self) -> Sample:
        """For the metrics."""
        statuses = Counter(instance.record.status for instance in self.crew)
        numbers = self._host.directories.numbers()
        return Sample(
            statuses,
            numbers,
            engine_up=self.crew.engine_up,
            dev_mode=self.dev_mode,
            load=self._host.vitals.load,
            players=sum(len(instance.players) for instance in self.crew),
        )

    async def run(self) -> None:
        """For ever. Cancelled, it leaves the servers running; the next agent takes them over."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.crew.run(), name="crew")
            await self.adopted.wait()
            tasks.create_task(self._measure_for_ever(), name="measure")
            tasks.create_task(measure_disks(self._host, self.crew), name="disks")
            tasks.create_task(self._worlds.run(), name="worlds")
            if self._crashes:
                tasks.create_task(self._crashes.run(), name="crashes")
            if self._rounds:
                tasks.create_task(self._rounds.run(), name="doctor")

    def _desk(self, kind: str) -> FileDesk:
        if self._files is None:
            raise BadQuestion(kind=kind, why="this node has no files")
        return self._files

    async def _set_dev_mode(self, enabled: bool) -> None:
        if enabled == self.dev_mode:
            return
        log.info("command", command="SetDevMode", enabled=enabled)
        try:
            await self._host.journal.set_dev_mode(enabled)
        except (HytopusError, OSError) as error:
            log.warning("dev mode could not be written down", why=str(error))

    async def _measure_for_ever(self) -> None:
        while True:
            live = [instance for instance in self.crew if instance.record.status in LIVE]
            own = frozenset(port.host for instance in live for port in instance.record.assignment.ports)
            vitals = self._host.vitals
            vitals.load = await self._host.blocking(self._measure_machine, own)
            try:
                vitals.usage = await self._host.runtime.usage() if self.crew.engine_up else {}
            except HytopusError:
                vitals.usage = {}
            await self._host.clock.sleep(self._heartbeat_seconds)


def _usage_of(instance: Instance, used: Usage, disk_mb: int) -> InstanceUsage:
    return InstanceUsage(
        instance.id,
        round(used.cpu_percent, 1),
        round(used.memory_mb, 1),
        len(instance.players),
        round(used.network_in, 1),
        round(used.network_out, 1),
        disk_mb,
    )


async def _recall(instance: Instance) -> None:
    """Have the lines of a server that ended under an earlier agent."""
    if instance.follower or instance.record.status not in AT_REST or not instance.record.started:
        return
    instance.follow(resume=True)
    await instance.drained(2)
    if not instance.lines.last:
        for line in await kept_log(instance):
            instance.lines.add(line.number, line.at, line.text)
