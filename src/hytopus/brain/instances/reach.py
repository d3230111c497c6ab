"""The part of the world a scope leaves: which instances, nodes and events a session sees."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import with_loader_criteria

from hytopus.brain.activity.models import Event
from hytopus.brain.db.engine import Database
from hytopus.brain.db.scope import Scope, narrow, within
from hytopus.brain.instances.models import Instance
from hytopus.brain.nodes.models import Node


def narrowed(database: Database, scope: Scope) -> Database:
    """The same database, whose sessions see and make nothing outside of the scope."""
    criteria = [
        with_loader_criteria(Instance, within(Instance, scope), include_aliases=True),
        with_loader_criteria(Node, within(Node, scope), include_aliases=True),
        with_loader_criteria(Event, _seen(scope), include_aliases=True),
    ]

    def prepare(session: AsyncSession) -> None:
        narrow(session, scope, criteria)

    return database.prepared(prepare)


async def seen_of(
    database: Database, node_ids: Collection[str], instance_ids: Collection[str]
) -> tuple[set[str], set[str]]:
    """Those of the nodes and instances that the database's sessions see."""
    async with database.read() as session:
        nodes = await session.scalars(select(Node.id).where(Node.id.in_(node_ids)))
        instances = await session.scalars(select(Instance.id).where(Instance.id.in_(instance_ids)))
        return set(nodes), set(instances)


def _seen(scope: Scope) -> ColumnElement[bool]:
    """Events of what is seen, and of templates, which are everybody's."""
    return or_(Event.subject_kind == "template", _of("instance", Instance, scope), _of("node", Node, scope))


def _of(kind: str, model: type[Instance] | type[Node], scope: Scope) -> ColumnElement[bool]:
    seen = select(model.id).where(within(model, scope))
    return and_(Event.subject_kind == kind, Event.subject_id.in_(seen))
