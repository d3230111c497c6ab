"""What the agent has to say, kept until the Brain has it on disk.

Reports survive a lost session: those the Brain has not acknowledged go into the next registration, in order. Progress
of one preparation collapses to the newest. Answers and requests for URLs mean nothing in another session.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from dataclasses import replace

from hytopus.kit.clock import Clock
from hytopus.wire.messages import (
    Answer,
    CrashReport,
    Findings,
    InstanceReport,
    NodeMessage,
    NodeStatus,
    RenewUrls,
)


class Outbox:
    """`report` and `renew_urls` are for the agent, the rest is for the session."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        # Must grow over restarts of the agent, too: nobody makes a report in each microsecond.
        self._sequence = time.time_ns() // 1000
        self._held: dict[int, InstanceReport] = {}
        """By sequence: what the Brain has not acknowledged."""
        self._unsent: dict[int, NodeMessage] = {}
        self._progress: dict[tuple[str, int], int] = {}
        """Instance and generation: the sequence of its newest report, if that is progress of a preparation."""
        self._keys = itertools.count(-1, -1)
        self._filled = asyncio.Event()
        self._attached = False

    def report(self, report: InstanceReport) -> None:
        """Never blocks, never raises, never loses; may be called whether or not a session stands."""
        self._sequence += 1
        stamped = replace(report, sequence=self._sequence, at=report.at or self._clock.now().isoformat())
        self._collapse(stamped)
        self._held[self._sequence] = stamped
        self._push(self._sequence, stamped)

    def renew_urls(self, instance_id: str, generation: int) -> None:
        """The presigned URLs of an instance have run out. Without a session nothing needs to be said: every session
        begins with fresh commands."""
        self._push(next(self._keys), RenewUrls(instance_id, generation))

    def crash(self, report: CrashReport) -> None:
        """Told anew as long as it is queued, so it need not survive the session."""
        self._push(next(self._keys), report)

    def findings(self, findings: Findings) -> None:
        """Told anew in every session."""
        self._push(next(self._keys), findings)

    def answer(self, answer: Answer) -> None:
        self._push(next(self._keys), answer)

    def __len__(self) -> int:
        """Reports the Brain has not acknowledged."""
        return len(self._held)

    def attach(self) -> tuple[int, tuple[InstanceReport, ...]]:
        """A session begins. The sequence so far, and the reports its registration has to carry."""
        self._attached = True
        self._unsent.clear()
        return self._sequence, tuple(self._held.values())

    def detach(self) -> None:
        """The session is over."""
        self._attached = False
        self._unsent.clear()

    async def next(self) -> NodeMessage:
        """The next message to send in this session; waits for it."""
        while not self._unsent:
            self._filled.clear()
            await self._filled.wait()
        return self._unsent.pop(next(iter(self._unsent)))

    def seen(self, sequence: int) -> None:
        """The Brain has everything up to this sequence on disk."""
        while self._held and (oldest := next(iter(self._held))) <= sequence:
            del self._held[oldest]

    def _collapse(self, report: InstanceReport) -> None:
        key = (report.instance_id, report.generation)
        former = self._progress.pop(key, None)
        if report.status is not NodeStatus.PREPARING:
            return
        self._progress[key] = report.sequence
        if former is not None:
            self._held.pop(former, None)
            self._unsent.pop(former, None)

    def _push(self, key: int, message: NodeMessage) -> None:
        if self._attached:
            self._unsent[key] = message
            self._filled.set()
