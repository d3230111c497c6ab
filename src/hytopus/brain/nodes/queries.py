"""Looking nodes up."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from sqlalchemy import Select, bindparam, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import defer

from hytopus.brain.db.nearest import as_hint, nearest
from hytopus.brain.db.scope import EVERYTHING
from hytopus.brain.nodes.errors import NodeNotFound
from hytopus.brain.nodes.models import Node
from hytopus.brain.nodes.states import NodeState

_BY_ID: Final = select(Node).where(Node.id == bindparam("id"))
_LOCKED: Final = _BY_ID.with_for_update()
_STATES: Final = select(Node.id, Node.state).order_by(Node.id)
_LOST: Final = select(Node.lost_at).where(Node.id == bindparam("id"))


async def get(session: AsyncSession, node_id: str, *, lock: bool = False) -> Node | None:
    """By id, whoever asks; None when there is none, or it was removed. `lock` for whoever is going to change it."""
    wanted = _LOCKED if lock else _BY_ID
    node: Node | None = await session.scalar(wanted, {"id": node_id}, execution_options=EVERYTHING)
    return node


async def find(session: AsyncSession, reference: str, *, lock: bool = False) -> Node:
    """By id or name; raises `NodeNotFound`, with the nearest names."""
    wanted = select(Node).where(or_(Node.id == reference, Node.name == reference)).order_by(Node.name == reference)
    node: Node | None = await session.scalar(_locked(wanted.limit(1), lock))
    if node is None:
        raise NodeNotFound(node=reference, hint=as_hint(await nearest(session, Node.name, reference)))
    return node


async def is_lost(session: AsyncSession, node_id: str) -> bool:
    """Whether it was declared lost, or is no node any more: whoever asks must grant it nothing."""
    found = await session.execute(_LOST, {"id": node_id})
    row = found.one_or_none()
    return row is None or row[0] is not None


async def all_nodes(session: AsyncSession) -> list[Node]:
    """Every node, by name."""
    return list(await session.scalars(select(Node).order_by(Node.name)))


async def nodes_with_room(
    session: AsyncSession, node_ids: Collection[str] | None = None, *, lock: bool = False
) -> list[Node]:
    """What placement needs of every node, or of some of them: without what each says of itself at length."""
    statement = select(Node).options(defer(Node.facts, raiseload=True), defer(Node.overrides, raiseload=True))
    if node_ids is not None:
        statement = statement.where(Node.id.in_(node_ids))
    return list(await session.scalars(_locked(statement.order_by(Node.id), lock)))


async def states_of_all(session: AsyncSession) -> dict[str, NodeState]:
    """The state of every node, by id, in order: nothing else is looked at so often."""
    return {node_id: state for node_id, state in await session.execute(_STATES)}  # noqa: C416 - rows are not tuples


async def count_by_state(session: AsyncSession) -> dict[NodeState, int]:
    """How many nodes are in each state; every state is there."""
    rows = await session.execute(select(Node.state, func.count()).group_by(Node.state))
    counted = {state: count for state, count in rows}  # noqa: C416 - rows are not tuples to dict()
    return {state: counted.get(state, 0) for state in NodeState}


def _locked(statement: Select[Node], lock: bool) -> Select[Node]:
    return statement.with_for_update() if lock else statement


def drain_of(node: Node | None) -> str:
    """Id of the API request by which this node is being drained: what happens to its instances goes back to it."""
    return node.origin if node is not None and node.draining else ""
