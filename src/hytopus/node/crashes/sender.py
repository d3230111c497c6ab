"""Brings the queued bundles to the Brain: tells of each, puts it where the Brain says, forgets it once it is stored.

Every message may be lost or come twice: whatever is still queued is told again, and the Brain knows each by its id.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from hytopus.kit.clock import Clock
from hytopus.kit.logs import get_logger
from hytopus.kit.waiting import Blocking, within
from hytopus.node.crashes.bundle import Bundle
from hytopus.node.crashes.queue import CrashQueue
from hytopus.node.crashes.upload import CrashNotUploaded, put
from hytopus.wire.messages import CrashReply, CrashReport

log = get_logger(__name__)

AGAIN_SECONDS: Final = 45.0
"""Until what is still queued is told again."""

Put = Callable[[str, str, Mapping[str, str], bytes], None]


class CrashSender:
    """`run` it; `say` gives a message to the link, and may lose it."""

    def __init__(
        self,
        queue: CrashQueue,
        say: Callable[[CrashReport], None],
        *,
        clock: Clock,
        blocking: Blocking = asyncio.to_thread,
        put: Put = put,
    ) -> None:
        self._queue, self._say, self._clock = queue, say, clock
        self._blocking, self._put = blocking, put
        self._replies: asyncio.Queue[CrashReply] = asyncio.Queue()
        self._wake = asyncio.Event()

    async def keep(self, bundle: Bundle, summary: Mapping[str, Any]) -> None:
        """Queue a bundle. What goes wrong is logged: a crash that cannot be kept must not stop what follows it."""
        try:
            await self._blocking(self._queue.add, bundle, summary)
        except OSError as error:
            log.warning("a crash bundle could not be kept", crash=bundle.crash_id, why=str(error))
        self.wake()

    def wake(self) -> None:
        """There may be somebody to tell, or something to say."""
        self._wake.set()

    def reply(self, reply: CrashReply) -> None:
        self._replies.put_nowait(reply)

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._tell_for_ever(), name="tell of crashes")
            tasks.create_task(self._heed_replies(), name="upload crashes")

    async def _tell_for_ever(self) -> None:
        while True:
            self._wake.clear()
            for report in await self._blocking(self._queue.pending):
                self._say(report)
            try:
                await within(self._clock, AGAIN_SECONDS, self._wake.wait())
            except TimeoutError:
                continue

    async def _heed_replies(self) -> None:
        while True:
            reply = await self._replies.get()
            try:
                await self._heed(reply)
            except (CrashNotUploaded, OSError) as error:
                log.warning("a crash bundle waits on", crash=reply.crash_id, why=str(error))

    async def _heed(self, reply: CrashReply) -> None:
        pending = {report.crash_id: report for report in await self._blocking(self._queue.pending)}
        report = pending.get(reply.crash_id)
        if report is None:
            return  # done already, or dropped
        if reply.done:
            await self._blocking(self._queue.forget, reply.crash_id)
            return
        content = await self._blocking(self._queue.content, reply.crash_id)
        if content is not None:
            await self._blocking(self._put, reply.crash_id, reply.url, reply.headers, content)
            self._say(replace(report, stored=True))
