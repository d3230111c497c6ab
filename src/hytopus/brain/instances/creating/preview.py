"""What a creation would lock, ask for and refuse: the form behind the panel's wizard."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncSession

from hytopus.brain.games.catalogue import Catalogue
from hytopus.brain.instances.creating.layers import Locked, check_ports, lock
from hytopus.brain.instances.scheduling.explanation import explain_demand
from hytopus.brain.instances.schemas import LayerOut, PreviewInstance, PreviewOut, ProblemOut, VariableOut
from hytopus.brain.instances.variables import MASK, check_given, declarations, missing_variables
from hytopus.brain.nodes.presence import Presence
from hytopus.brain.nodes.queries import find as find_node
from hytopus.brain.placement.demand import Demand, PortDemand
from hytopus.errors import HytopusError
from hytopus.layers.variables import CHOICES

_DESCRIPTIONS = {
    "SERVER_NAME": "What players see; the instance's name by default.",
    "SEED": "Seed of the world; one of its own by default.",
    "LOCALE": "Language of the server.",
    "MAX_PLAYERS": "How many players may be on it.",
    "ENVIRONMENT": "dev, stage or prod; the node's by default.",
    "GROUP": "The group it belongs to.",
}


async def preview(session: AsyncSession, body: PreviewInstance, *, games: Catalogue, presence: Presence) -> PreviewOut:
    """Collects every problem instead of raising the first."""
    try:
        locked = await lock(session, body.layers, body.game, games, hold=False)
    except HytopusError as error:
        return PreviewOut(layers=[], game=None, variables=[], missing=[], problems=[_problem(error)], placement=None)
    found: list[HytopusError] = []
    try:
        check_given(locked.game, locked.rules, body.variables)
    except HytopusError as error:
        found.append(error)
    try:
        await check_ports(session, locked.game, body.ports)
        demand = await _demand(session, body, locked)
    except HytopusError as error:
        found.append(error)
        placement = None
    else:
        placement = await explain_demand(session, demand, presence)
    known = declarations(locked.game, locked.rules)
    return PreviewOut(
        layers=[LayerOut.model_validate(layer) for layer in locked.layers],
        game=locked.game.name,
        variables=_form(body, locked),
        missing=missing_variables(known, body.variables),
        problems=[_problem(error) for error in found],
        placement=placement,
    )


def _form(body: PreviewInstance, locked: Locked) -> list[VariableOut]:
    known = declarations(locked.game, locked.rules)
    declared = [
        VariableOut(
            name=name,
            description=variable.description,
            default=variable.default,
            required=variable.required,
            secret=variable.secret,
            declared_by=_declared_by(name, locked),
            value=MASK if variable.secret and name in body.variables else body.variables.get(name),
        )
        for name, variable in known.items()
    ]
    return declared + _built_in([name for name in CHOICES if name not in known], body)


def _built_in(names: Sequence[str], body: PreviewInstance) -> list[VariableOut]:
    return [
        VariableOut(
            name=name,
            description=_DESCRIPTIONS[name],
            default=None,
            required=False,
            secret=False,
            declared_by="built-in",
            value=body.variables.get(name),
        )
        for name in names
    ]


def _declared_by(name: str, locked: Locked) -> str:
    for version, rules in zip(reversed(locked.versions), reversed(locked.rules), strict=True):
        if name in rules.variables:
            return version.name
    return "game"


async def _demand(session: AsyncSession, body: PreviewInstance, locked: Locked) -> Demand:
    resources = locked.game.resources
    return Demand(
        instance_id="",
        cpus=body.cpus or resources.cpus,
        memory_mb=body.memory_mb or resources.memory_mb,
        disk_mb=body.disk_mb or resources.disk_mb,
        region=body.region or "",
        tags=frozenset(body.tags),
        pinned_node=(await find_node(session, body.node)).id if body.node is not None else "",
        dev=body.dev,
        ports=tuple(
            PortDemand(port.name, port.protocol.value, body.ports.get(port.name)) for port in locked.game.ports
        ),
    )


def _problem(error: HytopusError) -> ProblemOut:
    return ProblemOut.model_validate(error.as_dict())
