"""What sessions ask of the database all the time, done for many nodes at once.

A thousand nodes that are told something at the same moment would otherwise each read and write for themselves, and
every statement and every commit costs the same for one node as for all.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sqlalchemy.exc import DBAPIError

from hytopus.brain.db.engine import Database
from hytopus.brain.instances.assignments import commands_for
from hytopus.brain.instances.queries import instances_of
from hytopus.brain.instances.reports.observe import observe_together
from hytopus.brain.nodes.models import Node
from hytopus.brain.nodes.sessions import with_session
from hytopus.errors import HytopusError
from hytopus.kit.clock import Clock
from hytopus.wire.messages import InstanceCommand, InstanceReport

REPORTS: Final = 32
"""Nodes whose reports are written down in one transaction."""

Look = tuple[Node | None, str | None, list[InstanceCommand]]
"""The node, the id of its last session, and what it must do; no node where it was removed."""
Reports = tuple[str, Sequence[InstanceReport]]
"""Of one node, by its id, in order."""


async def look_together(database: Database, node_ids: Sequence[str]) -> Sequence[Look | None]:
    """For each of these nodes; None for all where something is wrong with one, and each has to look for itself."""
    try:
        return await look(database, node_ids)
    except (HytopusError, DBAPIError):
        return [None] * len(node_ids)


async def look(database: Database, node_ids: Sequence[str]) -> list[Look]:
    async with database.read() as session:
        found = await with_session(session, set(node_ids))
        commands = await commands_for(session, [node for node, _ in found.values()])
    return [(*found.get(node_id, (None, None)), commands.get(node_id, [])) for node_id in node_ids]


async def placed_on(database: Database, node_ids: Sequence[str]) -> list[frozenset[str]]:
    """The instances that are placed on each of these nodes."""
    async with database.read() as session:
        found = await instances_of(session, node_ids)
    return [frozenset(found.get(node_id, ())) for node_id in node_ids]


async def take_in(database: Database, clock: Clock, batch: Sequence[Reports]) -> list[bool]:
    """Write down what these nodes report. False: this node's reports were not taken in and are to be written alone.

    So it is where somebody else holds one of its instances, because nobody is to wait for that but the node itself; and
    for all of them where one cannot be taken in, because the others must not go down with it.
    """
    try:
        async with database.write() as session:
            return await observe_together(session, batch, at=clock.now())
    except (HytopusError, DBAPIError):
        return [False] * len(batch)
