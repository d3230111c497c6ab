"""The measurements of a part of the network, for those who may see no more than that.

Numbers about all of it are counted once for everybody, so those of a part are added up from the nodes and instances
that the session sees. What cannot be told apart (start times, API latency, slots, other states) is left out.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import Float, cast, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from hytopus.brain.history.models import InstanceHistory, NodeHistory
from hytopus.brain.history.queries import Point, Window, shown
from hytopus.brain.history.schemas import HistoryOut
from hytopus.brain.history.sums import TENTHS
from hytopus.brain.instances.models import Instance
from hytopus.brain.nodes.models import Node

RUNNING: Final = "instances.running"
SERIES: Final = ("cpu_percent", RUNNING, "memory_percent", "players")


async def part_history(session: AsyncSession, window: Window) -> HistoryOut:
    """Running instances, players and the nodes' load."""
    found: dict[int, dict[str, float]] = {}
    for at, cpu, memory in await session.execute(_of_nodes(window)):
        found[at] = {"cpu_percent": round(cpu, 1), RUNNING: 0, "players": 0}
        if memory is not None:
            found[at]["memory_percent"] = round(min(100.0, memory), 1)
    for at, running, players in await session.execute(_of_instances(window)):
        found.setdefault(at, {}).update({RUNNING: round(running, 1), "players": round(players, 1)})
    points: list[Point] = sorted(found.items())
    return shown(window, SERIES, points)


def _of_nodes(window: Window) -> Any:
    """As many samples as heartbeats: a node counts for as long as it was heard."""
    row, samples = NodeHistory, func.sum(NodeHistory.samples)
    used = func.avg(100.0 * row.memory_used_mb / row.samples / func.nullif(Node.memory_mb, 0))
    return (
        select(row.at, cast(func.sum(row.cpu_percent), Float) / samples / TENTHS, used)
        .join(Node, Node.id == row.node_id)
        .where(row.step == window.step, row.at.in_(window.moments))
        .group_by(row.at)
    )


def _of_instances(window: Window) -> Any:
    """What ran for a part of a span only counts as that part."""
    row = InstanceHistory
    running = cast(func.sum(row.samples), Float) / func.max(row.samples)
    players = cast(func.sum(row.players), Float) / func.max(row.samples)
    return (
        select(row.at, running, players)
        .join(Instance, Instance.id == row.instance_id)
        .where(row.step == window.step, row.at.in_(window.moments))
        .group_by(row.at)
    )
