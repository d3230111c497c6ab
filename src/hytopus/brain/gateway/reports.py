"""Writing a node's reports down, many in one transaction, and telling the node which it may forget."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from hytopus.brain.gateway.gateway import Gateway
from hytopus.brain.gateway.registry import LiveSession
from hytopus.brain.instances.reports.observe import observe
from hytopus.errors import HytopusError
from hytopus.kit.logs import get_logger
from hytopus.kit.waiting import within
from hytopus.wire.messages import InstanceReport, NodeStatus, ReportsSeen

BATCH: Final = 64
QUEUE: Final = 512
"""Reports that may wait; beyond that the node has to wait with the next."""
PROGRESS_S: Final = 0.05
"""Progress waits this long for what makes it old news: most preparations are shorter than a transaction."""

log = get_logger(__name__)


class ReportWriter:
    """Takes reports in order and makes them durable in order."""

    def __init__(self, session: LiveSession, gateway: Gateway) -> None:
        self._session, self._gateway = session, gateway
        self._queue: asyncio.Queue[InstanceReport] = asyncio.Queue(QUEUE)
        self._urgent = asyncio.Event()

    async def put(self, report: InstanceReport) -> None:
        await self._queue.put(report)
        if report.status is not NodeStatus.PREPARING:
            self._urgent.set()

    async def flush(self) -> None:
        """Wait until everything taken so far is durable."""
        self._urgent.set()
        await self._queue.join()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            batch = [await self._queue.get()]
            await self._urgency()
            while len(batch) < BATCH and not self._queue.empty():
                batch.append(self._queue.get_nowait())
            if self._queue.empty():
                self._urgent.clear()
            try:
                await self._write(batch)
            finally:
                for _ in batch:
                    self._queue.task_done()
            await self._session.channel.send(ReportsSeen(max(report.sequence for report in batch)))

    async def _write(self, batch: Sequence[InstanceReport]) -> None:
        if not await self._gateway.take_in((self._session.node_id, batch)):
            await write_reports(self._gateway, self._session.node_id, batch)

    async def _urgency(self) -> None:
        if not self._urgent.is_set():
            with suppress(TimeoutError):
                await within(self._gateway.clock, PROGRESS_S, self._urgent.wait())


async def write_reports(gateway: Gateway, node_id: str, reports: Sequence[InstanceReport]) -> None:
    """Together if possible. One that cannot be taken is dropped; the others must not go down with it."""
    try:
        async with gateway.database.write() as writing:
            await observe(writing, node_id, reports, at=gateway.clock.now())
    except HytopusError as error:
        if len(reports) == 1:
            log.warning("report dropped", instance=reports[0].instance_id, code=error.code, cause=str(error))
            return
        for report in reports:
            await write_reports(gateway, node_id, [report])
