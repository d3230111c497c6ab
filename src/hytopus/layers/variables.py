"""The values an instance's placeholders get: what was given, then what the layers declare."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from hytopus.layers.errors import VariablesMissing
from hytopus.layers.rules import TemplateRules, Variable

FACTS: Final = ("INSTANCE_ID", "INSTANCE_NAME", "NODE_NAME", "NODE_ADDRESS", "PORT", "REGION")
"""Every instance has them, and nobody may set them; nor any name that begins with PORT_ (specification 4.4)."""
CHOICES: Final = ("SERVER_NAME", "SEED", "LOCALE", "MAX_PLAYERS", "ENVIRONMENT", "GROUP")
"""Every instance has them, with a default that anybody may overrule."""


@dataclass(frozen=True, slots=True)
class Resolved:
    """`secrets` are the names whose values must be masked wherever they could be shown."""

    values: Mapping[str, str]
    secrets: frozenset[str]


def declared(layers: Sequence[TemplateRules]) -> dict[str, Variable]:
    """Every declared variable; the last layer that declares a name decides, but a secret stays one."""
    merged: dict[str, Variable] = {}
    for rules in layers:
        for name, variable in rules.variables.items():
            was_secret = name in merged and merged[name].secret
            merged[name] = variable.model_copy(update={"secret": True}) if was_secret else variable
    return merged


def resolve(layers: Sequence[TemplateRules], given: Mapping[str, str]) -> Resolved:
    """Given values over declared defaults; raises `VariablesMissing` where a required one has neither."""
    variables = declared(layers)
    defaults = {name: one.default for name, one in variables.items() if one.default is not None}
    values = {**defaults, **given}
    missing = sorted(name for name, one in variables.items() if one.required and name not in values)
    if missing:
        raise VariablesMissing(names=", ".join(missing))
    return Resolved(values, frozenset(name for name, one in variables.items() if one.secret))


def mark(name: str) -> str:
    """Stands for the value of a secret variable wherever a file is shown."""
    return f"⟦{name}⟧"
