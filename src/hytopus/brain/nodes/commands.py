"""Changing nodes: joining, sessions, and what operators decide about them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from hytopus.brain.activity.actor import SYSTEM, Actor
from hytopus.brain.activity.commands import audit
from hytopus.brain.db.scope import EVERYTHING
from hytopus.brain.db.signals import signal
from hytopus.brain.nodes.errors import BadNodeName, NodeIdentityInUse, NodeNameTaken, NodeNotOffline
from hytopus.brain.nodes.events import tell
from hytopus.brain.nodes.models import Node, NodeFindings
from hytopus.brain.nodes.queries import get
from hytopus.brain.nodes.sessions import forget, is_current
from hytopus.brain.nodes.states import NodeState, advance
from hytopus.kit.ids import is_name
from hytopus.wire.messages import RegisterNode

OVERRIDABLE: Final = ("region", "tags", "environment", "address", "slots")
PLACING: Final = ("region", "tags")
"""Which scopes it lies in and what is placed on it: a node says so once, when it joins, and is not believed later."""
_MEASURED: Final = ("cpus", "memory_mb", "disk_mb", "port_first", "port_last", "leases")


async def join(session: AsyncSession, name: str, *, at: datetime, actor: Actor = SYSTEM, address: str = "") -> Node:
    """A new machine becomes a node; it is offline until its first session. `address` is where it called from."""
    await _check_name(session, name)
    node = Node(name=name, state=NodeState.OFFLINE, state_since=at, joined_at=at, tags=[], facts={}, overrides={})
    session.add(node)
    await session.flush()
    tell(session, node, "node.joined", f"Node {name} joined.", at=at, actor=actor, data={"from": address})
    return node


async def register(session: AsyncSession, node: Node, message: RegisterNode, *, at: datetime) -> None:
    """A session begins: take over what the node says of itself. Raises `NodeIdentityInUse`.

    The first session binds the identity to its agent; another machine that shows it later is refused. Region and tags
    count as the first session has them. A node that comes back with others stays where it is until an operator says
    otherwise, for whoever broke into it must not move it to where more is to be had.
    """
    if node.agent_id and node.agent_id != message.agent_id:
        raise NodeIdentityInUse(node=node.name)
    node.agent_id = message.agent_id
    before, node.facts = node.facts, asdict(message.facts)
    node.last_seen = at
    apply_facts(node, believed=() if before else PLACING)
    if before:
        _tell_of_claims(session, node, before, at)
    _take_back(session, node, at)
    advance(session, node, NodeState.ONLINE, at=at)
    signal(session, "node", node.id)
    signal(session, "placement")


def claims(node: Node) -> dict[str, Any]:
    """Region and tags the node says it has, where others count and no operator has decided."""
    return {
        key: node.facts[key]
        for key in PLACING
        if key in node.facts and key not in node.overrides and _differ(node.facts[key], getattr(node, key))
    }


def _tell_of_claims(session: AsyncSession, node: Node, before: Mapping[str, Any], at: datetime) -> None:
    """Once for each: it may come back again and again."""
    new = {key: value for key, value in claims(node).items() if _differ(value, before.get(key, value))}
    if not new:
        return
    said = " and ".join(f"the {key} {shown(value)}" for key, value in new.items())
    message = f"Node {node.name} says that it has {said}; that was not followed."
    tell(session, node, "node.claimed_another_place", message, at=at, data=new)


def _differ(one: Any, other: Any) -> bool:
    return shown(one) != shown(other)


def shown(value: Any) -> str:
    """A region or tags, for a person."""
    return (", ".join(sorted(value)) if isinstance(value, tuple | list) else str(value)) or "none"


def _take_back(session: AsyncSession, node: Node, at: datetime) -> None:
    """It was declared lost, and here it is."""
    if node.lost_at is None:
        return
    message = f"Node {node.name} was declared lost and is back; what was replaced meanwhile is cleaned up there."
    tell(session, node, "node.returned", message, at=at)
    node.lost_at, node.off = None, False


async def disconnected(session: AsyncSession, node_id: str, *, session_id: str, at: datetime) -> None:
    """That session of it has ended; if it does not come back in time, it counts as offline."""
    node = await get(session, node_id, lock=True)
    if node is None or node.state is not NodeState.ONLINE or not await is_current(session, node_id, session_id):
        return
    node.last_seen = at
    advance(session, node, NodeState.SUSPECT, at=at)


def cordon(session: AsyncSession, node: Node, *, actor: Actor, at: datetime) -> None:
    """Place nothing new on it; what it holds goes on and may be started again."""
    _decide(session, node, "node.cordoned", f"Node {node.name} was cordoned.", actor, at, cordoned=True)


def uncordon(session: AsyncSession, node: Node, *, actor: Actor, at: datetime) -> None:
    _decide(session, node, "node.uncordoned", f"Node {node.name} was uncordoned.", actor, at, cordoned=False)


def drain(
    session: AsyncSession,
    node: Node,
    *,
    deadline: timedelta,
    force: bool = False,
    move: bool = False,
    actor: Actor,
    at: datetime,
) -> None:
    """Empty it of running servers: each is stopped gracefully, and killed at the deadline; at once with `force`.

    Instances stay wanted as they were: those without a world go to another node, those with one start again when the
    drain is lifted; with `move` they are moved elsewhere as far as there is room.
    """
    _decide(
        session,
        node,
        "node.drain_began",
        f"Node {node.name} is being drained until {at + deadline:%H:%M:%S} UTC.",
        actor,
        at,
        draining=True,
        drain_deadline=at if force else at + deadline,
        drain_force=force,
        drain_move=move,
    )


def undrain(session: AsyncSession, node: Node, *, actor: Actor, at: datetime) -> None:
    _decide(
        session,
        node,
        "node.drain_ended",
        f"The drain of node {node.name} was lifted.",
        actor,
        at,
        draining=False,
        drain_deadline=None,
        drain_force=False,
        drain_move=False,
    )


def declare_lost(session: AsyncSession, node: Node, *, off: bool, actor: Actor, at: datetime) -> None:
    """It will not come back soon: let what may be replaced be replaced. Raises `NodeNotOffline`.

    `off`: somebody has seen to it that the machine is off, so that there is nothing to wait for. Said again, it can
    only become more certain; the time runs from the first time.
    """
    if node.state is not NodeState.OFFLINE:
        raise NodeNotOffline(node=node.name, state=node.state.value)
    how = " Somebody has seen to it that the machine is off." if off else ""
    message = f"{actor.name} declared node {node.name} lost.{how}"
    values = {"lost_at": node.lost_at or at, "off": node.off or off}
    _decide(session, node, "node.declared_lost", message, actor, at, **values)


def set_dev_mode(session: AsyncSession, node: Node, *, enabled: bool, actor: Actor, at: datetime) -> None:
    """In dev mode a node fetches every template anew, and only instances that ask for a dev node are placed there."""
    verb = "on" if enabled else "off"
    _decide(session, node, f"node.dev_mode_{verb}", f"Dev mode of {node.name} is {verb}.", actor, at, dev_mode=enabled)


async def update(session: AsyncSession, node: Node, changes: dict[str, Any], *, actor: Actor, at: datetime) -> None:
    """Rename it (`name`), or override what it says of itself; None takes the node's own value again."""
    before = {key: getattr(node, key) for key in changes}
    if "name" in changes and changes["name"] != node.name:
        await _check_name(session, changes["name"])
        node.name = changes["name"]
    overrides = dict(node.overrides)
    overrides.update({key: changes[key] for key in OVERRIDABLE if key in changes})
    node.overrides = {key: value for key, value in overrides.items() if value is not None}
    apply_facts(node, believed=changes.keys() & set(PLACING))
    after = {key: getattr(node, key) for key in changes}
    message = f"Node {node.name} was changed: {', '.join(sorted(changes))}."
    tell(session, node, "node.changed", message, at=at, actor=actor, data=after)
    audit(session, actor, "node.update", node.name, at=at, before=before, after=after)
    signal(session, "node", node.id)
    signal(session, "placement")


async def remove(session: AsyncSession, node: Node, *, actor: Actor, at: datetime) -> None:
    """Forget a node that holds nothing any more; its identity is worthless from now on."""
    tell(session, node, "node.removed", f"Node {node.name} was removed.", at=at, actor=actor)
    audit(session, actor, "node.remove", node.name, at=at, before={"id": node.id, "address": node.address})
    await session.delete(node)
    await session.execute(delete(NodeFindings).where(NodeFindings.node_id == node.id))
    await forget(session, node.id)
    signal(session, "node", node.id)
    signal(session, "node_state", node.id)


def apply_facts(node: Node, *, believed: Collection[str]) -> None:
    """Work out what counts: the operator's override, else what the node says; of `PLACING` only what is believed."""
    for key in OVERRIDABLE:
        if key in node.overrides or (key in node.facts and (key not in PLACING or key in believed)):
            value = node.overrides.get(key, node.facts.get(key))
            setattr(node, key, list(value) if isinstance(value, tuple | list) else value)
    for key in _MEASURED:
        if key in node.facts:
            setattr(node, key, node.facts[key])


def _decide(
    session: AsyncSession, node: Node, kind: str, message: str, actor: Actor, at: datetime, **values: Any
) -> None:
    before = {key: str(getattr(node, key)) for key in values}
    for key, value in values.items():
        setattr(node, key, value)
    node.origin = actor.request_id
    after = {key: str(value) for key, value in values.items()}
    if before != after:
        tell(session, node, kind, message, at=at, actor=actor)
    audit(session, actor, kind, node.name, at=at, before=before, after=after)
    signal(session, "node", node.id)
    signal(session, "node_state", node.id)
    signal(session, "placement")


async def _check_name(session: AsyncSession, name: str) -> None:
    if not is_name(name):
        raise BadNodeName(name=name)
    if await session.scalar(select(Node.id).where(Node.name == name), execution_options=EVERYTHING):
        raise NodeNameTaken(name=name)
