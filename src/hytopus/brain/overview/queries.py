"""Counting what there is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from hytopus.brain.instances import queries as instances
from hytopus.brain.instances.models import Instance
from hytopus.brain.instances.states import State, Wanted
from hytopus.brain.nodes import queries as nodes
from hytopus.brain.nodes.models import Node
from hytopus.brain.nodes.states import NodeState
from hytopus.brain.templates import queries as templates


@dataclass(frozen=True, slots=True)
class Overview:
    """The Brain's numbers at one moment."""

    nodes: list[Node]
    nodes_by_state: Mapping[NodeState, int]
    instances_by_state: Mapping[State, int]
    instances_by_node: Mapping[str, Mapping[State, int]]
    templates: int
    template_versions: int


async def waiting_since(session: AsyncSession) -> list[datetime]:
    """Since when instances that are to run have waited for a node."""
    waiting = select(Instance.state_since).where(Instance.state == State.REQUESTED, Instance.wanted == Wanted.RUNNING)
    return list(await session.scalars(waiting))


async def over_disk(session: AsyncSession) -> int:
    """How many instances take more disk than is reserved for them."""
    over = select(func.count()).where(Instance.disk_over_since.is_not(None), Instance.state != State.DESTROYED)
    return await session.scalar(over) or 0


async def overview(session: AsyncSession) -> Overview:
    template_count, version_count = await templates.count_all(session)
    return Overview(
        nodes=await nodes.all_nodes(session),
        nodes_by_state=await nodes.count_by_state(session),
        instances_by_state=await instances.count_by_state(session),
        instances_by_node=await instances.count_by_node(session),
        templates=template_count,
        template_versions=version_count,
    )
