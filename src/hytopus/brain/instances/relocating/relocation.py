"""Asking for a move: everything that can be refused is refused before anything happens."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from hytopus.brain.activity.actor import Actor
from hytopus.brain.instances import moving
from hytopus.brain.instances.commands import note, settle_now
from hytopus.brain.instances.errors import CannotMove, InstanceDestroyed, NotMoving
from hytopus.brain.instances.models import Instance
from hytopus.brain.instances.scheduling.rooms import demand_of, rooms_of
from hytopus.brain.instances.states import State, Wanted
from hytopus.brain.nodes.models import Node
from hytopus.brain.nodes.presence import Presence
from hytopus.brain.nodes.queries import get as get_node
from hytopus.brain.nodes.queries import nodes_with_room
from hytopus.brain.nodes.states import NodeState
from hytopus.brain.placement.explain import explain, summary
from hytopus.brain.placement.place import Placed, place_one

_RUNNING = frozenset({State.PREPARING, State.STARTING, State.RUNNING, State.STOPPING})


async def move(
    session: AsyncSession,
    instance: Instance,
    target: Node | None,
    *,
    restart: bool,
    presence: Presence,
    actor: Actor,
    now: datetime,
) -> None:
    """To `target`, or the node that has the most room. Said again for the same node, it changes nothing.

    Raises `CannotMove` with the reason. `restart`: it may be stopped for that, and started there again.
    """
    _check(instance, target, restart=restart)
    if instance.move and target is not None and instance.move["target"] == target.id:
        return
    source = await get_node(session, instance.node_id or "")
    if moving.step_of(instance) == moving.CARRIED and instance.node_id is None:
        chosen = await _choose(session, instance, target, presence)
        moving.note_move(instance, target=chosen.id)
    else:
        _check_source(instance, source, target)
        chosen = await _choose(session, instance, target, presence)
        moving.begin(instance, chosen.id, at=now)
    message = f"{actor.name} asked {instance.name} to move to {chosen.name}."
    note(session, instance, "move_requested", message, actor=actor, now=now, after={"node": chosen.name})
    await settle_now(session, instance, now)


async def call_off(session: AsyncSession, instance: Instance, *, actor: Actor, now: datetime) -> None:
    """It stays, or goes back to where it came from. Raises `NotMoving`."""
    step = moving.step_of(instance)
    if not step or step == moving.HOME:
        raise NotMoving(instance=instance.name)
    if step == moving.CARRIED and await get_node(session, (instance.move or {})["source"]) is None:
        remedy = f"Name another node: `hytopus instance move {instance.name} --to NODE`."
        raise CannotMove(instance=instance.name, why="the node it came from is gone", why_code="gone", remedy=remedy)
    message = f"{actor.name} called off the move of {instance.name}."
    note(session, instance, "move_cancelled", message, actor=actor, now=now)
    await moving.call_off(session, instance, at=now, why=f"{actor.name} asked for it.", actor=actor)
    await settle_now(session, instance, now)


def _check(instance: Instance, target: Node | None, *, restart: bool) -> None:
    if instance.wanted is Wanted.DESTROYED:
        raise InstanceDestroyed(instance=instance.name)
    if target is not None and instance.pinned_node not in (None, target.id):
        why = f"it was created for one node only, which is not {target.name}"
        raise CannotMove(
            instance=instance.name, why=why, why_code="pinned", remedy="Create it anew without naming a node."
        )
    if instance.state in _RUNNING and not restart and moving.step_of(instance) == "":
        remedy = "Stop it first, or say that it may be restarted (`--restart`)."
        state = instance.state.value
        raise CannotMove(instance=instance.name, why=f"it is {state}", why_code="state", state=state, remedy=remedy)
    if moving.step_of(instance) in (moving.LEAVE, moving.PACK, moving.HOME):
        remedy = f"Wait, or call that off: `hytopus instance move {instance.name} --cancel`."
        raise CannotMove(instance=instance.name, why="it is being moved already", why_code="moving", remedy=remedy)


def _check_source(instance: Instance, source: Node | None, target: Node | None) -> None:
    if source is None:
        remedy = f"`hytopus instance explain {instance.name}` says why it has no node."
        raise CannotMove(instance=instance.name, why="it is on no node yet", why_code="unplaced", remedy=remedy)
    if target is not None and target.id == source.id:
        why, remedy = f"it is on {target.name} already", "Name another node."
        raise CannotMove(instance=instance.name, why=why, why_code="there", node=target.name, remedy=remedy)
    if source.state is not NodeState.ONLINE or instance.state is State.LOST:
        remedy = "Wait for its node, or declare that lost (`hytopus node lost`)."
        why = f"its node {source.name} does not answer"
        raise CannotMove(instance=instance.name, why=why, why_code="silent", node=source.name, remedy=remedy)


async def _choose(session: AsyncSession, instance: Instance, target: Node | None, presence: Presence) -> Node:
    demand = replace(demand_of(instance), resident="", pinned_node=target.id if target else instance.pinned_node or "")
    nodes = {node.id: node for node in await nodes_with_room(session) if node.id != instance.node_id}
    rooms = await rooms_of(session, list(nodes.values()), presence)
    placed = place_one(demand, rooms)
    if isinstance(placed, Placed):
        return nodes[placed.node_id]
    mine = [room for room in rooms if target is None or room.node_id == target.id]
    why = summary(explain(demand, mine)).rstrip(".")
    why, remedy = why[:1].lower() + why[1:], "Make room, or name another node."
    raise CannotMove(instance=instance.name, why=why, why_code="room", remedy=remedy)
