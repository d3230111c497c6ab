"""A reader whose connection breaks at any time, of a server and an agent that start again at any time."""

from __future__ import annotations

import asyncio

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from hytopus.node.runner.lines import KEPT, Lines
from hytopus.wire.messages import LogLine
from hytopus.wire.place import BEGINNING, Place


class Resuming(RuleBasedStateMachine):
    """Every line of the newest start that the ring holds and that is later than the reader's place is told, once."""

    @initialize()
    def begin(self) -> None:
        self.lines, self.start, self.printed = Lines(), 1, 0
        self.seen: list[tuple[int, int]] = []
        self.place = BEGINNING
        self.lines.begin("7.1")

    @rule(count=st.sampled_from([1, 2, 50, 80, 199, 200, 201, KEPT, KEPT + 300]))
    def print(self, count: int) -> None:
        self._add(self.lines.last, self.printed + count)

    @rule()
    def restart(self) -> None:
        self.lines.end()
        self.start, self.printed = self.start + 1, 0
        self.lines.begin(f"7.{self.start}")

    @rule(known=st.floats(0, 1), kept=st.floats(0, 1))
    def replace_agent(self, known: float, kept: float) -> None:
        """The new one has read a part again of what was printed, and the reader is back before it has the rest."""
        last = round(self.printed * known)
        self.lines = Lines()
        self.read()
        self.lines.begin(f"7.{self.start}")
        self.read()
        self._add(round(last * kept), last)

    @rule()
    def read(self) -> None:
        """Until it would have to wait; then the connection breaks."""
        known = self.place.number if self.place.start == f"7.{self.start}" else 0
        told = asyncio.run(_told(self.lines, self.place))
        self.seen += [(self.start, line.number) for line in told]
        assert all(line.start == f"7.{self.start}" for line in told)
        if told:
            self.place = Place.parse(str(told[-1].place))
        assert told == [line for line in self.lines.tail(KEPT) if line.number > known]

    @invariant()
    def once_and_in_order(self) -> None:
        if hasattr(self, "seen"):
            assert self.seen == sorted(set(self.seen))

    def _add(self, known: int, last: int) -> None:
        self.printed = max(self.printed, last)
        for number in range(known + 1, last + 1):
            self.lines.add(number, "2026-01-01T00:00:00+00:00", "the same")


async def _told(lines: Lines, place: Place) -> list[LogLine]:
    told: list[LogLine] = []

    async def reading() -> None:
        async for batch in lines.follow(tail=KEPT, after=place):
            told.extend(batch)

    task = asyncio.ensure_future(reading())
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return told


TestResuming = Resuming.TestCase
TestResuming.settings = settings(
    max_examples=60, stateful_step_count=20, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
