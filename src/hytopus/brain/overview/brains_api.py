"""The route that lists the Brains."""

from __future__ import annotations

from datetime import datetime

from fastapi import Request
from sqlalchemy import func, select

from hytopus.brain.brains.fleet import is_alive
from hytopus.brain.brains.models import Brain
from hytopus.brain.db.time import database_now
from hytopus.brain.http.dependencies import ClockDep, ReadDep
from hytopus.brain.http.paging import Page
from hytopus.brain.http.routing import feature_router
from hytopus.brain.http.schemas import Output
from hytopus.brain.nodes.models import Node, NodeSession
from hytopus.brain.nodes.states import NodeState

router = feature_router("overview")


class BrainOut(Output):
    """One run of a Brain on this database. Those that ended stay in the list for an hour."""

    id: str
    name: str
    session_address: str
    """Where nodes and the other Brains reach it."""
    release: str
    protocol: int
    alive: bool
    here: bool
    """It is the one that answers."""
    nodes: int
    """Nodes that are connected to it and online."""
    started_at: datetime
    heard_at: datetime
    """Its last sign of life, by the database's clock."""
    stopped_at: datetime | None
    """When it was stopped in order."""


@router.get("/brains")
async def list_brains(request: Request, session: ReadDep, clock: ClockDep) -> Page[BrainOut]:
    """The Brains that run side by side, the oldest first."""
    here = request.app.state.gateway.fleet.id
    now = await database_now(session, clock)
    counted = await session.execute(
        select(NodeSession.brain_id, func.count())
        .join(Node, Node.id == NodeSession.node_id)
        .where(Node.state == NodeState.ONLINE)
        .group_by(NodeSession.brain_id)
    )
    nodes: dict[str, int] = {brain_id: count for brain_id, count in counted}  # noqa: C416 - rows are no tuples to dict()
    rows = await session.scalars(select(Brain).order_by(Brain.started_at, Brain.id))
    return Page(items=[_shown(row, here, now, nodes) for row in rows])


def _shown(row: Brain, here: str, now: datetime, nodes: dict[str, int]) -> BrainOut:
    alive = row.id == here or is_alive(row, now)
    return BrainOut(
        id=row.id,
        name=row.name,
        session_address=row.session_address,
        release=row.release,
        protocol=row.protocol,
        alive=alive,
        here=row.id == here,
        nodes=nodes.get(row.id, 0) if alive else 0,
        started_at=row.started_at,
        heard_at=row.heard_at,
        stopped_at=row.stopped_at,
    )
