"""Nothing an agent reports gets lost on the way to the Brain."""

from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from hytopus.node.link.outbox import Outbox
from hytopus.wire.messages import Answer, InstanceReport, NodeStatus, RenewUrls
from tests.harness.clock import ManualClock


def report(status: NodeStatus, instance: str = "i", generation: int = 1, progress: float = 0.0) -> InstanceReport:
    return InstanceReport(instance, generation, status, progress=progress)


async def test_reports_are_stamped_and_ordered() -> None:
    outbox = Outbox(ManualClock())
    outbox.attach()
    outbox.report(report(NodeStatus.PREPARED))
    outbox.report(report(NodeStatus.RUNNING))
    first, second = await outbox.next(), await outbox.next()
    assert isinstance(first, InstanceReport)
    assert isinstance(second, InstanceReport)
    assert 0 < first.sequence < second.sequence
    assert first.at == "2026-01-01T00:00:00+00:00"


async def test_unacknowledged_reports_go_into_the_next_registration() -> None:
    outbox = Outbox(ManualClock())
    outbox.attach()
    for status in (NodeStatus.PREPARED, NodeStatus.STARTING, NodeStatus.RUNNING):
        outbox.report(report(status))
    sent = await outbox.next()
    assert isinstance(sent, InstanceReport)
    outbox.seen(sent.sequence)
    outbox.detach()
    outbox.report(report(NodeStatus.FAILED))
    _, held_back = outbox.attach()
    assert [held.status for held in held_back] == [NodeStatus.STARTING, NodeStatus.RUNNING, NodeStatus.FAILED]


async def test_progress_collapses_but_nothing_else() -> None:
    outbox = Outbox(ManualClock())
    outbox.attach()
    for progress in (0.1, 0.2, 0.3):
        outbox.report(report(NodeStatus.PREPARING, progress=progress))
    outbox.report(report(NodeStatus.PREPARING, instance="other"))
    outbox.report(report(NodeStatus.FAILED))
    outbox.report(report(NodeStatus.PREPARING, generation=2))
    found = [await outbox.next() for _ in range(4)]
    assert [(r.instance_id, r.status, r.progress) for r in found if isinstance(r, InstanceReport)] == [
        ("i", NodeStatus.PREPARING, 0.3),
        ("other", NodeStatus.PREPARING, 0.0),
        ("i", NodeStatus.FAILED, 0.0),
        ("i", NodeStatus.PREPARING, 0.0),
    ]


async def test_answers_belong_to_their_session() -> None:
    outbox = Outbox(ManualClock())
    outbox.answer(Answer("early"))
    outbox.attach()
    outbox.answer(Answer("lost"))
    outbox.renew_urls("i", 1)
    outbox.detach()
    outbox.attach()
    outbox.renew_urls("i", 2)
    assert await outbox.next() == RenewUrls("i", 2)


async def test_whoever_asks_for_the_next_word_waits_until_there_is_one() -> None:
    clock = ManualClock()
    outbox = Outbox(clock)
    outbox.attach()
    waiting = asyncio.ensure_future(outbox.next())
    await clock.settle()
    assert not waiting.done()
    outbox.report(report(NodeStatus.RUNNING))
    found = await asyncio.wait_for(waiting, 1)
    assert isinstance(found, InstanceReport)


STATUSES = st.lists(st.tuples(st.sampled_from(list(NodeStatus)), st.sampled_from("ab"), st.booleans()), max_size=40)


@given(STATUSES)
def test_the_brain_sees_every_turn_of_every_instance(told: list[tuple[NodeStatus, str, bool]]) -> None:
    """Sessions break at any moment; what the Brain has acknowledged is forgotten, everything else comes again."""

    async def scenario() -> dict[str, list[NodeStatus]]:
        outbox, seen = Outbox(ManualClock()), list[InstanceReport]()
        seen.extend(outbox.attach()[1])
        for status, instance, breaks in told:
            outbox.report(report(status, instance))
            if breaks:
                outbox.detach()
                seen.extend(outbox.attach()[1])
                outbox.seen(seen[-1].sequence)
        outbox.detach()
        seen.extend(outbox.attach()[1])
        assert [r.sequence for r in seen] == sorted(r.sequence for r in seen)
        return {name: [r.status for r in seen if r.instance_id == name] for name in "ab"}

    seen = asyncio.run(scenario())
    for name in "ab":
        wanted = [status for status, instance, _ in told if instance == name]
        assert _turns(seen[name]) == _turns(wanted)


def _turns(statuses: list[NodeStatus]) -> list[NodeStatus]:
    """Progress may collapse; every other report counts."""
    return [
        status
        for index, status in enumerate(statuses)
        if status is not NodeStatus.PREPARING or index == 0 or statuses[index - 1] is not status
    ]
