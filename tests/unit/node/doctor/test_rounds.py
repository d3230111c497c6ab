"""The Brain hears what the doctor finds: at once, in every session, and again now and then."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from hytopus.node.doctor.facts import Facts
from hytopus.node.doctor.rounds import EVERY_S, Rounds
from hytopus.wire.messages import Findings
from tests.harness.clock import ManualClock
from tests.unit.node.doctor.test_checks import WELL


async def test_it_is_told_at_once_in_every_session_and_again_now_and_then() -> None:
    clock, told = ManualClock(), list[Findings]()
    facts = WELL

    async def look() -> Facts:
        return facts

    rounds = Rounds(look, told.append, clock)
    running = asyncio.create_task(rounds.run())
    await clock.settle()
    assert told == [Findings()]
    facts = replace(WELL, disk_free_mb=900)
    rounds.wake()
    await clock.settle()
    assert [each.code for each in told[-1].findings] == ["disk_nearly_full"]
    await clock.advance(EVERY_S)
    assert len(told) == 3
    running.cancel()


async def test_a_look_that_fails_ends_nothing() -> None:
    clock, told = ManualClock(), list[Findings]()

    async def look() -> Facts:
        if clock.monotonic() < EVERY_S:
            raise FileNotFoundError("cert.pem")
        return WELL

    running = asyncio.create_task(Rounds(look, told.append, clock).run())
    await clock.advance(EVERY_S)
    assert told == [Findings()]
    running.cancel()
