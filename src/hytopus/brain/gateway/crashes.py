"""Answering what a node tells of its crashes, beside everything else: the object store may be slow."""

from __future__ import annotations

import asyncio
from typing import Final

from hytopus.brain.crashes.commands import take_in
from hytopus.brain.gateway.gateway import Gateway
from hytopus.brain.gateway.registry import LiveSession
from hytopus.errors import HytopusError
from hytopus.kit.logs import get_logger
from hytopus.wire.messages import CrashReport

QUEUE: Final = 128
"""Reports that may wait; more are let go, since the node tells them again."""

log = get_logger(__name__)


class CrashDesk:
    """One for each session."""

    def __init__(self, session: LiveSession, gateway: Gateway) -> None:
        self._session, self._gateway = session, gateway
        self._queue: asyncio.Queue[CrashReport] = asyncio.Queue(QUEUE)

    def put(self, report: CrashReport) -> None:
        if not self._queue.full():
            self._queue.put_nowait(report)

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self._answer(await self._queue.get())

    async def _answer(self, report: CrashReport) -> None:
        gateway = self._gateway
        try:
            reply = await take_in(
                gateway.database,
                gateway.store,
                self._session.node_id,
                report,
                clock=gateway.clock,
                settings=gateway.crashes,
            )
        except HytopusError as error:
            log.warning("crash not taken in", crash=report.crash_id, code=error.code, cause=str(error))
            return
        if reply is not None:
            await self._session.channel.send(reply)
