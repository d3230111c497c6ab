"""The next step that brings an instance closer to what is wanted. Pure: a situation and the time in, an action out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from hytopus.brain.instances.problems import (
    DestroyingTimedOut,
    MovingTimedOut,
    NodeRemoved,
    PreparingTimedOut,
    StartingTimedOut,
    StoppingTimedOut,
)
from hytopus.brain.instances.reconciling.replacement import Loss, gone_in
from hytopus.brain.instances.states import State, Wanted
from hytopus.brain.nodes.states import NodeState


@dataclass(frozen=True, slots=True)
class NodeView:
    """What matters of the node an instance is on."""

    state: NodeState
    since: datetime
    draining: bool = False
    drain_deadline: datetime | None = None
    drain_force: bool = False


@dataclass(frozen=True, slots=True)
class Situation:
    """What matters of an instance. `node` is None for one without a node, and for one whose node was removed."""

    state: State
    wanted: Wanted
    has_node: bool = False
    node: NodeView | None = None
    tied: bool = False
    """It has files on its node that it cannot do without: it has run there, and has a world of its own."""
    leaving: bool = False
    """It is to be moved to another node, and is to come to rest first."""
    loss: Loss = field(default_factory=Loss)
    kill_asked: bool = False
    deadline: datetime | None = None
    allowed_s: float = 0.0
    """How long the present state may last, for the message."""
    lost_after_s: float | None = None
    """How long its node may be offline; None: that is not to be judged now."""
    ran: bool = False
    """A process of it may have been started on its node."""
    problem_code: str = ""


@dataclass(frozen=True, slots=True)
class Rest:
    """Nothing to do until something happens."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing to do before this moment."""

    until: datetime


@dataclass(frozen=True, slots=True)
class Place:
    """It needs a node."""


@dataclass(frozen=True, slots=True)
class Admit:
    """It is to run and lives on a node: it needs memory, processors and a slot there."""


@dataclass(frozen=True, slots=True)
class Move:
    to: State
    why: str = ""
    problem: Mapping[str, Any] | None = None
    kill: bool = False


@dataclass(frozen=True, slots=True)
class Kill:
    """Being stopped gracefully has taken too long."""

    why: str


@dataclass(frozen=True, slots=True)
class Replace:
    """Another node can have it: there are no files it needs, or they are given up."""

    why: str


@dataclass(frozen=True, slots=True)
class Abandon:
    """Its node was removed, and with it everything it had there."""

    problem: Mapping[str, Any] = field(default_factory=lambda: NodeRemoved().as_dict())


@dataclass(frozen=True, slots=True)
class Complain:
    """Nothing can be done but to say so."""

    problem: Mapping[str, Any]


Action = Rest | Wait | Place | Admit | Move | Kill | Replace | Abandon | Complain
Step = Move | Kill | Replace | Abandon | Complain
"""Actions that need nothing but the instance itself."""

_ON_NODE: Final = frozenset({State.PREPARING, State.STARTING, State.RUNNING, State.STOPPING})


def plan(situation: Situation, now: datetime) -> Action:
    """Total: every situation has an answer, and following the answers ends in `Rest` or `Wait`."""
    if situation.has_node and situation.node is None and situation.state is not State.DESTROYED:
        return Abandon()
    return _intent(situation, now) or _silence(situation, now) or _overdue(situation, now) or Rest()


def _intent(s: Situation, now: datetime) -> Action | None:
    match s.state:
        case State.REQUESTED:
            return _requested(s, now)
        case State.PREPARING:
            return _preparing(s)
        case State.STARTING | State.RUNNING:
            return _up(s)
        case State.STOPPING:
            return _stopping(s, now)
        case State.MOVING if s.wanted is Wanted.DESTROYED:
            return Move(State.STOPPED, "It is to be destroyed.")
        case State.STOPPED | State.FAILED if s.wanted is Wanted.DESTROYED:
            return None if s.has_node else Move(State.DESTROYED)
        case State.STOPPED | State.FAILED if s.leaving and s.has_node:
            return Move(State.MOVING) if s.tied else Replace("It is being moved.")
        case State.STOPPED if s.wanted is Wanted.RUNNING:
            return _wake(s, now)
        case _:
            return None


def _requested(s: Situation, now: datetime) -> Action:
    if s.wanted is Wanted.DESTROYED:
        return Move(State.STOPPED) if s.has_node else Move(State.DESTROYED)
    if s.has_node and s.leaving:
        return Move(State.STOPPED, "It is being moved.")
    if not s.has_node:
        return Place()  # also when it is not to be started: it is prepared ahead
    return _admit(s, now) if s.wanted is Wanted.RUNNING else Move(State.STOPPED)


def _preparing(s: Situation) -> Action | None:
    if s.wanted is Wanted.DESTROYED:
        return Move(State.STOPPED, "It is to be destroyed.")
    if s.leaving:
        return Move(State.STOPPED, "It is being moved.")
    if s.node is not None and s.node.draining and not s.tied:
        return Replace("Its node is being drained.")
    return None


def _up(s: Situation) -> Action | None:
    if s.wanted is not Wanted.RUNNING:
        return Move(State.STOPPING)
    if s.leaving:
        return Move(State.STOPPING, "It is being moved.")
    if s.node is not None and s.node.draining:
        return Move(State.STOPPING, "Its node is being drained.", kill=s.node.drain_force)
    return None


def _stopping(s: Situation, now: datetime) -> Action | None:
    until = _drained_at(s)
    return Kill("The drain of its node has reached its deadline.") if until is not None and now >= until else None


def _drained_at(s: Situation) -> datetime | None:
    """When a drain of its node has it killed if it still stops by then; a drain that was lifted has no say."""
    if s.state is not State.STOPPING or s.kill_asked or s.node is None or not s.node.draining:
        return None
    return s.node.drain_deadline


def _wake(s: Situation, now: datetime) -> Action:
    return _admit(s, now) if s.has_node else Move(State.REQUESTED)


def _admit(s: Situation, now: datetime) -> Action:
    if s.node is not None and s.node.draining and not s.tied:
        return Replace("Its node is being drained.")
    return Replace("Its node is lost.") if _is_gone(s, now) else Admit()


def _is_gone(s: Situation, now: datetime) -> bool:
    gone_at = _gone_at(s, now)
    return gone_at is not None and gone_at <= now


def _gone_at(s: Situation, now: datetime) -> datetime | None:
    """When it may be replaced because its node is lost; None: not for anything known now."""
    if s.node is None or s.node.state is not NodeState.OFFLINE or s.lost_after_s is None:
        return None
    seconds = gone_in(s.loss, tied=s.tied, silent_s=(now - s.node.since).total_seconds() - s.lost_after_s)
    return None if seconds is None else now + timedelta(seconds=seconds)


def _silence(s: Situation, now: datetime) -> Action | None:
    """A node that is away can do nothing, so no deadline runs; after the grace period what it held is lost."""
    if s.node is None or s.node.state is NodeState.ONLINE:
        return None
    if s.state is State.LOST and (gone_at := _gone_at(s, now)) is not None:
        return Wait(gone_at) if now < gone_at else Replace("Its node is lost.")
    if s.state not in _ON_NODE or s.node.state is NodeState.SUSPECT or s.lost_after_s is None:
        return Rest()
    lost_at = s.node.since + timedelta(seconds=s.lost_after_s)
    if now < lost_at:
        return Wait(lost_at)
    if s.state is State.PREPARING and not s.ran:
        return Replace("Its node is offline.")
    return Move(State.LOST, "Its node is offline.")


def _overdue(s: Situation, now: datetime) -> Action | None:
    kill_at = _drained_at(s)
    if s.deadline is None:
        return None if kill_at is None else Wait(kill_at)
    if now < s.deadline:
        return Wait(s.deadline if kill_at is None else min(s.deadline, kill_at))
    match s.state:
        case State.PREPARING:
            return Move(State.FAILED, problem=PreparingTimedOut(seconds=s.allowed_s).as_dict())
        case State.MOVING:
            return Move(State.STOPPED, problem=MovingTimedOut(seconds=s.allowed_s).as_dict())
        case State.STARTING:
            return Move(State.STOPPING, problem=StartingTimedOut(seconds=s.allowed_s).as_dict(), kill=True)
        case State.STOPPING if not s.kill_asked:
            return Kill("It did not stop in time.")
        case State.STOPPING:
            return Move(State.FAILED, problem=StoppingTimedOut(seconds=s.allowed_s).as_dict())
        case _ if s.problem_code != DestroyingTimedOut.code:
            return Complain(DestroyingTimedOut(seconds=s.allowed_s).as_dict())
        case _:
            return None
