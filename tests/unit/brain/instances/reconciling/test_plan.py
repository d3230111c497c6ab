"""Planning: every situation has an answer, answers are legal, and following them comes to rest."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hytopus.brain.instances.reconciling.plan import (
    Abandon,
    Action,
    Admit,
    Complain,
    Kill,
    Move,
    NodeView,
    Place,
    Replace,
    Rest,
    Situation,
    Wait,
    plan,
)
from hytopus.brain.instances.reconciling.replacement import KILL_S, Loss, fence_s
from hytopus.brain.instances.states import TRANSITIONS, OnNodeLoss, State, Wanted
from hytopus.brain.nodes.states import NodeState
from tests.harness.clock import START

NODES = st.builds(
    NodeView,
    state=st.sampled_from(NodeState),
    since=st.integers(-1000, 0).map(lambda s: START + timedelta(seconds=s)),
    draining=st.booleans(),
    drain_deadline=st.none() | st.integers(-100, 100).map(lambda s: START + timedelta(seconds=s)),
)
SITUATIONS = st.builds(
    Situation,
    state=st.sampled_from(State),
    wanted=st.sampled_from(Wanted),
    has_node=st.booleans(),
    node=st.none() | NODES,
    ran=st.booleans(),
    tied=st.booleans(),
    loss=st.builds(
        Loss,
        policy=st.sampled_from(OnNodeLoss),
        replace_after_s=st.sampled_from([0.0, 60.0]),
        declared_s=st.none() | st.sampled_from([0.0, 500.0]),
        off=st.booleans(),
        fence_s=st.none() | st.just(400.0),
    ),
    kill_asked=st.booleans(),
    deadline=st.none() | st.integers(-100, 100).map(lambda s: START + timedelta(seconds=s)),
    lost_after_s=st.none() | st.just(60.0),
    problem_code=st.sampled_from(["", "destroying_timed_out", "crashed"]),
).map(lambda s: s if s.has_node else replace(s, node=None))

ONLINE = NodeView(NodeState.ONLINE, START)
OFFLINE = NodeView(NodeState.OFFLINE, START)


@given(SITUATIONS)
def test_nothing_waits_for_what_is_past(situation: Situation) -> None:
    action = plan(situation, START)
    if isinstance(action, Wait):
        assert action.until > START, "or it would be looked at over and over"


@given(SITUATIONS)
def test_moves_are_legal(situation: Situation) -> None:
    action = plan(situation, START)
    if isinstance(action, Move):
        assert action.to in TRANSITIONS[situation.state]
    if isinstance(action, Replace):
        gone = situation.loss.declared_s is not None and situation.loss.policy is OnNodeLoss.REPLACE
        assert not situation.tied or gone
        assert State.REQUESTED in TRANSITIONS[situation.state] | {situation.state}
    if isinstance(action, Wait):
        assert action.until > START


@given(SITUATIONS)
def test_following_the_plan_comes_to_rest(situation: Situation) -> None:
    for _ in range(8):
        action = plan(situation, START)
        match action:
            case Rest() | Wait() | Place() | Admit():
                return
            case Move(to, _, problem, kill):
                code = str(problem["code"]) if problem else situation.problem_code
                deadline = None if to is not situation.state else situation.deadline
                situation = replace(
                    situation,
                    state=to,
                    kill_asked=kill or situation.kill_asked,
                    deadline=deadline,
                    problem_code=code,
                )
            case Kill():
                situation = replace(situation, kill_asked=True, deadline=None)
            case Replace():
                situation = replace(situation, state=State.REQUESTED, has_node=False, node=None)
            case Abandon():
                state = situation.state if situation.state in (State.REQUESTED, State.STOPPED) else State.FAILED
                situation = replace(situation, state=state, has_node=False, node=None)
            case Complain(problem):
                situation = replace(situation, problem_code=str(problem["code"]))
    raise AssertionError(f"still {plan(situation, START)} in {situation}")


@given(SITUATIONS)
def test_destruction_is_never_forgotten(situation: Situation) -> None:
    """Wanted destroyed, without a node: it is gone in a few steps."""
    gone = replace(situation, wanted=Wanted.DESTROYED, has_node=False, node=None, state=State.STOPPED)
    assert plan(gone, START) == Move(State.DESTROYED)


@given(SITUATIONS)
def test_a_silent_node_is_given_time(situation: Situation) -> None:
    """While a node is merely suspect, nothing is failed, killed or lost for being late."""
    if situation.node is None:
        return
    quiet = NodeView(NodeState.SUSPECT, situation.node.since)
    action = plan(replace(situation, node=quiet), START)
    if isinstance(action, Move):
        assert action.to not in (State.LOST, State.FAILED)
        assert not action.kill


@pytest.mark.parametrize(
    ("situation", "action"),
    [
        (Situation(State.REQUESTED, Wanted.RUNNING), Place()),
        (Situation(State.REQUESTED, Wanted.STOPPED), Place()),
        (Situation(State.REQUESTED, Wanted.RUNNING, True, ONLINE), Admit()),
        (Situation(State.REQUESTED, Wanted.DESTROYED), Move(State.DESTROYED)),
        (Situation(State.PREPARING, Wanted.RUNNING, True, ONLINE), Rest()),
        (Situation(State.STARTING, Wanted.STOPPED, True, ONLINE), Move(State.STOPPING)),
        (Situation(State.RUNNING, Wanted.RUNNING, True, ONLINE), Rest()),
        (Situation(State.RUNNING, Wanted.STOPPED, True, ONLINE), Move(State.STOPPING)),
        (Situation(State.RUNNING, Wanted.DESTROYED, True, ONLINE), Move(State.STOPPING)),
        (Situation(State.STOPPED, Wanted.RUNNING, True, ONLINE), Admit()),
        (Situation(State.STOPPED, Wanted.RUNNING), Move(State.REQUESTED)),
        (Situation(State.STOPPED, Wanted.STOPPED, True, ONLINE), Rest()),
        (Situation(State.STOPPED, Wanted.DESTROYED, True, ONLINE), Rest()),
        (Situation(State.FAILED, Wanted.RUNNING, True, ONLINE), Rest()),
        (Situation(State.FAILED, Wanted.DESTROYED), Move(State.DESTROYED)),
        (Situation(State.LOST, Wanted.RUNNING, True, OFFLINE), Rest()),
        (Situation(State.DESTROYED, Wanted.DESTROYED), Rest()),
    ],
)
def test_the_ordinary_answers(situation: Situation, action: object) -> None:
    assert plan(situation, START) == action


def test_what_ran_on_a_vanished_node_is_lost_and_what_did_not_goes_elsewhere() -> None:
    later = START + timedelta(seconds=61)
    running = Situation(State.RUNNING, Wanted.RUNNING, True, OFFLINE, ran=True, lost_after_s=60)
    assert plan(running, START) == Wait(START + timedelta(seconds=60))
    assert plan(running, later) == Move(State.LOST, "Its node is offline.")
    preparing = replace(running, state=State.PREPARING, ran=False)
    assert plan(preparing, later) == Replace("Its node is offline.")
    assert plan(replace(preparing, ran=True), later) == Move(State.LOST, "Its node is offline.")


def test_deadlines_lead_to_failure_through_a_kill() -> None:
    late = Situation(State.STARTING, Wanted.RUNNING, True, ONLINE, deadline=START, allowed_s=120)
    action = plan(late, START)
    assert isinstance(action, Move)
    assert (action.to, action.kill) == (State.STOPPING, True)
    stopping = replace(late, state=State.STOPPING)
    assert isinstance(plan(stopping, START), Kill)
    killed = plan(replace(stopping, kill_asked=True), START)
    assert isinstance(killed, Move)
    assert killed.to is State.FAILED
    preparing = plan(replace(late, state=State.PREPARING), START)
    assert isinstance(preparing, Move)
    assert preparing.to is State.FAILED


def test_a_drain_stops_what_runs_moves_what_never_ran_and_kills_at_its_deadline() -> None:
    drained = NodeView(NodeState.ONLINE, START, draining=True, drain_deadline=START + timedelta(seconds=30))
    running = Situation(State.RUNNING, Wanted.RUNNING, True, drained, ran=True)
    assert plan(running, START) == Move(State.STOPPING, "Its node is being drained.")
    stopping = replace(running, state=State.STOPPING, deadline=START + timedelta(seconds=100))
    assert plan(stopping, START) == Wait(START + timedelta(seconds=30))
    assert isinstance(plan(stopping, START + timedelta(seconds=30)), Kill)
    lifted = replace(stopping, node=replace(drained, draining=False))
    assert plan(lifted, START + timedelta(seconds=30)) == Wait(START + timedelta(seconds=100))
    assert isinstance(plan(replace(running, state=State.PREPARING), START), Replace)
    assert isinstance(plan(replace(running, state=State.STOPPED), START), Replace)
    assert plan(replace(running, state=State.STOPPED, tied=True), START) == Admit()


LOST_AT = START + timedelta(seconds=60)


def lost(*, tied: bool, seconds: float = 0.0, **loss: Any) -> Action:
    """The plan for an instance that has been lost for so many seconds."""
    given = Loss(**{"policy": OnNodeLoss.REPLACE, **loss})
    instance = Situation(State.LOST, Wanted.RUNNING, True, OFFLINE, ran=True, tied=tied, loss=given, lost_after_s=60)
    return plan(instance, LOST_AT + timedelta(seconds=seconds))


def test_without_a_world_it_is_replaced_after_its_grace() -> None:
    assert lost(tied=False, replace_after_s=30) == Wait(LOST_AT + timedelta(seconds=30))
    assert isinstance(lost(tied=False, replace_after_s=30, seconds=30), Replace)
    assert lost(tied=False, policy=OnNodeLoss.WAIT, seconds=9999) == Rest()
    assert isinstance(lost(tied=False, policy=OnNodeLoss.WAIT, declared_s=0.0), Replace)


def test_with_a_world_it_is_replaced_only_when_nothing_of_it_can_run() -> None:
    assert lost(tied=True, seconds=9999) == Rest()
    assert lost(tied=True, declared_s=9999.0) == Rest(), "no lease: nothing would stop it"
    assert lost(tied=True, declared_s=100.0, fence_s=400.0) == Wait(LOST_AT + timedelta(seconds=300))
    assert isinstance(lost(tied=True, declared_s=400.0, fence_s=400.0), Replace)
    assert isinstance(lost(tied=True, declared_s=0.0, off=True), Replace)
    assert lost(tied=True, policy=OnNodeLoss.WAIT, declared_s=9999.0, off=True, fence_s=1.0) == Rest()


def test_the_fence_outlasts_lease_and_stop_on_a_clock_that_runs_slow() -> None:
    fence = fence_s(300, 70, 60)
    assert fence is not None
    assert fence > (300 + 70 + KILL_S) * 1.01
    assert fence_s(0, 70, 60) is None
