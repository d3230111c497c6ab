"""The node's end of a session that the gateway serves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from hytopus.brain.gateway.gateway import Gateway, Peer
from hytopus.brain.gateway.session import serve
from hytopus.wire.channel import NodeChannel
from hytopus.wire.memory import Faults, memory_pair
from hytopus.wire.messages import (
    BrainMessage,
    NodeFacts,
    RegisterNode,
)
from hytopus.wire.version import PROTOCOL
from tests.harness.database import sqlite as sqlite

NODE = "node-1"
HELLO = RegisterNode(PROTOCOL, "agent", NodeFacts(slots=8))


@asynccontextmanager
async def node_of(gateway: Gateway, faults: Faults | None = None, node_id: str = NODE) -> AsyncIterator[NodeChannel]:
    """The node's end of a session that the gateway serves."""
    node, brain = memory_pair(gateway.clock, faults=faults)
    serving = asyncio.ensure_future(serve(brain, Peer(node_id), gateway))
    try:
        yield node
    finally:
        await node.close()
        await asyncio.wait_for(serving, 5)


async def receive(channel: NodeChannel, kind: type[BrainMessage]) -> BrainMessage:
    """The next message of a kind; others are passed over."""
    while (message := await asyncio.wait_for(channel.receive(), 5)) is not None:
        if isinstance(message, kind):
            return message
    raise AssertionError(f"the session ended without a {kind}")
