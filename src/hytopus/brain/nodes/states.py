"""Life of a node's connection.

```
            silent, or its link broke           silent for longer
  ONLINE ──────────────────────────▶ SUSPECT ────────────────────▶ OFFLINE
    ▲ ◀─────────────────────────────────┘ heard again                 │
    └───────────────────────── registered again ─────────────────────┘
```
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from sqlalchemy.ext.asyncio import AsyncSession

from hytopus.brain.db.signals import signal
from hytopus.brain.nodes.events import tell
from hytopus.kit.logs import get_logger

if TYPE_CHECKING:
    from hytopus.brain.nodes.models import Node

log = get_logger(__name__)


class NodeState(StrEnum):
    ONLINE = "online"
    SUSPECT = "suspect"
    """Silent for a moment: what runs there counts as running, nothing new is placed."""
    OFFLINE = "offline"


TRANSITIONS: Final[Mapping[NodeState, frozenset[NodeState]]] = {
    NodeState.ONLINE: frozenset({NodeState.SUSPECT}),
    NodeState.SUSPECT: frozenset({NodeState.ONLINE, NodeState.OFFLINE}),
    NodeState.OFFLINE: frozenset({NodeState.ONLINE}),
}

_EVENTS: Final[Mapping[NodeState, tuple[str, str]]] = {
    NodeState.ONLINE: ("node.came_online", "Node {name} is online."),
    NodeState.SUSPECT: ("node.fell_silent", "Node {name} has fallen silent; nothing new is placed on it."),
    NodeState.OFFLINE: ("node.went_offline", "Node {name} is offline."),
}


def advance(session: AsyncSession, node: Node, to: NodeState, *, at: datetime) -> None:
    """Move a node to another state. The only writer of `Node.state`; staying where it is does nothing."""
    if to is node.state:
        return
    if to not in TRANSITIONS[node.state]:
        raise ValueError(f"node {node.name}: {node.state} -> {to}")
    kind, text = _EVENTS[to]
    tell(session, node, kind, text.format(name=node.name), at=at)
    log.info("node state changed", node=node.name, old=node.state.value, new=to.value)
    node.state, node.state_since = to, at
    signal(session, "node_state", node.id)
    if to is NodeState.OFFLINE:
        signal(session, "node", node.id)  # for a session that stands all the same
    if to is NodeState.ONLINE:
        signal(session, "placement")
