"""A node without Docker, S3 or sockets: fakes that outlive agents, as an engine and a disk do."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hytopus.kit.waiting import Blocking
from hytopus.node.agent import Agent
from hytopus.node.crashes.queue import CrashQueue
from hytopus.node.crashes.sender import CrashSender
from hytopus.node.journal import Journal
from hytopus.node.lease import Lease
from hytopus.node.runner.fake import FakeDirectories
from hytopus.node.runner.host import Host
from hytopus.node.runner.stop import is_running
from hytopus.node.runtime.fake import FakeRuntime
from hytopus.wire.messages import (
    CrashReport,
    InstanceCommand,
    InstanceReport,
    NodeFacts,
    NodeStatus,
    PortBinding,
    SetDevMode,
    StartInstance,
)
from tests.unit.node.runner.clock import StillClock
from tests.unit.node.runner.records import assignment


class Sent:
    """The outbox: everything the agent reported, and a way to wait for more."""

    def __init__(self) -> None:
        self.reports: list[InstanceReport] = []
        self.crashes: dict[str, CrashReport] = {}
        self.renewals: list[tuple[str, int]] = []
        self.hear: Callable[[InstanceReport], None] = lambda report: None
        self._news = asyncio.Event()

    def report(self, report: InstanceReport) -> None:
        self.reports.append(report)
        self.hear(report)
        self._news.set()

    def crash(self, report: CrashReport) -> None:
        self.crashes[report.crash_id] = report
        self._news.set()

    def renew_urls(self, instance_id: str, generation: int) -> None:
        self.renewals.append((instance_id, generation))
        self._news.set()

    def statuses(self, instance_id: str = "i1") -> list[str]:
        """Without repetition."""
        found: list[str] = []
        for report in self.reports:
            if report.instance_id == instance_id and found[-1:] != [report.status.value]:
                found.append(report.status.value)
        return found

    async def until(self, holds: Callable[[], Any], *, seconds: float = 5) -> Any:
        async with asyncio.timeout(seconds):
            while not (value := holds()):
                self._news.clear()
                await self._news.wait()
        return value


class _Counted:
    """Calls in threads, and how many are under way."""

    def __init__(self, blocking: Blocking) -> None:
        self._blocking = blocking
        self.calls = 0

    async def __call__(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        self.calls += 1
        try:
            return await self._blocking(function, *args, **kwargs)
        finally:
            self.calls -= 1


class Bed:
    """One node: the engine, the disk and the clock stay, agents come and go."""

    def __init__(
        self, root: Path, clock: StillClock, runtime: FakeRuntime, *, blocking: Blocking = asyncio.to_thread
    ) -> None:
        self.root, self.clock, self.runtime = root, clock, runtime
        self._blocking = self._busy = _Counted(blocking)
        self.directories = FakeDirectories(clock)
        self.sent = Sent()
        self.boot = "first"
        self.lease: Lease
        self.taken: PortBinding | None = None
        self.probe_answers = True
        self.engine_errors: list[str] = []
        self.agent: Agent
        self._task: asyncio.Task[None] | None = None
        self._seen = 0

    async def start_agent(self) -> Agent:
        self.lease = Lease(self.clock, self.root / "lease.json", boot=lambda: self.boot)
        queue = CrashQueue(self.root / "crashes")
        crashes = CrashSender(queue, self.sent.crash, clock=self.clock, blocking=self._blocking)
        host = Host(
            runtime=self.runtime,
            directories=self.directories,
            journal=Journal(self.root / "journal", blocking=self._blocking),
            blocking=self._blocking,
            clock=self.clock,
            lease=self.lease,
            report=self.sent.report,
            renew_urls=self.sent.renew_urls,
            logs=self.root / "logs",
            ports_taken=lambda ports: self.taken,
            probe=self._probe,
            count_error=self.engine_errors.append,
            chance=lambda: 0.5,
            keep_crash=crashes.keep,
        )
        self.agent = Agent(host, facts=NodeFacts(hostname="n1"), crashes=crashes)
        self._task = asyncio.create_task(self.agent.run())
        adopted = asyncio.ensure_future(self.agent.adopted.wait())
        done, _ = await asyncio.wait({adopted, self._task}, timeout=20, return_when=asyncio.FIRST_COMPLETED)
        assert adopted in done, self._task
        return self.agent

    @property
    def alive(self) -> bool:
        return self._task is not None and not self._task.done()

    async def kill_agent(self) -> None:
        """As far as a test can: whatever the agent was at, it does not get to the next line."""
        if self._task:
            self._task.cancel()
            for _ in range(20):
                await asyncio.sleep(0)
            while not self._task.done():  # it waits for the engine to finish what it has begun
                await self.clock.advance(0.1)
                await asyncio.to_thread(lambda: None)
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    def strike(self) -> None:
        """Kill the agent from inside one of its own calls; `kill_agent` buries it."""
        if self._task:
            self._task.cancel()

    async def restart_agent(self) -> Agent:
        await self.kill_agent()
        return await self.start_agent()

    async def tell(self, *commands: InstanceCommand | SetDevMode) -> None:
        for command in commands:
            await self.agent.handle(command)

    async def expect(self, status: NodeStatus, generation: int = 1, instance_id: str = "i1") -> InstanceReport:
        """The first new report of this status and generation; everything up to it counts as seen."""

        def found() -> InstanceReport | None:
            for index in range(self._seen, len(self.sent.reports)):
                report = self.sent.reports[index]
                if (report.instance_id, report.status, report.generation) == (instance_id, status, generation):
                    self._seen = index + 1
                    return report
            return None

        report = await self.sent.until(found)
        assert isinstance(report, InstanceReport)
        return report

    async def ask(self, kind: str, instance_id: str = "i1", **body: Any) -> Any:
        return await self.agent.ask(kind, instance_id, body)

    async def running(self, instance_id: str = "i1", generation: int = 1, **changes: Any) -> InstanceReport:
        """Bring the instance to `running`."""
        await self.prepared(instance_id, generation, **changes)
        await self.tell(StartInstance(instance_id, generation))
        return await self.expect(NodeStatus.RUNNING, generation, instance_id)

    async def prepared(self, instance_id: str = "i1", generation: int = 1, **changes: Any) -> InstanceReport:
        await self.tell(assignment(instance_id, generation, **changes))
        return await self.expect(NodeStatus.PREPARED, generation, instance_id)

    async def is_running(self, instance_id: str = "i1") -> bool:
        return is_running(await self.runtime.inspect(instance_id))

    async def settle(self) -> None:
        """Let the agent do everything that it does without time passing, its threads included."""
        async with asyncio.timeout(5):
            for _ in range(5):
                for _ in range(50):
                    await asyncio.sleep(0)
                while self._busy.calls:
                    await asyncio.to_thread(lambda: None)

    async def pass_time_until(self, holds: Callable[[], Any], *, step: float = 1) -> None:
        """Let time pass in steps, and everything happen in between."""
        async with asyncio.timeout(20):
            while not holds():
                await self.clock.advance(step)
                await self.settle()

    async def _probe(self, probe: Any, port: int) -> bool:
        return self.probe_answers
