"""A node comes back to a Brain that came back from a backup: it is asked what happened in between."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from sqlalchemy.ext.asyncio import AsyncSession

from hytopus.brain.gateway.bounds import bounded
from hytopus.brain.gateway.errors import NodeProblem, NodeTimeout
from hytopus.brain.gateway.gateway import Gateway, Peer
from hytopus.brain.gateway.registry import LiveSession
from hytopus.brain.instances.reports.inventory import register_node, tell_of_unknown
from hytopus.brain.instances.reports.recollection import Recollection
from hytopus.brain.instances.reports.relearn import relearn
from hytopus.brain.nodes import queries as node_queries
from hytopus.brain.nodes.answers import understood
from hytopus.brain.nodes.commands import register
from hytopus.brain.nodes.errors import NodeAnswerUnusable, NodeNotFound
from hytopus.brain.nodes.models import Node
from hytopus.brain.nodes.restored import readmit
from hytopus.kit.logs import get_logger
from hytopus.kit.waiting import within
from hytopus.wire.messages import Ask, RegisterNode

PATIENCE_S: Final = 60.0

log = get_logger(__name__)


async def is_to_recall(gateway: Gateway, peer: Peer) -> bool:
    """Whether this node knows better. One without a row joined after the backup: its certificate was checked."""
    async with gateway.database.read() as reading:
        node = await node_queries.get(reading, peer.node_id)
    return node.relearn if node is not None else peer.identity is not None


async def welcome_back(session: AsyncSession, peer: Peer, message: RegisterNode, *, at: datetime) -> Node:
    """Its session begins; of its inventory nothing is believed yet. Raises `NodeNotFound`, `NodeIdentityInUse`."""
    node = await node_queries.get(session, peer.node_id, lock=True)
    if node is None and peer.identity is not None:
        name = peer.identity.name or message.facts.hostname
        node = await readmit(session, peer.node_id, name, message.facts, at=at)
    if node is None:
        raise NodeNotFound(node=peer.node_id, hint="")
    await register(session, node, message, at=at)
    return node


async def recall(live: LiveSession, gateway: Gateway, opening: RegisterNode) -> None:
    """Ask, and write it down; nothing to do for nodes that were not forgotten. Raises what ends the session."""
    async with gateway.database.read() as reading:
        node = await node_queries.get(reading, live.node_id)
    if node is None or not node.relearn:
        return
    told = await _ask(live, gateway)
    async with gateway.database.write() as writing:
        at = gateway.clock.now()
        row = await node_queries.get(writing, live.node_id, lock=True)
        if row is None:
            return
        if told is None:
            await register_node(writing, row.id, opening, at=at)
            row.relearn = False
            return
        unknown = await relearn(writing, row, told, at=at)
        standing = {memory.report.instance_id: memory.report for memory in told.instances}
        for instance_id in unknown:
            await tell_of_unknown(writing, row, standing[instance_id], at=at)
    log.info("learned from a node", node=row.name, instances=len(told.instances), destroyed=len(told.destroyed))


async def _ask(live: LiveSession, gateway: Gateway) -> Recollection | None:
    """None for an agent of a release that keeps no records."""
    try:
        asked = live.ask("recall", lambda number: Ask(number, "recall", "", "{}"))
        body = await within(gateway.clock, PATIENCE_S, asked)
        return _sized(understood(Recollection, body, node_id=live.node_id, what="recall"))
    except TimeoutError as error:
        raise NodeTimeout(node=live.node_id, what="recall", seconds=PATIENCE_S) from error
    except (NodeProblem, NodeAnswerUnusable) as error:
        log.warning("a node cannot say what happened since the backup", node=live.node_id, why=str(error))
        return None


def _sized(told: Recollection) -> Recollection:
    for memory in told.instances:
        memory.report = bounded(memory.report)
    return told
