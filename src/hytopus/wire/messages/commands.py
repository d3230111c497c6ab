"""What a node is to do with an instance. A command may come again, and is then a no-op."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class TemplateLayer:
    """One layer, in order, with a short-lived URL for exactly this object."""

    template_id: str
    version: str
    checksum: str
    size: int
    url: str


@dataclass(frozen=True, slots=True)
class PortBinding:
    """A port of the game, as allotted."""

    name: str
    host: int
    container: int
    protocol: str


@dataclass(frozen=True, slots=True)
class PrepareInstance:
    """Build the instance's directory, then report `prepared`. Holds all that a later start needs."""

    instance_id: str
    generation: int
    name: str
    template_layers: tuple[TemplateLayer, ...]
    variable_map: Mapping[str, str]
    secrets: tuple[str, ...]
    """Names in `variable_map` whose values must never be shown."""
    game: str
    """The game definition as JSON (`games.definition.Game`)."""
    ports: tuple[PortBinding, ...]
    memory_mb: int
    cpus: float
    disk_mb: int
    discard_changes: bool = False
    record: str = ""
    """What the Brain knows of the instance, as JSON: the node keeps it for a Brain that has lost it."""
    world: TemplateLayer | None = None
    """What it changed on the node it was moved from, to be built in; comes with `discard_changes`."""
    origin: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class StartInstance:
    instance_id: str
    generation: int
    restart: str = ""
    """The policy as JSON (`games.restart.RestartPolicy`); empty: the game's."""
    autostart: bool = False
    """Start it again, too, when it ended while nobody watched: its machine was rebooted."""
    lease_s: float = 0.0
    """Without word from a Brain for so long, the node stops it by itself; 0: never."""
    origin: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class StopInstance:
    instance_id: str
    generation: int
    kill: bool = False
    origin: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class DestroyInstance:
    instance_id: str
    generation: int
    superseded: bool = False
    """Only this copy: the instance lives elsewhere."""
    origin: str = field(default="", compare=False)
