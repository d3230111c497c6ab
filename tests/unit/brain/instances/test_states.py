"""The transition table, and deadlines."""

from __future__ import annotations

from itertools import pairwise

import pytest

from hytopus.brain.db.engine import Database
from hytopus.brain.instances.reconciling.deadlines import allowance
from hytopus.brain.instances.settings import InstanceSettings
from hytopus.brain.instances.states import (
    AT_REST,
    AWAKE,
    TRANSITIONAL,
    TRANSITIONS,
    IllegalTransition,
    State,
    Wanted,
    advance,
)
from tests.harness.clock import START
from tests.harness.factories import make_instance


def test_every_state_has_a_row_and_no_state_leads_to_itself() -> None:
    assert set(TRANSITIONS) == set(State)
    assert not [state for state, targets in TRANSITIONS.items() if state in targets]


def test_every_state_is_reachable() -> None:
    reached, frontier = {State.REQUESTED}, [State.REQUESTED]
    while frontier:
        for state in TRANSITIONS[frontier.pop()] - reached:
            reached.add(state)
            frontier.append(state)
    assert reached == set(State)


def test_destroyed_is_the_only_end_and_is_reachable_from_everywhere() -> None:
    assert [state for state, targets in TRANSITIONS.items() if not targets] == [State.DESTROYED]
    ends = {State.DESTROYED}
    while grown := {state for state, targets in TRANSITIONS.items() if targets & ends} - ends:
        ends |= grown
    assert ends == set(State)


def test_the_straight_way_of_the_specification_is_there() -> None:
    way = [
        State.REQUESTED,
        State.PREPARING,
        State.STARTING,
        State.RUNNING,
        State.STOPPING,
        State.STOPPED,
        State.DESTROYED,
    ]
    assert all(after in TRANSITIONS[before] for before, after in pairwise(way))


def test_states_are_awake_at_rest_moving_or_gone() -> None:
    assert AWAKE | AT_REST | {State.MOVING, State.DESTROYED} == set(State)
    assert not AWAKE & AT_REST
    assert TRANSITIONAL - {State.MOVING} <= AWAKE, "while it moves, no process needs room"


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("wanted", Wanted)
def test_every_state_that_must_not_last_has_a_deadline(state: State, wanted: Wanted) -> None:
    instance = make_instance(state=state, wanted=wanted)
    is_being_destroyed = wanted is Wanted.DESTROYED and state in (State.STOPPED, State.FAILED)
    must_not_last = state in TRANSITIONAL or is_being_destroyed
    assert (allowance(instance, InstanceSettings()) is not None) is must_not_last


async def test_only_legal_steps_are_taken(sqlite: Database) -> None:
    for before in State:
        for to in State:
            instance = make_instance(state=before)
            async with sqlite.write() as session:
                if to is before:
                    advance(session, instance, to, at=START)
                    assert not session.new
                elif to in TRANSITIONS[before]:
                    advance(session, instance, to, at=START)
                    assert instance.state is to
                    assert [event.kind for event in session.new]  # recorded in the same transaction
                else:
                    with pytest.raises(IllegalTransition):
                        advance(session, instance, to, at=START)
