"""Token buckets on the clock."""

from __future__ import annotations

from hytopus.brain.http.throttle import Throttle
from tests.harness.clock import ManualClock


async def test_a_burst_and_then_one_at_a_time() -> None:
    clock = ManualClock()
    throttle = Throttle(clock, burst=3, every=10)
    assert [throttle.take("a") for _ in range(4)] == [0, 0, 0, 10]
    assert throttle.take("b") == 0
    await clock.advance(4)
    assert throttle.take("a") == 6
    await clock.advance(6)
    assert [throttle.take("a"), throttle.take("a")] == [0, 10]
    await clock.advance(1000)
    assert [throttle.take("a") for _ in range(4)] == [0, 0, 0, 10]


async def test_what_turned_out_harmless_is_forgotten() -> None:
    throttle = Throttle(ManualClock(), burst=1, every=60)
    assert [throttle.take("a"), throttle.take("a")] == [0, 60]
    throttle.give_back("a")
    assert throttle.take("a") == 0


async def test_it_does_not_grow_without_end() -> None:
    clock = ManualClock()
    throttle = Throttle(clock, burst=1, every=1)
    for number in range(30_000):
        throttle.take(f"{number}")
    assert len(throttle._buckets) <= 10_000
    assert throttle.take("29999") == 1
