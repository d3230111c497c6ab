"""Telling the Brain what the doctor of this machine finds, so that nobody has to log in to it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, NoReturn

from hytopus.kit.clock import Clock
from hytopus.kit.findings import Finding, examine
from hytopus.kit.logs import get_logger
from hytopus.node.doctor.checks import CHECKS
from hytopus.node.doctor.facts import Facts
from hytopus.wire.messages import Findings, NodeFinding

EVERY_S: Final = 300.0

log = get_logger(__name__)


class Rounds:
    """`run` it, and `wake` it whenever a session begins: what was told in the last one is not known in the next."""

    def __init__(self, look: Callable[[], Awaitable[Facts]], tell: Callable[[Findings], None], clock: Clock) -> None:
        self._look, self._tell, self._clock = look, tell, clock
        self._wanted = asyncio.Event()

    def wake(self) -> None:
        self._wanted.set()

    async def run(self) -> NoReturn:
        """Until cancelled."""
        while True:
            self._wanted.clear()
            await self._round()
            await self._wait()

    async def _round(self) -> None:
        try:
            found = examine(await self._look(), CHECKS)
        except OSError as error:
            log.warning("the doctor could not look", cause=str(error))
            return
        self._tell(as_told(found))

    async def _wait(self) -> None:
        tasks = [asyncio.ensure_future(self._wanted.wait()), asyncio.ensure_future(self._clock.sleep(EVERY_S))]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()


def as_told(found: Sequence[Finding]) -> Findings:
    """As it travels."""
    return Findings(
        tuple(
            NodeFinding(
                each.code,
                each.severity.value,
                each.subject,
                each.what,
                each.evidence,
                each.remedy,
                {key: str(value) for key, value in each.params.items()},
            )
            for each in found
        )
    )
