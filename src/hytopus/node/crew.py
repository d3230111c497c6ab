"""The runners of this node, and the comparison of what they hold with what the engine has."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Final

from hytopus.errors import HytopusError
from hytopus.kit.backoff import backoff
from hytopus.kit.logs import get_logger
from hytopus.kit.requests import of_request
from hytopus.kit.waiting import closing, within
from hytopus.node.journal import BadAssignment, Record, is_safe
from hytopus.node.runner.errors import InstanceNotPrepared, InstanceUnknown
from hytopus.node.runner.host import Host
from hytopus.node.runner.instance import Instance
from hytopus.node.runner.mask import problem_of
from hytopus.node.runner.runner import Runner
from hytopus.node.runner.stop import LIVE, is_running
from hytopus.node.runtime.base import RuntimeUnavailable
from hytopus.node.stranger import record_of, unknown
from hytopus.wire.messages import InstanceCommand, InstanceReport, NodeStatus, PrepareInstance, StartInstance

log = get_logger(__name__)

SWEEP_SECONDS: Final = 30.0
"""Between two comparisons with the engine; its events make them nearly always unnecessary."""

SETTLE_SECONDS: Final = 30.0
"""How long the first registration may wait for the engine's word on what an earlier agent left."""


LEASE_SECONDS: Final = 1.0
"""Between two looks at the leases, where there are any."""

NO_LEASE_SECONDS: Final = 10.0
"""The same where there are none: the shortest lease is longer."""


class Crew:
    """`run` it; `adopted` is set once it is known what runs here."""

    def __init__(self, host: Host) -> None:
        self.adopted = asyncio.Event()
        self.engine_up = False
        self.engine_version = ""
        self._host = host
        self._runners: dict[str, Runner] = {}
        self._tasks: asyncio.TaskGroup | None = None

    def __iter__(self) -> Iterator[Instance]:
        return (runner.instance for runner in self._runners.values())

    def __len__(self) -> int:
        return len(self._runners)

    def instance(self, instance_id: str) -> Instance:
        """Raises `InstanceUnknown`."""
        if instance_id not in self._runners:
            raise InstanceUnknown(instance=instance_id)
        return self._runners[instance_id].instance

    def obey(self, command: InstanceCommand) -> None:
        """Hand a command to the instance's runner; one that is not held gets a runner, if only to be cleaned away."""
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

    async def run(self) -> None:
        """For ever. Cancelled, it leaves the servers running; the next agent's crew takes them over."""
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            await self._host.blocking(self._host.lease.load)
            tasks.create_task(self._keep_leases(), name="leases")
            await self._take_over()
            self.adopted.set()
            tasks.create_task(self._watch_engine(), name="watch the engine")
            tasks.create_task(self._sweep_for_ever(), name="sweep")

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
        log.info("agent is ready", instances=len(self))

    async def _settled(self) -> None:
        for runner in list(self._runners.values()):
            await runner.settled.wait()

    def _hold(self, record: Record, *, restored: bool) -> Runner:
        assert self._tasks, "only while the crew runs"
        runner = self._runners[record.instance_id] = Runner(self._host, record)
        self._tasks.create_task(self._keep(runner, restored=restored), name=f"instance {record.instance_id}")
        return runner

    async def _keep(self, runner: Runner, *, restored: bool) -> None:
        await runner.run(restored=restored)
        del self._runners[runner.instance.id]
        for command in runner.undelivered():
            self.obey(command)

    async def _watch_engine(self) -> None:
        delays = backoff(0.2, 10)
        while True:
            try:
                await self._sweep()
                delays = backoff(0.2, 10)
                await self._heed_events()
            except RuntimeUnavailable as error:
                if self.engine_up:
                    log.warning("the engine is away", why=error.message)
                self._engine_went_away()
            await self._host.clock.sleep(next(delays))

    async def _heed_events(self) -> None:
        async with closing(self._host.runtime.events()) as events:
            async for event in events:
                runner = self._runners.get(event.instance_id)
                with of_request(runner.instance.origin if runner else ""):
                    log.info("docker event", kind=event.kind, instance=event.instance_id, generation=event.generation)
                if runner and event.kind != "started":
                    runner.poke()

    async def _sweep_for_ever(self) -> None:
        delay = 1.0  # soon once, for what happened before the event stream stood
        while True:
            await self._host.clock.sleep(delay)
            delay = SWEEP_SECONDS
            try:
                await self._sweep()
            except RuntimeUnavailable:
                continue  # the watcher sees it, too

    async def _keep_leases(self) -> None:
        """Looks every second instead of sleeping until a lease ends: no timer runs on a suspended machine."""
        while True:
            if self._host.lease.unsaved:
                await self._host.blocking(self._host.lease.save)
            for runner in list(self._runners.values()):
                runner.fence()
            lent = any(runner.instance.record.lease_s for runner in self._runners.values())
            await self._host.clock.sleep(LEASE_SECONDS if lent else NO_LEASE_SECONDS)

    async def _sweep(self) -> None:
        """Compare with the engine: look closer where it differs, adopt what is ours and unknown."""
        found = {state.instance_id: state for state in await self._host.runtime.list()}
        if not self.engine_up:
            await self._engine_came_back()
        for instance_id, runner in self._runners.items():
            if runner.instance.record.status in LIVE and not is_running(found.get(instance_id)):
                runner.poke()
        for instance_id in found:
            if instance_id not in self._runners and is_safe(instance_id):
                await self._adopt(instance_id)

    async def _adopt(self, instance_id: str) -> None:
        """Looks again: one that was destroyed while the engine wrote its list is no stranger, and gone."""
        state = await self._host.runtime.inspect(instance_id)
        if state is None or instance_id in self._runners:
            return
        log.warning("adopting a container without a record", instance=instance_id)
        self._hold(record_of(state), restored=True)

    def _engine_went_away(self) -> None:
        self.engine_up = False
        for runner in self._runners.values():
            runner.instance.lost_sight = True

    async def _engine_came_back(self) -> None:
        info = await self._host.runtime.info()
        self.engine_up, self.engine_version = True, info.version
        log.info("the engine answers", version=info.version)
        for runner in self._runners.values():
            runner.poke()

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
