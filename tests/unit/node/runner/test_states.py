"""Which status may follow which, and what a command means for what is held."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hytopus.node.runner.states import AT_REST, TRANSITIONS, IllegalStep, Verdict, check_step, judge
from hytopus.wire.messages import DestroyInstance, InstanceCommand, NodeStatus, StartInstance, StopInstance
from tests.unit.node.runner.records import assignment, record

STATUSES = st.sampled_from([status for status in NodeStatus if status is not NodeStatus.DESTROYED])


def commands(generation: int) -> list[InstanceCommand]:
    return [
        assignment(generation=generation),
        StartInstance("i1", generation),
        StopInstance("i1", generation),
        StopInstance("i1", generation, kill=True),
        DestroyInstance("i1", generation),
    ]


def test_every_status_can_fail_and_be_destroyed_and_nothing_follows_destruction() -> None:
    for status in NodeStatus:
        if status is NodeStatus.DESTROYED:
            assert not TRANSITIONS[status]
        else:
            assert {NodeStatus.FAILED, NodeStatus.DESTROYED} <= TRANSITIONS[status]


def test_running_comes_only_from_starting_and_prepared_only_from_preparing() -> None:
    assert [status for status in NodeStatus if NodeStatus.RUNNING in TRANSITIONS[status]] == [NodeStatus.STARTING]
    assert [status for status in NodeStatus if NodeStatus.PREPARED in TRANSITIONS[status]] == [NodeStatus.PREPARING]


def test_steps_that_the_table_does_not_have_are_refused() -> None:
    check_step(NodeStatus.RUNNING, NodeStatus.RUNNING)
    with pytest.raises(IllegalStep, match="prepared cannot become running"):
        check_step(NodeStatus.PREPARED, NodeStatus.RUNNING)


@given(STATUSES, st.booleans(), st.booleans())
def test_older_commands_never_act_and_newer_always_do(status: NodeStatus, busy: bool, destroying: bool) -> None:
    held = record(status, generation=5, destroying=destroying)
    assert {judge(held, command, busy=busy) for command in commands(4)} == {Verdict.IGNORE}
    if not destroying:
        assert {judge(held, command, busy=busy) for command in commands(6)} == {Verdict.ACT}


@given(STATUSES, st.booleans())
def test_destroying_overtakes_everything_and_is_overtaken_by_nothing(status: NodeStatus, busy: bool) -> None:
    held = record(status, generation=5)
    assert judge(held, DestroyInstance("i1", 5), busy=busy) is Verdict.ACT
    doomed = replace(held, destroying=True)
    others = [command for command in commands(5) + commands(6) if not isinstance(command, DestroyInstance)]
    assert {judge(doomed, command, busy=busy) for command in others} == {Verdict.IGNORE}
    again = judge(doomed, DestroyInstance("i1", 5), busy=busy)
    assert again is (Verdict.REPEAT if busy else Verdict.ACT)


@pytest.mark.parametrize("status", list(NodeStatus)[:-1])
def test_the_same_prepare_acts_only_where_an_agent_was_interrupted(status: NodeStatus) -> None:
    assert judge(record(status), assignment(), busy=True) is Verdict.REPEAT
    expected = Verdict.ACT if status is NodeStatus.PREPARING else Verdict.REPEAT
    assert judge(record(status), assignment(), busy=False) is expected


@pytest.mark.parametrize("status", list(NodeStatus)[:-1])
def test_the_same_start_never_starts_twice(status: NodeStatus) -> None:
    verdict = judge(record(status), StartInstance("i1", 1), busy=status not in AT_REST)
    assert verdict is (Verdict.ACT if status is NodeStatus.PREPARED else Verdict.REPEAT)


def test_a_start_that_was_interrupted_before_its_container_is_begun_again() -> None:
    assert judge(record(NodeStatus.STARTING), StartInstance("i1", 1), busy=False) is Verdict.ACT


def test_a_kill_passes_a_stop_but_not_another_kill() -> None:
    stopping = record(NodeStatus.STOPPING)
    assert judge(stopping, StopInstance("i1", 1), busy=True) is Verdict.REPEAT
    assert judge(stopping, StopInstance("i1", 1, kill=True), busy=True) is Verdict.ACT
    assert judge(replace(stopping, killing=True), StopInstance("i1", 1, kill=True), busy=True) is Verdict.REPEAT
    assert judge(stopping, StopInstance("i1", 1), busy=False) is Verdict.ACT
    assert judge(record(NodeStatus.STOPPED), StopInstance("i1", 1), busy=False) is Verdict.REPEAT
