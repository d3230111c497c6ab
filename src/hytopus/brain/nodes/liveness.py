"""The loop that notices silence: online, then suspect, then offline."""

from __future__ import annotations

from hytopus.brain.brains.fleet import Fleet
from hytopus.brain.db.engine import Database
from hytopus.brain.nodes.presence import Presence
from hytopus.brain.nodes.queries import get, states_of_all
from hytopus.brain.nodes.sessions import look_elsewhere
from hytopus.brain.nodes.settings import NodeSettings
from hytopus.brain.nodes.states import NodeState, advance
from hytopus.kit.clock import Clock
from hytopus.kit.logs import get_logger

log = get_logger(__name__)


async def watch(database: Database, presence: Presence, fleet: Fleet, *, clock: Clock, settings: NodeSettings) -> None:
    """Judge every node's silence now and then, until cancelled."""
    while True:
        await clock.sleep(settings.heartbeat_seconds / 2)
        try:
            await judge_all(database, presence, fleet, clock=clock)
        except Exception:
            log.exception("judging the nodes failed; trying again")


async def judge_all(database: Database, presence: Presence, fleet: Fleet, *, clock: Clock) -> None:
    """One round; the database is written to only when somebody's state changes."""
    async with database.read() as session:
        states = await states_of_all(session)
        elsewhere = await look_elsewhere(session, fleet, clock)
    for node_id, state in states.items():
        presence.elsewhere(node_id, elsewhere.get(node_id))
        if judge(node_id, state, presence) is not state:
            await _apply(database, presence, fleet, node_id, clock)


def judge(node_id: str, state: NodeState, presence: Presence) -> NodeState:
    """The state a node's silence puts it in. Only a new session brings an offline node back.

    A node that is connected to another Brain is that Brain's to judge. When that Brain dies, all the others judge, from
    the moment of its death on.
    """
    if state is NodeState.OFFLINE or presence.is_elsewhere(node_id):
        return state
    silent_s = presence.silent_s(node_id)
    if silent_s >= presence.offline_after_s(node_id):
        return NodeState.SUSPECT if state is NodeState.ONLINE else NodeState.OFFLINE
    if silent_s >= presence.suspect_after_s(node_id):
        return NodeState.SUSPECT
    heard = state is NodeState.ONLINE or presence.is_connected(node_id)
    return NodeState.ONLINE if heard else NodeState.SUSPECT


async def _apply(database: Database, presence: Presence, fleet: Fleet, node_id: str, clock: Clock) -> None:
    async with database.write() as session:
        node = await get(session, node_id, lock=True)
        if node is None:
            return
        # Under the lock that a new session needs, too: it may have found another Brain a moment ago.
        found = await look_elsewhere(session, fleet, clock, node_id=node_id)
        presence.elsewhere(node_id, found.get(node_id))
        if (judged := judge(node.id, node.state, presence)) is node.state:
            return
        node.last_seen = presence.last_seen(node_id)
        advance(session, node, judged, at=clock.now())
