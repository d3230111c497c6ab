"""Which node is asked, and for how long."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import String, cast, select
from sqlalchemy.ext.asyncio import AsyncSession

from hytopus.brain.files.errors import NoNodeToAsk
from hytopus.brain.instances.models import Instance
from hytopus.brain.instances.states import State
from hytopus.brain.nodes.models import Node
from hytopus.brain.nodes.queries import all_nodes
from hytopus.brain.nodes.remote import NodeSessions
from hytopus.storage.base import ObjectStore

LOOK_S: Final = 30.0
"""For what lies on the node already."""
FETCH_S: Final = 120.0
"""For what it may have to fetch first; it goes on fetching for whoever asks next."""
_URL_S: Final = 3600
_USERS: Final = 50


async def node_for(session: AsyncSession, sessions: NodeSessions, layers: Sequence[Mapping[str, Any]]) -> Node:
    """A connected node, rather one that has the bottom layer; the same for the same layer. Raises `NoNodeToAsk`."""
    nodes = [node for node in await all_nodes(session) if sessions.online(node.id)]
    if not nodes:
        raise NoNodeToAsk
    bottom = layers[0]
    using = await _users(session, bottom)
    return min(nodes, key=lambda node: (node.id not in using, _rank(node, bottom)))


async def signed(store: ObjectStore, layers: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Locked layers as a node takes them: each with a URL for exactly its object."""
    return [
        {
            "template_id": layer["template_id"],
            "version": layer["version"],
            "checksum": layer["checksum"],
            "size": layer["size"],
            "url": await store.presign_get(layer["s3_key"], expires_s=_URL_S),
        }
        for layer in layers
    ]


async def _users(session: AsyncSession, layer: Mapping[str, Any]) -> set[str | None]:
    locked = f'"template_id": "{layer["template_id"]}", "version": "{layer["version"]}"'
    using = select(Instance.node_id).where(
        Instance.state != State.DESTROYED, cast(Instance.layers, String).contains(locked, autoescape=True)
    )
    return set(await session.scalars(using.limit(_USERS)))


def _rank(node: Node, layer: Mapping[str, Any]) -> bytes:
    return hashlib.sha256(f"{node.id} {layer['template_id']}".encode()).digest()
