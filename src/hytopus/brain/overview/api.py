"""The route of the dashboard's numbers."""

from __future__ import annotations

from importlib.metadata import version

from hytopus.brain.http.dependencies import ReadDep
from hytopus.brain.http.routing import feature_router
from hytopus.brain.http.schemas import Output
from hytopus.brain.instances.states import State
from hytopus.brain.nodes.states import NodeState
from hytopus.brain.overview.queries import overview

router = feature_router("overview")


class StatusOut(Output):
    version: str
    nodes: dict[NodeState, int]
    instances: dict[State, int]
    templates: int
    template_versions: int


@router.get("/status")
async def get_status(session: ReadDep) -> StatusOut:
    """How many nodes and instances are in which state, and how many templates there are."""
    numbers = await overview(session)
    return StatusOut(
        version=version("hytopus"),
        nodes=dict(numbers.nodes_by_state),
        instances=dict(numbers.instances_by_state),
        templates=numbers.templates,
        template_versions=numbers.template_versions,
    )
