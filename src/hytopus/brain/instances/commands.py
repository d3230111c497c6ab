"""What people ask of instances: each changes the intent, takes the steps that follow at once, and is recorded."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from hytopus.brain.activity.actor import Actor
from hytopus.brain.activity.commands import audit, record
from hytopus.brain.db.signals import signal
from hytopus.brain.instances import moving
from hytopus.brain.instances.errors import InstanceDestroyed
from hytopus.brain.instances.models import Instance
from hytopus.brain.instances.problems import StoppingTimedOut
from hytopus.brain.instances.reconciling.settle import settle
from hytopus.brain.instances.reconciling.steps import begin, kill_now, tell_node
from hytopus.brain.instances.states import State, Wanted, advance
from hytopus.brain.nodes.models import Node
from hytopus.brain.nodes.queries import get as get_node


async def start(session: AsyncSession, instance: Instance, *, actor: Actor, now: datetime) -> None:
    """It is to run. From STOPPED and FAILED it waits until its node has room; a wait after a crash is over."""
    check_alive(instance)
    _ask(session, instance, "start", Wanted.RUNNING, actor, now)
    instance.restarts = 0
    if _waits_for_retry(instance):
        begin(session, instance, at=now, why=f"{actor.name} did not want to wait.")
    if instance.state is State.FAILED:
        _leave_failure(session, instance, actor, now)
    await settle_now(session, instance, now)


async def stop(session: AsyncSession, instance: Instance, *, actor: Actor, now: datetime) -> None:
    """It is to be at rest: console line, grace, signal, grace, kill, as its game says."""
    check_alive(instance)
    _ask(session, instance, "stop", Wanted.STOPPED, actor, now)
    if instance.state in (State.REQUESTED, State.PREPARING):
        advance(session, instance, State.STOPPED, at=now, actor=actor)
    await settle_now(session, instance, now)


async def restart(session: AsyncSession, instance: Instance, *, actor: Actor, now: datetime) -> None:
    """Stop it gracefully and start it again; it keeps its room meanwhile. At rest this is a start."""
    check_alive(instance)
    _ask(session, instance, "restart", Wanted.RUNNING, actor, now)
    instance.restarts = 0
    if instance.state is State.FAILED:
        _leave_failure(session, instance, actor, now)
    if _waits_for_retry(instance):
        begin(session, instance, at=now, why=f"{actor.name} did not want to wait.")
    elif instance.state in (State.STARTING, State.RUNNING):
        advance(session, instance, State.STOPPING, at=now, actor=actor, why="It is being restarted.")
    await settle_now(session, instance, now)


async def kill(session: AsyncSession, instance: Instance, *, actor: Actor, now: datetime) -> None:
    """End it without asking it. Works in every state, whatever else is going on."""
    if instance.wanted is not Wanted.DESTROYED:
        check_alive(instance)
        _ask(session, instance, "kill", Wanted.STOPPED, actor, now)
    stuck = (instance.problem or {}).get("code") == StoppingTimedOut.code and instance.node_id is not None
    match instance.state:
        case State.REQUESTED | State.PREPARING:
            advance(session, instance, State.STOPPED, at=now, actor=actor)
        case State.STARTING | State.RUNNING:
            instance.kill_at = now
            advance(session, instance, State.STOPPING, at=now, actor=actor, why="It is being killed.")
        case State.STOPPING if instance.kill_at is None:
            kill_now(session, instance, at=now, actor=actor)
        case State.MOVING:
            await moving.call_off(session, instance, at=now, why="It was killed.", actor=actor)
        case State.LOST:
            instance.kill_at = now
        case State.FAILED if stuck:
            instance.kill_at = now
            advance(session, instance, State.STOPPING, at=now, actor=actor, why="It is being killed.")
        case _:
            pass
    await settle_now(session, instance, now)


async def destroy(session: AsyncSession, instance: Instance, *, actor: Actor, now: datetime) -> None:
    """It is to be gone, files and all; stopped first where it runs. Asking again changes nothing."""
    if instance.wanted is Wanted.DESTROYED:
        return
    _ask(session, instance, "destroy", Wanted.DESTROYED, actor, now)
    await settle_now(session, instance, now)


def check_alive(instance: Instance) -> None:
    """Raises `InstanceDestroyed` for one that is to be gone."""
    if instance.wanted is Wanted.DESTROYED:
        raise InstanceDestroyed(instance=instance.name)


async def settle_now(session: AsyncSession, instance: Instance, now: datetime) -> None:
    """Take the steps that follow from a change of the instance, and let its node know."""
    node: Node | None = None if instance.node_id is None else await get_node(session, instance.node_id)
    await settle(session, instance, node, at=now)
    tell_node(session, instance)


def note(
    session: AsyncSession,
    instance: Instance,
    kind: str,
    message: str,
    *,
    actor: Actor,
    now: datetime,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> None:
    """An event and an audit record for something that somebody changed."""
    instance.origin = actor.request_id
    subject = ("instance", instance.id)
    data = {"name": instance.name, **(after or {})}
    record(session, f"instance.{kind}", subject=subject, message=message, at=now, actor=actor, data=data)
    audit(session, actor, f"instance.{kind}", instance.name, at=now, before=before, after=after)
    signal(session, "instance", instance.id)


def _ask(session: AsyncSession, instance: Instance, verb: str, wanted: Wanted, actor: Actor, now: datetime) -> None:
    before, instance.wanted = instance.wanted, wanted
    instance.origin = actor.request_id
    instance.waiting = None  # the scheduler says anew whether and why it has to wait
    past = f"{verb}_requested"
    record(
        session,
        f"instance.{past}",
        subject=("instance", instance.id),
        message=f"{actor.name} asked {instance.name} to {verb}.",
        at=now,
        actor=actor,
        data={"name": instance.name, "state": instance.state.value, "wanted": wanted.value},
    )
    audit(
        session,
        actor,
        f"instance.{verb}",
        instance.name,
        at=now,
        before={"wanted": before.value, "state": instance.state.value},
        after={"wanted": wanted.value},
    )
    signal(session, "instance", instance.id)


def _waits_for_retry(instance: Instance) -> bool:
    """Its server ended, and its node waits before it starts it again."""
    return instance.state is State.STARTING and instance.retry_at is not None


def _leave_failure(session: AsyncSession, instance: Instance, actor: Actor, now: datetime) -> None:
    """A failed instance is built again before it starts, so that whatever broke it is checked anew."""
    instance.needs_prepare = True
    instance.problem = None
    advance(session, instance, State.REQUESTED, at=now, actor=actor)
