"""For how long a node may count on a Brain that does not answer."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from hytopus.node.lease import UNANSWERED, Lease
from tests.harness.clock import ManualClock


async def test_it_runs_from_the_sending_and_not_from_the_answer() -> None:
    clock = ManualClock()
    lease = Lease(clock)
    number = lease.sending()
    await clock.advance(20)
    lease.renewed(number)
    assert lease.left(30) == 10


def test_without_an_answer_there_is_none() -> None:
    lease = Lease(ManualClock())
    lease.sending()
    lease.renewed(7)
    assert lease.left(3600) < 0


async def test_answers_that_come_twice_late_or_in_disorder_make_it_no_longer() -> None:
    clock = ManualClock()
    lease = Lease(clock)
    first = lease.sending()
    await clock.advance(10)
    second = lease.sending()
    lease.renewed(second)
    for number in (first, second, first):
        await clock.advance(1)
        lease.renewed(number)
    assert lease.left(30) == 27


@given(st.lists(st.tuples(st.sampled_from(["send", "answer", "time"]), st.integers(0, 40)), max_size=60))
async def test_it_never_outlives_the_last_message_that_was_answered(story: list[tuple[str, int]]) -> None:
    clock = ManualClock()
    lease, sent, answered = Lease(clock), dict[int, float](), float("-inf")
    for what, value in story:
        if what == "send":
            sent[lease.sending()] = clock.boottime()
        elif what == "answer":
            lease.renewed(value)
            answered = max(answered, sent.get(value, answered))
        else:
            await clock.advance(value)
        assert lease.left(60) <= answered + 60 - clock.boottime()


def test_messages_that_nobody_answers_are_forgotten() -> None:
    lease = Lease(ManualClock())
    numbers = [lease.sending() for _ in range(2 * UNANSWERED)]
    lease.renewed(numbers[0])
    assert lease.left(60) < 0, "forgotten"
    lease.renewed(numbers[-1])
    assert lease.left(60) == 60


def test_the_next_agent_goes_on_with_it_but_not_after_a_reboot(tmp_path: Path) -> None:
    file = tmp_path / "lease.json"

    def next_agent(boot: str) -> float:
        lease = Lease(ManualClock(), file, boot=lambda: boot)
        lease.load()
        return lease.left(30)

    assert next_agent("one") < 0
    lease = Lease(ManualClock(), file, boot=lambda: "one")
    assert not lease.unsaved
    lease.renewed(lease.sending())
    assert lease.unsaved
    lease.save()
    assert not lease.unsaved
    assert next_agent("one") == 30
    assert next_agent("two") < 0
    file.write_text("nonsense")
    assert next_agent("one") < 0


async def test_the_wall_clock_has_no_say() -> None:
    clock = ManualClock()
    lease = Lease(clock)
    lease.renewed(lease.sending())
    clock.jump(86_400)
    assert lease.left(30) == 30
    clock.jump(-2 * 86_400)
    await clock.advance(31)
    assert lease.left(30) < 0


async def test_the_time_of_a_suspended_machine_counts() -> None:
    clock = ManualClock()
    lease = Lease(clock)
    lease.renewed(lease.sending())
    clock.suspend(3600)
    assert clock.monotonic() == 0
    assert lease.left(300) == -3300
