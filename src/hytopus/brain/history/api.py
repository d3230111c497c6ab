"""Routes of the measurements."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import Depends, Query, Request

from hytopus.brain.history import queries
from hytopus.brain.history.part import part_history
from hytopus.brain.history.queries import Window
from hytopus.brain.history.recorder import Recorder
from hytopus.brain.history.schemas import HistoryOut, Range
from hytopus.brain.http.dependencies import ClockDep, DatabaseDep, ReadDep
from hytopus.brain.http.edge import edge_of
from hytopus.brain.http.problems import problems
from hytopus.brain.http.routing import feature_router
from hytopus.brain.instances.errors import InstanceNotFound
from hytopus.brain.instances.queries import find as find_instance
from hytopus.brain.nodes.errors import NodeNotFound
from hytopus.brain.nodes.queries import find as find_node

router = feature_router("history")


async def _window(
    clock: ClockDep,
    past: Annotated[Range, Query(alias="range", description="How far back.")] = Range.DAY,
    resolution: Annotated[
        Literal["300", "3600"] | None, Query(description="Seconds between moments; by default what suits the range.")
    ] = None,
) -> Window:
    return Window.of(past, clock.now(), int(resolution) if resolution else None)


async def _recorder(request: Request) -> Recorder:
    recorder: Recorder = request.app.state.recorder
    return recorder


WindowDep = Annotated[Window, Depends(_window)]
RecorderDep = Annotated[Recorder, Depends(_recorder)]


@router.get("/history")
async def get_history(request: Request, database: DatabaseDep, window: WindowDep) -> HistoryOut:
    """The fleet over time: instances and nodes by state, players, slots, load, start times and API latency.

    Whoever may see a part only is told of that part: running instances, players and load.
    """
    everything = database is edge_of(request).database
    async with database.read() as session:
        return await (queries.fleet_history if everything else part_history)(session, window)


@router.get("/nodes/{node}/history", responses=problems(NodeNotFound))
async def get_node_history(node: str, session: ReadDep, window: WindowDep, recorder: RecorderDep) -> HistoryOut:
    """How busy a node was; the last hour in half minutes."""
    row = await find_node(session, node)
    return await queries.node_history(session, row.id, window, recorder.nodes.get(row.id))


@router.get("/instances/{instance}/history", responses=problems(InstanceNotFound))
async def get_instance_history(instance: str, session: ReadDep, window: WindowDep, recorder: RecorderDep) -> HistoryOut:
    """How busy an instance was, also one that is destroyed."""
    row = await find_instance(session, instance)
    return await queries.instance_history(session, row.id, window, recorder.instances.get(row.id))
