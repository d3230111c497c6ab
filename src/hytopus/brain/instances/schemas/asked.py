"""What people ask for: the bodies of requests."""

from __future__ import annotations

from typing import Annotated, Any, Final

from pydantic import Field, StringConstraints

from hytopus.brain.http.schemas import Schema
from hytopus.brain.instances.states import OnNodeLoss
from hytopus.games.restart import RestartChoice

VariableKey = Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Z0-9_]{0,63}$")]
VariableValue = Annotated[str, StringConstraints(max_length=16_384)]
LayerText = Annotated[str, StringConstraints(min_length=1, max_length=130)]
Label = Annotated[str, StringConstraints(min_length=1, max_length=64)]
MemoryMb = Annotated[int, Field(ge=16, le=4_194_304)]
Cpus = Annotated[float, Field(ge=0.01, le=1024)]
DiskMb = Annotated[int, Field(ge=1, le=1_073_741_824)]
PortNumber = Annotated[int, Field(ge=1, le=65_535)]
Grace = Annotated[float, Field(ge=0, le=604_800)]
Lease = Annotated[float, Field(ge=30, le=604_800)]
MOST_AT_ONCE: Final = 200
"""Instances created by one request, which is one transaction."""
Metadata = Annotated[dict[Label, Any], Field(max_length=64)]


class PreviewInstance(Schema):
    """Like a creation of which nothing is required yet but the layers."""

    layers: Annotated[list[LayerText], Field(min_length=1, max_length=64)]
    """`id` (newest version) or `id@version`, bottom first."""
    game: Label | None = None
    """Only where no layer names one, or another one is wanted."""
    variables: dict[VariableKey, VariableValue] = Field(default_factory=dict)
    ports: dict[Label, PortNumber] = Field(default_factory=dict)
    """Numbers for ports of the game, by name; the others are chosen from the node's pool."""
    memory_mb: MemoryMb | None = None
    cpus: Cpus | None = None
    disk_mb: DiskMb | None = None
    region: Label | None = None
    tags: Annotated[list[Label], Field(max_length=32)] = Field(default_factory=list)
    node: Label | None = None
    """Only this node, by name or id."""
    dev: bool = False
    """Only a node in dev mode."""


class InstanceWithoutName(PreviewInstance):
    """Everything a creation says but the name. What is left out comes from the game, or does not matter."""

    autostart: bool = True
    """Start it once it is prepared, and again after its node was rebooted."""
    restart_policy: RestartChoice | None = None
    """What it wants otherwise than its game when its server ends by itself."""
    persistent: bool | None = None
    """It has a world of its own. Absent: as its layers or its game say."""
    on_node_loss: OnNodeLoss | None = None
    """What happens when its node is lost. Absent: `replace` without a world of its own, `wait` with one."""
    replace_after_s: Grace | None = None
    """How long it stays lost before it is replaced; absent: as the Brain is set."""
    lease_s: Lease | None = None
    """Only with a world *and* `replace`: how long its node runs it without word from a Brain."""
    environment: Label | None = None
    metadata: Metadata = Field(default_factory=dict)


class CreateInstance(InstanceWithoutName):
    """What is left out comes from the game, or does not matter."""

    name: Label


class CreateInstances(InstanceWithoutName):
    """Like instances, which differ in nothing but their names."""

    names: Annotated[list[Label], Field(min_length=1, max_length=MOST_AT_ONCE)]


class UpdateInstance(Schema):
    """Only what is given changes."""

    name: Label | None = None
    variables: dict[VariableKey, VariableValue | None] | None = None
    """Merged into what there is; null takes a value away."""
    memory_mb: MemoryMb | None = None
    cpus: Cpus | None = None
    disk_mb: DiskMb | None = None
    region: Annotated[str, StringConstraints(max_length=64)] | None = None
    tags: Annotated[list[Label], Field(max_length=32)] | None = None
    autostart: bool | None = None
    restart_policy: RestartChoice | None = None
    """Holds from the next start on. Empty: as its game says."""
    persistent: bool | None = None
    on_node_loss: OnNodeLoss | None = None
    replace_after_s: Grace | None = None
    lease_s: Lease | None = None
    """Counts from the next start on."""
    metadata: Metadata | None = None
    restart: bool = False
    """It may be restarted, if that is what it takes."""


class MoveInstance(Schema):
    node: Label | None = None
    """By name or id; absent: the one with the most room."""
    restart: bool = False
    """It may be stopped for that, and is started there again."""


class UpgradeInstance(Schema):
    layers: Annotated[list[LayerText], Field(min_length=1, max_length=64)] | None = None
    """Absent: the newest version of every layer it has."""
    restart: bool = False
    discard_changes: bool = False
    """Throw away what the server has written."""


class ConsoleLine(Schema):
    line: Annotated[str, StringConstraints(min_length=1, max_length=4096, pattern=r"^[^\r\n\x00]*$")]
