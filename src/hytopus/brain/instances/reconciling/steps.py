"""The small writes that states consist of: beginning a generation, letting go of a node, leaving copies behind."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from hytopus.brain.activity.actor import SYSTEM, Actor
from hytopus.brain.activity.commands import record
from hytopus.brain.db.signals import signal
from hytopus.brain.instances import moving
from hytopus.brain.instances.models import Instance, Leftover, PortLease
from hytopus.brain.instances.problems import RestartLoop
from hytopus.brain.instances.reconciling.plan import Abandon, Complain, Kill, Move, Replace, Step
from hytopus.brain.instances.residence import leave_behind, release
from hytopus.brain.instances.states import OnNodeLoss, State, Wanted, advance

RESTARTS: Final = 5
RESTART_WINDOW: Final = timedelta(minutes=10)
"""An instance that had to be started again by itself this often within this time is left alone."""


async def take(session: AsyncSession, instance: Instance, step: Step, *, at: datetime) -> None:
    """Carry out a planned step."""
    match step:
        case Move(State.DESTROYED):
            await destroyed(session, instance, at=at)
        case Move(to) if State.MOVING in (to, instance.state):
            await _set_out_or_stay(session, instance, step, at=at)
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


async def _set_out_or_stay(session: AsyncSession, instance: Instance, step: Move, *, at: datetime) -> None:
    if step.to is State.MOVING:
        moving.set_out(instance, at=at)
        advance(session, instance, State.MOVING, at=at)
        return
    if step.problem is not None:
        complain(session, instance, step.problem, at=at)
    why = step.why or str((step.problem or {}).get("message", ""))
    await moving.call_off(session, instance, at=at, why=why)


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
    may_move = instance.persistent and instance.on_node_loss is OnNodeLoss.REPLACE
    instance.leased_s = instance.lease_s if may_move else 0.0
    instance.progress = None
    if instance.state is State.STARTING:
        instance.state_since = at
    advance(session, instance, State.STARTING, at=at, why=why)
    tell_node(session, instance)


def start_again(session: AsyncSession, instance: Instance, *, at: datetime, why: str) -> None:
    """A new generation because its node could not go on with the old one; fails it when that happens too often."""
    if count_restart(instance, at=at):
        begin(session, instance, at=at, why=why)
        return
    minutes = RESTART_WINDOW / timedelta(minutes=1)
    fail(session, instance, RestartLoop(count=RESTARTS, minutes=minutes).as_dict(), at=at)


def count_restart(instance: Instance, *, at: datetime) -> bool:
    """One more that nobody asked for; False when there were `RESTARTS` already within `RESTART_WINDOW`."""
    since = instance.restarts_since
    if since is None or at - since > RESTART_WINDOW:
        instance.restarts, instance.restarts_since = 0, at
    instance.restarts += 1
    return instance.restarts <= RESTARTS


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
    """Give up its node and wait for another. A world that stays there is kept, in case that node comes back."""
    if instance.node_id is not None:
        keep = instance.ran and instance.persistent
        await leave_behind(session, instance.node_id, instance.id, instance.generation, keep=keep)
    instance.problem = None
    await release(session, instance)
    if moving.step_of(instance) == moving.LEAVE:
        moving.note_move(instance, step=moving.CARRIED)
    advance(session, instance, State.REQUESTED, at=at, why=why)


async def abandon(session: AsyncSession, instance: Instance, problem: Mapping[str, Any], *, at: datetime) -> None:
    """Its node is gone for good."""
    if moving.step_of(instance) in (moving.LEAVE, moving.PACK):
        await moving.forget(session, instance, at=at)
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
    await moving.forget(session, instance, at=at)
    await _let_go_of_copies(session, instance.id)
    instance.secrets = {}
    instance.problem = instance.waiting = instance.progress = None
    advance(session, instance, State.DESTROYED, at=at, why=why)


async def _let_go_of_copies(session: AsyncSession, instance_id: str) -> None:
    """Copies that were kept on nodes it left go with it."""
    kept = await session.scalars(select(Leftover).where(Leftover.instance_id == instance_id, Leftover.keep))
    for leftover in kept:
        leftover.keep = False
        signal(session, "node", leftover.node_id)


def tell_node(session: AsyncSession, instance: Instance) -> None:
    """The commands of its node may have changed."""
    if instance.node_id is not None:
        signal(session, "node", instance.node_id)
