"""Routes of nodes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated

from fastapi import Depends, Query
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from hytopus.brain.accounts.dependencies import ActorDep
from hytopus.brain.activity.actor import Actor
from hytopus.brain.activity.commands import audit
from hytopus.brain.http.dependencies import ClockDep, DatabaseDep, ReadDep, WriteDep
from hytopus.brain.http.paging import Page, PageDep
from hytopus.brain.http.problems import problems
from hytopus.brain.http.routing import feature_router
from hytopus.brain.instances.queries import count_by_node
from hytopus.brain.instances.relocating.evacuation import drain_progress
from hytopus.brain.instances.relocating.evacuation import remove_node as remove
from hytopus.brain.instances.scheduling.rooms import rooms_of
from hytopus.brain.nodes import commands
from hytopus.brain.nodes.answers import understood
from hytopus.brain.nodes.errors import BadNodeName, NodeNameTaken, NodeNotEmpty, NodeNotFound, NodeNotOffline
from hytopus.brain.nodes.events import tell
from hytopus.brain.nodes.models import Node
from hytopus.brain.nodes.presence import Presence
from hytopus.brain.nodes.queries import find
from hytopus.brain.nodes.remote import PresenceDep, SessionsDep, ask
from hytopus.brain.nodes.schemas import (
    CacheOut,
    DevMode,
    DrainNode,
    DrainProgress,
    LoseNode,
    NodeOut,
    PurgeNode,
    PurgeOut,
    UpdateNode,
)
from hytopus.brain.nodes.states import NodeState

router = feature_router("nodes")


@dataclass(frozen=True, slots=True)
class Target:
    """A locked node in the request's one transaction, who wants something of it, and when."""

    row: Node
    session: AsyncSession
    actor: Actor
    now: datetime
    presence: Presence


async def _target(node: str, session: WriteDep, presence: PresenceDep, actor: ActorDep, clock: ClockDep) -> Target:
    return Target(await find(session, node, lock=True), session, actor, clock.now(), presence)


TargetDep = Annotated[Target, Depends(_target)]
"""By name or id, from the path's `{node}`; raises `NodeNotFound`."""


@router.get("/nodes")
async def list_nodes(
    session: ReadDep,
    page: PageDep,
    presence: PresenceDep,
    state: NodeState | None = None,
    text: Annotated[str | None, Query(max_length=200, description="In the name or the region.")] = None,
) -> Page[NodeOut]:
    """Nodes by name, each with its load and what is reserved of it."""
    statement = select(Node)
    if state is not None:
        statement = statement.where(Node.state == state)
    if text:
        statement = statement.where(
            Node.name.icontains(text, autoescape=True) | Node.region.icontains(text, autoescape=True)
        )
    rows, next_cursor = await page.keyset(session, statement, Node.name)
    return Page(items=await _shown(session, rows, presence), next_cursor=next_cursor)


@router.get("/nodes/{node}", responses=problems(NodeNotFound))
async def get_node(node: str, session: ReadDep, presence: PresenceDep) -> NodeOut:
    """One node, by name or id."""
    return await _one(session, await find(session, node), presence)


@router.patch("/nodes/{node}", responses=problems(NodeNotFound, NodeNameTaken, BadNodeName))
async def change_node(body: UpdateNode, target: TargetDep) -> NodeOut:
    """Rename it, or override what it says of itself."""
    changes = body.model_dump(exclude_unset=True)
    if changes.get("name", "") is None:
        del changes["name"]
    await commands.update(target.session, target.row, changes, actor=target.actor, at=target.now)
    return await _one(target.session, target.row, target.presence)


@router.post("/nodes/{node}/cordon", status_code=202, responses=problems(NodeNotFound))
async def cordon_node(target: TargetDep) -> NodeOut:
    """Place nothing new on it."""
    commands.cordon(target.session, target.row, actor=target.actor, at=target.now)
    return await _one(target.session, target.row, target.presence)


@router.post("/nodes/{node}/uncordon", status_code=202, responses=problems(NodeNotFound))
async def uncordon_node(target: TargetDep) -> NodeOut:
    """Let it take instances again."""
    commands.uncordon(target.session, target.row, actor=target.actor, at=target.now)
    return await _one(target.session, target.row, target.presence)


@router.post("/nodes/{node}/drain", status_code=202, responses=problems(NodeNotFound))
async def drain_node(body: DrainNode, target: TargetDep) -> NodeOut:
    """Stop everything on it gracefully, and place nothing new. `drain` shows how far that is."""
    deadline = timedelta(seconds=body.deadline_s)
    commands.drain(
        target.session,
        target.row,
        deadline=deadline,
        force=body.force,
        move=body.move,
        actor=target.actor,
        at=target.now,
    )
    return await _one(target.session, target.row, target.presence)


@router.post("/nodes/{node}/undrain", status_code=202, responses=problems(NodeNotFound))
async def undrain_node(target: TargetDep) -> NodeOut:
    """Lift the drain; what is wanted running there starts again."""
    commands.undrain(target.session, target.row, actor=target.actor, at=target.now)
    return await _one(target.session, target.row, target.presence)


@router.post("/nodes/{node}/lost", status_code=202, responses=problems(NodeNotFound, NodeNotOffline))
async def declare_node_lost(body: LoseNode, target: TargetDep) -> NodeOut:
    """It will not come back soon: what may be replaced is started elsewhere as soon as that cannot double it."""
    commands.declare_lost(target.session, target.row, off=body.off, actor=target.actor, at=target.now)
    return await _one(target.session, target.row, target.presence)


@router.post("/nodes/{node}/dev-mode", status_code=202, responses=problems(NodeNotFound))
async def set_dev_mode(body: DevMode, target: TargetDep) -> NodeOut:
    """In dev mode a node ignores its template cache, and takes only instances that ask for a dev node."""
    commands.set_dev_mode(target.session, target.row, enabled=body.enabled, actor=target.actor, at=target.now)
    return await _one(target.session, target.row, target.presence)


@router.get("/nodes/{node}/cache", responses=problems(NodeNotFound))
async def get_node_cache(node: str, database: DatabaseDep, sessions: SessionsDep) -> CacheOut:
    """What its template cache holds. Asks the node."""
    async with database.read() as session:
        row = await find(session, node)
    found = await ask(sessions, CacheOut, row.id, "cache")
    return CacheOut(templates=sorted(found.templates, key=lambda each: (-each.bytes, each.template_id, each.version)))


@router.post("/nodes/{node}/purge", responses=problems(NodeNotFound))
async def purge_node(
    node: str, body: PurgeNode, database: DatabaseDep, sessions: SessionsDep, actor: ActorDep, clock: ClockDep
) -> PurgeOut:
    """Empty its template cache, and wait until that is done. Running instances are not touched."""
    async with database.read() as session:
        row = await find(session, node)
    done = await sessions.purge(row.id, template_id=body.template_id or "", version=body.version or "")
    result = understood(PurgeOut, done, node_id=row.id, what="purge_cache")
    what = "@".join(filter(None, (body.template_id, body.version))) or "everything"
    async with database.write() as session:
        message = f"The template cache of {row.name} was purged of {what}: {result.freed_bytes} bytes freed."
        tell(session, row, "node.cache_purged", message, at=clock.now(), actor=actor)
        audit(session, actor, "node.purge", row.name, at=clock.now(), after={"what": what, **result.model_dump()})
    return result


@router.delete("/nodes/{node}", status_code=204, responses=problems(NodeNotFound, NodeNotEmpty))
async def remove_node(
    node: str,
    database: DatabaseDep,
    presence: PresenceDep,
    sessions: SessionsDep,
    actor: ActorDep,
    clock: ClockDep,
    force: Annotated[bool, Query(description="Also when it holds instances: they are given up.")] = False,
) -> None:
    """Forget a node. Its identity is worthless afterwards; to come back it must join again."""
    async with database.write() as session:
        row = await find(session, node, lock=True)
        await remove(session, row, force=force, actor=actor, at=clock.now())
    presence.forget(row.id)
    await sessions.disconnect(row.id)


async def _one(session: AsyncSession, node: Node, presence: Presence) -> NodeOut:
    return (await _shown(session, [node], presence))[0]


async def _shown(session: AsyncSession, nodes: Sequence[Node], presence: Presence) -> list[NodeOut]:
    counts = await count_by_node(session)
    drains = await drain_progress(session, [node.id for node in nodes if node.draining])
    rooms = await rooms_of(session, nodes, presence)
    return [
        NodeOut.of(
            node,
            room,
            instances={state.value: count for state, count in counts.get(node.id, {}).items()},
            drain=drains.get(node.id, DrainProgress()),
            presence=presence,
        )
        for node, room in zip(nodes, rooms, strict=True)
    ]
