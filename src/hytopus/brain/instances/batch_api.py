"""The route that creates many like instances at once."""

from __future__ import annotations

from hytopus.brain.accounts.dependencies import ActorDep
from hytopus.brain.games.dependencies import GamesDep
from hytopus.brain.http.dependencies import ClockDep, CreationDep
from hytopus.brain.http.problems import problems
from hytopus.brain.http.routing import feature_router
from hytopus.brain.instances.api import MADE_OF
from hytopus.brain.instances.creating import creation
from hytopus.brain.instances.errors import NamesTakenMeanwhile, PortAskedTwice, PortOutsidePools, UnknownPort
from hytopus.brain.instances.models import Instance
from hytopus.brain.instances.schemas import CreatedManyOut, CreatedOut, CreateInstances, InstanceSummary, ProblemOut
from hytopus.brain.instances.shown import InstanceSettingsDep
from hytopus.brain.nodes.errors import NodeNotFound
from hytopus.errors import HytopusError

router = feature_router("instances")


@router.post(
    "/instances/batch",
    status_code=202,
    responses=problems(NamesTakenMeanwhile, NodeNotFound, UnknownPort, PortAskedTwice, PortOutsidePools, *MADE_OF),
)
async def create_instances(
    body: CreateInstances,
    session: CreationDep,
    games: GamesDep,
    settings: InstanceSettingsDep,
    actor: ActorDep,
    clock: ClockDep,
) -> CreatedManyOut:
    """Ask for many like instances, in one transaction: each is placed, prepared and started as one by itself is.

    A name that cannot be given away keeps none of the others from it: each name has its own result.
    """
    made = await creation.create_many(session, body, games=games, actor=actor, now=clock.now(), settings=settings)
    items = [_result(name, each) for name, each in zip(body.names, made, strict=True)]
    return CreatedManyOut(items=items, created=sum(item.instance is not None for item in items))


def _result(name: str, made: Instance | HytopusError) -> CreatedOut:
    if isinstance(made, HytopusError):
        return CreatedOut(name=name, instance=None, problem=ProblemOut.model_validate(made.as_dict()))
    return CreatedOut(name=name, instance=InstanceSummary.of(made), problem=None)
