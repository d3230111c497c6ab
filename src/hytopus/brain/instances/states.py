"""Life of an instance.

```
             placed        prepared       ready          stop           ended
  REQUESTED ───────▶ PREPARING ─────▶ STARTING ─────▶ RUNNING ─────▶ STOPPING ─────▶ STOPPED ─────▶ DESTROYED
                                          ▲              │                              │
                                          └── its node ──┘                              │
                                          ▲   starts it again, e.g. after a crash       │
                                          └────────────────── "start" ──────────────────┘
```

Beside the straight way:

- STOPPED goes to PREPARING instead, when something was changed, and to REQUESTED when it has no node.
- REQUESTED, PREPARING, STARTING and RUNNING go to STOPPED when there is nothing to be stopped (any more).
- PREPARING, STARTING, RUNNING and STOPPING can end in FAILED; "start" leads from there to REQUESTED, and its own node
  takes it again as soon as it has room.
- PREPARING goes back to REQUESTED when its node vanishes before anything ran: another node takes it.
- STARTING, RUNNING, STOPPING (and PREPARING, once it has run) become LOST when the node is silent past the grace
  period. LOST becomes whatever the node says when it returns, and FAILED when it returns without the instance.
- STARTING covers the wait of its node before it starts a server again that ended by itself: `retry_at`.
- STOPPED and FAILED go to MOVING when it is moved and has a world, and from there to REQUESTED, or back to STOPPED.
- LOST goes to REQUESTED when it is replaced elsewhere: see `replacement.py` for when that may be.
- REQUESTED, STOPPED and FAILED go to STOPPING when a node reports, against all expectation, that it runs; but to
  STARTING (REQUESTED by way of PREPARING) when the node knows of a later start: then the Brain came from a backup.

`wanted` is what people ask for and `state` what is so. Only observations and reconcilers move `state`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar, Final

from sqlalchemy.ext.asyncio import AsyncSession

from hytopus.brain.activity.actor import SYSTEM, Actor
from hytopus.brain.activity.commands import record
from hytopus.brain.db.signals import signal
from hytopus.errors import HytopusError
from hytopus.kit.logs import get_logger
from hytopus.kit.requests import of_request

if TYPE_CHECKING:
    from hytopus.brain.instances.models import Instance

log = get_logger(__name__)


class Wanted(StrEnum):
    """The intent."""

    RUNNING = "running"
    STOPPED = "stopped"
    DESTROYED = "destroyed"


class OnNodeLoss(StrEnum):
    """What becomes of an instance whose node is lost."""

    WAIT = "wait"
    """It waits for its node, and is never stopped for want of a Brain."""
    REPLACE = "replace"
    """Another node takes it: by itself if it has no world of its own, else once its node was declared lost."""


class State(StrEnum):
    REQUESTED = "requested"
    """Waits for a node with room."""
    PREPARING = "preparing"
    """Its node builds its directory."""
    STARTING = "starting"
    """Its process runs, players cannot join yet."""
    RUNNING = "running"
    """Ready for players."""
    STOPPING = "stopping"
    STOPPED = "stopped"
    FAILED = "failed"
    MOVING = "moving"
    """Its node packs its world for another one."""
    LOST = "lost"
    """Its node has been silent past the grace period; it may well be running."""
    DESTROYED = "destroyed"


TRANSITIONS: Final[Mapping[State, frozenset[State]]] = {
    State.REQUESTED: frozenset({State.PREPARING, State.STOPPED, State.FAILED, State.DESTROYED, State.STOPPING}),
    State.PREPARING: frozenset({State.STARTING, State.STOPPED, State.FAILED, State.REQUESTED, State.LOST}),
    State.STARTING: frozenset(
        {State.RUNNING, State.STOPPING, State.STOPPED, State.FAILED, State.LOST, State.PREPARING}
    ),
    State.RUNNING: frozenset({State.STOPPING, State.STARTING, State.STOPPED, State.FAILED, State.LOST}),
    State.STOPPING: frozenset({State.STOPPED, State.FAILED, State.LOST}),
    State.STOPPED: frozenset(
        {
            State.STARTING,
            State.PREPARING,
            State.REQUESTED,
            State.STOPPING,
            State.FAILED,
            State.MOVING,
            State.DESTROYED,
        }
    ),
    State.FAILED: frozenset({State.REQUESTED, State.STARTING, State.STOPPING, State.MOVING, State.DESTROYED}),
    State.MOVING: frozenset({State.REQUESTED, State.STOPPED, State.FAILED}),
    State.LOST: frozenset(
        {
            State.PREPARING,
            State.STARTING,
            State.RUNNING,
            State.STOPPING,
            State.STOPPED,
            State.FAILED,
            State.REQUESTED,
            State.DESTROYED,
        }
    ),
    State.DESTROYED: frozenset(),
}

TRANSITIONAL: Final = frozenset({State.PREPARING, State.STARTING, State.STOPPING, State.MOVING})
"""States in which a node is at work; each has a deadline."""
AT_REST: Final = frozenset({State.REQUESTED, State.STOPPED, State.FAILED})
"""Nothing runs and nothing is being done on a node."""
AWAKE: Final = frozenset({State.PREPARING, State.STARTING, State.RUNNING, State.STOPPING, State.LOST})
"""States that hold memory, processors and a slot of their node. Disk and ports are held as long as there is a node."""

_EVENTS: Final[Mapping[State, tuple[str, str]]] = {
    State.REQUESTED: ("instance.requested", "{name} waits for a node."),
    State.PREPARING: ("instance.preparation_began", "{name} is being prepared."),
    State.STARTING: ("instance.start_began", "{name} is starting."),
    State.RUNNING: ("instance.started", "{name} is ready for players."),
    State.STOPPING: ("instance.stop_began", "{name} is being stopped."),
    State.STOPPED: ("instance.stopped", "{name} is stopped."),
    State.FAILED: ("instance.failed", "{name} has failed."),
    State.MOVING: ("instance.move_began", "{name} is being packed for another node."),
    State.LOST: ("instance.lost", "{name} is lost: its node does not answer."),
    State.DESTROYED: ("instance.destroyed", "{name} is destroyed."),
}


class IllegalTransition(HytopusError):
    code: ClassVar[str] = "illegal_transition"
    status: ClassVar[int] = 409
    template: ClassVar[str] = "{instance} cannot go from {current} to {to}."


def advance(
    session: AsyncSession,
    instance: Instance,
    to: State,
    *,
    at: datetime,
    why: str = "",
    actor: Actor = SYSTEM,
    problem: Mapping[str, Any] | None = None,
) -> None:
    """Move an instance to another state and record it. The only writer of `Instance.state`.

    Staying where it is does nothing. `problem` (`HytopusError.as_dict()`) is kept until the next start.
    """
    if to is instance.state:
        return
    if to not in TRANSITIONS[instance.state]:
        raise IllegalTransition(instance=instance.name, current=instance.state.value, to=to.value)
    before, instance.state, instance.state_since = instance.state, to, at
    if to is State.PREPARING or (to is State.STARTING and before is not State.PREPARING):
        instance.start_began_at = at
    if problem is not None:
        instance.problem = dict(problem)
    if to in (State.PREPARING, State.STARTING):
        instance.waiting = None
    if to is not State.STARTING:
        instance.retry_at = instance.setback = None
    if to not in (State.RUNNING, State.LOST):
        instance.players = []
    with of_request(actor.request_id or instance.origin):
        _tell(session, instance, before, at=at, why=why, actor=actor)
    if _reached(instance):
        instance.origin = ""


def _reached(instance: Instance) -> bool:
    """Nothing that happens from here on was asked for."""
    gave_up = instance.state is State.FAILED and instance.wanted is not Wanted.DESTROYED
    return gave_up or instance.state.value == instance.wanted.value


def _tell(session: AsyncSession, instance: Instance, before: State, *, at: datetime, why: str, actor: Actor) -> None:
    if not why and instance.state is State.FAILED:
        why = str((instance.problem or {}).get("message", ""))
    _record(session, instance, before, at=at, why=why, actor=actor)
    _log(instance, before, why=why)
    _wake(session, instance)


def _took(instance: Instance, before: State, at: datetime) -> dict[str, Any]:
    """How long the start took that has just ended well, in milliseconds."""
    if instance.state is not State.RUNNING or before is not State.STARTING or instance.start_began_at is None:
        return {}
    return {"took_ms": round((at - instance.start_began_at).total_seconds() * 1000)}


def _record(session: AsyncSession, instance: Instance, before: State, *, at: datetime, why: str, actor: Actor) -> None:
    kind, text = _EVENTS[instance.state]
    problem = instance.problem if instance.state is State.FAILED else None
    record(
        session,
        kind,
        subject=("instance", instance.id),
        message=" ".join(filter(None, (text.format(name=instance.name), why))),
        at=at,
        actor=actor,
        data={
            "name": instance.name,
            "from": before.value,
            "to": instance.state.value,
            "wanted": instance.wanted.value,
            "generation": instance.generation,
            "node_id": instance.node_id,
            "problem": problem and problem["code"],
            **_took(instance, before, at),
        },
    )


def _log(instance: Instance, before: State, *, why: str) -> None:
    log.info(
        "instance state changed",
        instance=instance.name,
        node=instance.node_id,
        generation=instance.generation,
        old=before.value,
        new=instance.state.value,
        why=why or None,
    )


def _wake(session: AsyncSession, instance: Instance) -> None:
    """Whoever has something to do now, once this is committed."""
    if instance.state in TRANSITIONAL:
        signal(session, "instance", instance.id)  # its deadline is to be watched
    if instance.node_id is not None:
        signal(session, "node", instance.node_id)
    if instance.state not in AWAKE:
        signal(session, "placement")
