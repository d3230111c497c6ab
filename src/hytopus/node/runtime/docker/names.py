"""How containers, volumes and labels of ours are called, so that they can be found again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final

PREFIX: Final = "hytopus-"

INSTANCE: Final = "hytopus.instance"
GENERATION: Final = "hytopus.generation"
ATTEMPT: Final = "hytopus.attempt"
NAME: Final = "hytopus.name"
NODE: Final = "hytopus.node"


def name_of(instance_id: str) -> str:
    """The name of an instance's container and of its volume."""
    return f"{PREFIX}{instance_id}"


def scope_filter(scope: str, **more: list[str]) -> str:
    """The engine's `filters` parameter for what belongs to one agent."""
    return json.dumps({"label": [f"{NODE}={scope}"], **more})


def generation_of(labels: Mapping[str, str]) -> int:
    """Zero where the label is missing or spoilt: older than every real generation."""
    text = labels.get(GENERATION, "")
    return int(text) if text.isdecimal() else 0


def attempt_of(labels: Mapping[str, str]) -> int:
    """One where the label is missing: containers of releases that knew no attempts."""
    text = labels.get(ATTEMPT, "")
    return int(text) if text.isdecimal() else 1
