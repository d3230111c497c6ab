"""Moving an instance to another node: its world is packed there, carried through the object store, and unpacked here.

`Instance.move` says how far that is:

    leave    it is to come to rest where it is
    pack     (state MOVING) its node packs and uploads its world
    carried  it belongs to no node, or to the new one that builds it; the old one keeps its copy until that is done
    home     called off while carried: its old node takes it back, where nothing was touched

The old copy is destroyed only when the new node has the whole of it on disk.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncSession

from hytopus.brain.activity.actor import SYSTEM, Actor
from hytopus.brain.activity.commands import record
from hytopus.brain.db.signals import signal
from hytopus.brain.instances.models import Instance
from hytopus.brain.instances.residence import leave_behind, release
from hytopus.brain.instances.states import State, advance
from hytopus.brain.nodes.queries import get as get_node
from hytopus.brain.templates.commands import let_go

LEAVE: Final = "leave"
PACK: Final = "pack"
CARRIED: Final = "carried"
HOME: Final = "home"


def step_of(instance: Instance) -> str:
    """Empty for one that is not being moved."""
    return str(instance.move["step"]) if instance.move else ""


def note_move(instance: Instance, **values: Any) -> None:
    """The column is replaced, never changed in place."""
    instance.move = {**(instance.move or {}), **values}


def begin(instance: Instance, target: str, *, at: datetime) -> None:
    instance.move = {"step": LEAVE, "source": instance.node_id, "target": target, "since": at.isoformat()}


def set_out(instance: Instance, *, at: datetime) -> None:
    """It is at rest, and its node may pack."""
    note_move(instance, step=PACK)
    instance.progress, instance.progress_at = {"step": "pack", "progress": 0.0}, at


async def take_off(session: AsyncSession, instance: Instance, *, at: datetime) -> None:
    """Its world is in the object store, or it has none: it needs a node."""
    note_move(instance, step=CARRIED)
    await release(session, instance)
    advance(session, instance, State.REQUESTED, at=at, why="It is being moved.")
    signal(session, "placement")


async def arrived(session: AsyncSession, instance: Instance, *, at: datetime) -> None:
    """It is built on the node that was to have it: whatever is elsewhere may go."""
    if not instance.move or step_of(instance) not in (CARRIED, HOME):
        return
    move, home = instance.move, step_of(instance) == HOME
    if "key" in move:
        instance.ran = True  # from now on its world is here
        await let_go(session, move["key"], at)
    if not home and await get_node(session, move["source"]) is not None:
        await leave_behind(session, move["source"], instance.id, instance.generation)
    instance.move = None
    what = "is back where it was" if home else "has moved"
    _tell(session, instance, "move_ended", f"{instance.name} {what}.", at=at)


async def call_off(session: AsyncSession, instance: Instance, *, at: datetime, why: str, actor: Actor = SYSTEM) -> None:
    """It stays, or goes back. What was uploaded is not needed any more."""
    step, move = step_of(instance), instance.move or {}
    _tell(
        session, instance, "move_called_off", f"The move of {instance.name} was called off. {why}", at=at, actor=actor
    )
    if step == CARRIED and "key" in move:
        await _turn_back(session, instance, at=at)
        return
    if "key" in move:
        await let_go(session, move["key"], at)
    instance.move = None
    if instance.state is State.MOVING:
        instance.progress = None
        advance(session, instance, State.STOPPED, at=at, why=why, actor=actor)


async def _turn_back(session: AsyncSession, instance: Instance, *, at: datetime) -> None:
    """Whatever the new node has of it goes; the old one, where nothing was touched, takes it again."""
    if instance.node_id is not None:
        await leave_behind(session, instance.node_id, instance.id, instance.generation)
    await release(session, instance)
    note_move(instance, step=HOME, target=(instance.move or {})["source"])
    advance(session, instance, State.REQUESTED, at=at, why="Its move was called off.")
    signal(session, "placement")


async def forget(session: AsyncSession, instance: Instance, *, at: datetime) -> None:
    """It is destroyed, or its node is gone for good: nothing of the move is to stay behind."""
    if instance.move is None:
        return
    move, instance.move = instance.move, None
    if "key" in move:
        await let_go(session, move["key"], at)
    source = move["source"]
    if source != instance.node_id and await get_node(session, source) is not None:
        await leave_behind(session, source, instance.id, instance.generation)


def _tell(
    session: AsyncSession, instance: Instance, kind: str, message: str, *, at: datetime, actor: Actor = SYSTEM
) -> None:
    data = {"name": instance.name, "node_id": instance.node_id, "move": instance.move}
    subject = ("instance", instance.id)
    record(session, f"instance.{kind}", subject=subject, message=message.strip(), at=at, actor=actor, data=data)
    signal(session, "instance", instance.id)
