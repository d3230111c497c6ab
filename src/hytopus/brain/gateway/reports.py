"""Writing a node's reports down, many in one transaction, and telling the node which it may forget."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

from hytopus.brain.gateway.gateway import Gateway
from hytopus.brain.gateway.registry import LiveSession
from hytopus.brain.instances.observe import observe
from hytopus.brain.instances.queries import lock_all
from hytopus.errors import HytopusError
from hytopus.kit.logs import get_logger
from hytopus.wire.messages import InstanceReport, ReportsSeen

BATCH: Final = 64
QUEUE: Final = 512
"""Reports that may wait; beyond that the node has to wait with the next."""

log = get_logger(__name__)


class ReportWriter:
    """Takes reports in order and makes them durable in order."""

    def __init__(self, session: LiveSession, gateway: Gateway) -> None:
        self._session, self._gateway = session, gateway
        self._queue: asyncio.Queue[InstanceReport] = asyncio.Queue(QUEUE)

    async def put(self, report: InstanceReport) -> None:
        await self._queue.put(report)

    async def flush(self) -> None:
        """Wait until everything taken so far is durable."""
        await self._queue.join()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            batch = [await self._queue.get()]
            while len(batch) < BATCH and not self._queue.empty():
                batch.append(self._queue.get_nowait())
            try:
                await write_reports(self._gateway, self._session.node_id, batch)
            finally:
                for _ in batch:
                    self._queue.task_done()
            await self._session.channel.send(ReportsSeen(max(report.sequence for report in batch)))


async def write_reports(gateway: Gateway, node_id: str, reports: Sequence[InstanceReport]) -> None:
    """Together if possible. One that cannot be taken is dropped; the others must not go down with it."""
    try:
        async with gateway.database.write() as writing:
            await lock_all(writing, {report.instance_id for report in reports})
            for report in reports:
                await observe(writing, node_id, report, at=gateway.clock.now())
    except HytopusError as error:
        if len(reports) == 1:
            log.warning("report dropped", instance=reports[0].instance_id, code=error.code, cause=str(error))
            return
        for report in reports:
            await write_reports(gateway, node_id, [report])
