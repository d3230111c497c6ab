"""The small writes that states consist of: beginning a generation, letting go of a node, leaving copies behind."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncSession

from hytopus.brain.activity.actor import SYSTEM, Actor
from hytopus.brain.activity.commands import record
from hytopus.brain.db.signals import signal
from hytopus.brain.instances.models import Instance, Leftover, PortLease
from hytopus.brain.instances.plan import Abandon, Complain, Kill, Move, Replace, Step
from hytopus.brain.instances.problems import RestartLoop
from hytopus.brain.instances.states import State, Wanted, advance

RESTARTS: Final = 5
RESTART_WINDOW: Final = timedelta(minutes=10)
"""An instance that had to be started again by itself this often within this time is left alone."""


async def take(session: AsyncSession, instance: Instance, step: Step, *, at: datetime) -> None:
    """Carry out a planned step."""
    match step:
        case Move(State.DESTROYED):
            await destroyed(session, instance, at=at)
        case Move(State.FAILED, _, problem) if problem is not None:
            fail(session, instance, problem, at=at)
        case Move(to, why, problem, kill):
            if kill:
                instance.kill_at = at
            advance(session, instance, to, at=at, why=why, problem=problem)
        case Kill(why):
            kill_now(session, instance, at=at, why=why)
        case Replace(why):
            await replace(session, instance, at=at, why=why)
        case Abandon(problem):
            await abandon(session, instance, problem, at=at)
        case Complain(problem):
            complain(session, instance, problem, at=at)


def begin(session: AsyncSession, instance: Instance, *, at: datetime, why: str = "") -> None:
    """A new generation: prepare it if that is needed, else start it. It must hold its node's compute from here on."""
    instance.generation += 1
    instance.kill_at = None
    instance.problem = None
    instance.attempt, instance.retry_at, instance.setback = 0, None, None
    if instance.needs_prepare:
        instance.progress_at, instance.progress = at, None
        advance(session, instance, State.PREPARING, at=at, why=why)
    else:
        start(session, instance, at=at, why=why)


def start(session: AsyncSession, instance: Instance, *, at: datetime, why: str = "") -> None:
    """Let the process of this generation start."""
    instance.ran = True
    instance.progress = None
    if instance.state is State.STARTING:
        instance.state_since = at
    advance(session, instance, State.STARTING, at=at, why=why)
    tell_node(session, instance)


def start_again(session: AsyncSession, instance: Instance, *, at: datetime, why: str) -> None:
    """A new generation because its node could not go on with the old one; fails it when that happens too often."""
    since = instance.restarts_since
    if since is None or at - since > RESTART_WINDOW:
        instance.restarts, instance.restarts_since = 0, at
    instance.restarts += 1
    if instance.restarts <= RESTARTS:
        begin(session, instance, at=at, why=why)
        return
    minutes = RESTART_WINDOW / timedelta(minutes=1)
    fail(session, instance, RestartLoop(count=RESTARTS, minutes=minutes).as_dict(), at=at)


def fail(session: AsyncSession, instance: Instance, problem: Mapping[str, Any], *, at: datetime) -> None:
    instance.kill_at = None
    advance(session, instance, State.FAILED, at=at, problem=problem)


def kill_now(session: AsyncSession, instance: Instance, *, at: datetime, why: str = "", actor: Actor = SYSTEM) -> None:
    """Turn a graceful stop into a kill."""
    instance.kill_at = at
    record(
        session,
        "instance.kill_began",
        subject=("instance", instance.id),
        message=f"{instance.name} is being killed. {why}".strip(),
        at=at,
        actor=actor,
        data={"name": instance.name, "node_id": instance.node_id, "generation": instance.generation},
    )
    signal(session, "instance", instance.id)
    tell_node(session, instance)


async def replace(session: AsyncSession, instance: Instance, *, at: datetime, why: str) -> None:
    """Give up its node, where nothing of it ever ran, and wait for another."""
    if instance.node_id is not None:
        await leave_behind(session, instance.node_id, instance.id, instance.generation)
    await release(session, instance)
    advance(session, instance, State.REQUESTED, at=at, why=why)


async def abandon(session: AsyncSession, instance: Instance, problem: Mapping[str, Any], *, at: datetime) -> None:
    """Its node is gone for good."""
    await release(session, instance)
    if instance.state is State.REQUESTED:
        signal(session, "placement")
        return
    if instance.state not in (State.STOPPED, State.FAILED):
        fail(session, instance, problem, at=at)
    if instance.wanted is Wanted.DESTROYED:
        await destroyed(session, instance, at=at)


def complain(session: AsyncSession, instance: Instance, problem: Mapping[str, Any], *, at: datetime) -> None:
    """Keep a problem with the instance without moving it."""
    instance.problem = dict(problem)
    record(
        session,
        "instance.had_a_problem",
        subject=("instance", instance.id),
        message=f"{instance.name}: {problem['message']}",
        at=at,
        data={"name": instance.name, "node_id": instance.node_id, "problem": problem["code"]},
    )


async def destroyed(session: AsyncSession, instance: Instance, *, at: datetime, why: str = "") -> None:
    """Nothing of it is left: its ports are free, and its secrets are forgotten."""
    await session.execute(delete(PortLease).where(PortLease.instance_id == instance.id))
    instance.secrets = {}
    instance.problem = instance.waiting = instance.progress = None
    advance(session, instance, State.DESTROYED, at=at, why=why)


async def release(session: AsyncSession, instance: Instance) -> None:
    """Let go of its node: ports, and whatever was built there."""
    await session.execute(delete(PortLease).where(PortLease.instance_id == instance.id))
    instance.node_id = instance.placement = instance.progress = None
    instance.needs_prepare, instance.ran = True, False


async def leave_behind(session: AsyncSession, node_id: str, instance_id: str, generation: int) -> None:
    """The node holds a copy that is not wanted any more; it is told to destroy it until it says that it has."""
    leftover = await session.get(Leftover, (node_id, instance_id))
    if leftover is None:
        session.add(Leftover(node_id=node_id, instance_id=instance_id, generation=generation))
        await session.flush()
    else:
        leftover.generation = max(leftover.generation, generation)
    signal(session, "node", node_id)


def tell_node(session: AsyncSession, instance: Instance) -> None:
    """The commands of its node may have changed."""
    if instance.node_id is not None:
        signal(session, "node", instance.node_id)
