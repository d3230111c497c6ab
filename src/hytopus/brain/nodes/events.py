"""Events about nodes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy.ext.asyncio import AsyncSession

from hytopus.brain.activity.actor import SYSTEM, Actor
from hytopus.brain.activity.commands import record

if TYPE_CHECKING:
    from hytopus.brain.nodes.models import Node


def tell(
    session: AsyncSession,
    node: Node,
    kind: str,
    message: str,
    *,
    at: datetime,
    actor: Actor = SYSTEM,
    data: Mapping[str, Any] | None = None,
) -> None:
    """Append an event about a node. It carries the node's name, for the time when there is no such node any more."""
    told = {"name": node.name, **(data or {})}
    record(session, kind, subject=("node", node.id), message=message, at=at, actor=actor, data=told)
