"""What a list shows of each instance, read by one statement.

Lists are long, rows are wide, and whoever looks at a network asks again and again: nothing is loaded but what is shown.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import Row, Select, select

from hytopus.brain.instances.models import Instance, PortLease
from hytopus.brain.instances.schemas import Home, InstanceSummary
from hytopus.brain.nodes.models import Node

_NODES: Final = Node.__table__
_PORTS: Final = PortLease.__table__
"""As tables: the node's name and the address belong to the instance, wherever the node lies for whoever asks."""

_NAME, _ADDRESS = (
    select(column).where(_NODES.c.id == Instance.node_id).scalar_subquery()
    for column in (_NODES.c.name, _NODES.c.address)
)
_FIRST_PORT: Final = (
    select(_PORTS.c.port)
    .where(_PORTS.c.instance_id == Instance.id, _PORTS.c.name == Instance.definition[("ports", 0, "name")].as_string())
    .limit(1)
    .scalar_subquery()
)

LISTED: Final[Select[Any]] = select(
    Instance.id,
    Instance.name,
    Instance.game,
    Instance.state,
    Instance.state_since,
    Instance.wanted,
    Instance.node_id,
    Instance.details,
    Instance.players,
    Instance.started_at,
    Instance.created_at,
    Instance.disk_over_since,
    Instance.problem,
    Instance.attempt,
    Instance.retry_at,
    Instance.setback,
    _NAME.label("node_name"),
    _ADDRESS.label("node_address"),
    _FIRST_PORT.label("first_port"),
)
"""To be narrowed, ordered and cut; each row is for `listed`."""


def listed(row: Row[Any]) -> InstanceSummary:
    if row.node_name is None:
        return InstanceSummary.of(row)
    return InstanceSummary.of(row, Home(row.node_id, row.node_name, row.node_address, row.first_port))
