"""What placeholders would be worth in an instance that is not there yet, with marks for what is secret."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from hytopus.brain.instances.models import Instance
from hytopus.brain.instances.schemas import PreviewInstance
from hytopus.brain.instances.variables import declarations, values_for
from hytopus.brain.nodes.models import Node
from hytopus.games.definition import Game
from hytopus.layers.rules import TemplateRules
from hytopus.layers.variables import mark
from hytopus.wire.messages import PortBinding

PREVIEW: Final = "preview"
_FIRST_PORT: Final = 30_000


def draft_values(
    body: PreviewInstance, game: Game, rules: list[TemplateRules], node: Node
) -> tuple[dict[str, str], dict[str, str]]:
    """All values, and those of them that only the creation decides."""
    known = declarations(game, rules)
    instance = Instance(
        id=PREVIEW,
        name=PREVIEW,
        environment="",
        defaults={name: one.default for name, one in known.items() if one.default is not None},
        variables=dict(body.variables),
        secrets={},
    )
    values = values_for(instance, node, _ports(game, body.ports, node.port_first or _FIRST_PORT))
    assumed = {"INSTANCE_ID", "INSTANCE_NAME", "NODE_NAME", "NODE_ADDRESS", "REGION", "ENVIRONMENT"}
    assumed |= {"SERVER_NAME", "SEED"} - body.variables.keys()
    assumed |= {name for name in values if name == "PORT" or name.startswith("PORT_")}
    secret = {name for name, one in known.items() if one.secret}
    return marked(values, secret), {name: values[name] for name in sorted(assumed - body.variables.keys())}


def marked(values: Mapping[str, str], secret: Iterable[str]) -> dict[str, str]:
    """Secret values never leave the Brain for a preview."""
    return {**values, **{name: mark(name) for name in secret if values.get(name)}}


def _ports(game: Game, asked: Mapping[str, int], first: int) -> list[PortBinding]:
    return [
        PortBinding(port.name, number, port.container or number, port.protocol.value)
        for index, port in enumerate(game.ports)
        for number in [asked.get(port.name, first + index)]
    ]
