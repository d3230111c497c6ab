"""The variables of an instance: which there are, who may set them, and what they are worth on its node."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final

from hytopus.brain.instances.errors import MissingVariable, ReservedVariable, UndeclaredVariable
from hytopus.brain.instances.models import Instance
from hytopus.brain.nodes.models import Node
from hytopus.games.definition import Game
from hytopus.layers.rules import TemplateRules, Variable
from hytopus.layers.variables import CHOICES, FACTS, declared
from hytopus.wire.messages import PortBinding

MASK: Final = "********"


@dataclass(frozen=True, slots=True)
class Given:
    """What the operator gave, sorted, and what the game and the layers declare."""

    variables: dict[str, str]
    secrets: dict[str, str]
    secret_names: list[str]
    defaults: dict[str, str]


def declarations(game: Game, layers: Sequence[TemplateRules]) -> dict[str, Variable]:
    """Everything the game and the layers declare; the last layer wins, a secret stays one."""
    return declared([TemplateRules(variables=game.variables), *layers])


def check_given(game: Game, layers: Sequence[TemplateRules], given: Mapping[str, str]) -> Given:
    """Sort what was given; raises `ReservedVariable`, `UndeclaredVariable` or `MissingVariable`."""
    known = declarations(game, layers)
    reserved = sorted(name for name in given if is_reserved(name))
    if reserved:
        raise ReservedVariable(names=", ".join(reserved))
    undeclared = sorted(name for name in given if name not in known and name not in CHOICES)
    if undeclared:
        raise UndeclaredVariable(names=", ".join(undeclared), game=game.name, nearest=_nearest(undeclared, known))
    missing = missing_variables(known, given)
    if missing:
        raise MissingVariable(names=", ".join(missing))
    secret = {name for name, variable in known.items() if variable.secret}
    return Given(
        variables={name: value for name, value in given.items() if name not in secret},
        secrets={name: value for name, value in given.items() if name in secret},
        secret_names=sorted(secret),
        defaults={name: variable.default for name, variable in known.items() if variable.default is not None},
    )


def missing_variables(known: Mapping[str, Variable], given: Mapping[str, str]) -> list[str]:
    """Required names that have neither a value nor a default."""
    return sorted(
        name
        for name, variable in known.items()
        if variable.required and variable.default is None and name not in given and not _is_built_in(name)
    )


def is_reserved(name: str) -> bool:
    return name in FACTS or name.startswith("PORT_")


def values_for(instance: Instance, node: Node, ports: Sequence[PortBinding]) -> dict[str, str]:
    """What every placeholder is worth: facts, then the operator's values, declared defaults and built-in ones."""
    return {
        **_built_in(instance, node),
        **instance.defaults,
        **instance.variables,
        **instance.secrets,
        **_facts(instance, node, ports),
    }


def masked(instance: Instance) -> dict[str, str]:
    """The operator's values as anybody may see them."""
    return {**instance.variables, **dict.fromkeys(instance.secrets, MASK)}


def _built_in(instance: Instance, node: Node) -> dict[str, str]:
    seed = int.from_bytes(hashlib.sha256(instance.id.encode()).digest()[:6])
    return {
        "SERVER_NAME": instance.name,
        "SEED": str(seed),
        "LOCALE": "en",
        "MAX_PLAYERS": "20",
        "ENVIRONMENT": instance.environment or node.environment or "prod",
        "GROUP": "",
    }


def _facts(instance: Instance, node: Node, ports: Sequence[PortBinding]) -> dict[str, str]:
    first = {"PORT": str(ports[0].host)} if ports else {}
    return {
        "INSTANCE_ID": instance.id,
        "INSTANCE_NAME": instance.name,
        "NODE_NAME": node.name,
        "NODE_ADDRESS": node.address,
        "REGION": node.region,
        **first,
        **{f"PORT_{port.name.upper()}": str(port.host) for port in ports},
    }


def _is_built_in(name: str) -> bool:
    return name in CHOICES or is_reserved(name)


def _nearest(names: Sequence[str], known: Mapping[str, Variable]) -> str:
    close = {match for name in names for match in get_close_matches(name, [*known, *CHOICES], n=1)}
    return f" (did you mean {', '.join(sorted(close))}?)" if close else ""
