"""Shapes of instances in the API."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

from pydantic import Field, StringConstraints

from hytopus.brain.http.schemas import Output, Schema
from hytopus.brain.instances.assignments import bindings
from hytopus.brain.instances.deadlines import deadline
from hytopus.brain.instances.models import Instance, PortLease
from hytopus.brain.instances.settings import InstanceSettings
from hytopus.brain.instances.states import OnNodeLoss, State, Wanted
from hytopus.brain.instances.variables import masked
from hytopus.brain.nodes.models import Node
from hytopus.games.restart import RestartChoice, RestartPolicy
from hytopus.wire.messages import InstanceUsage

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
Metadata = Annotated[dict[Label, Any], Field(max_length=64)]


class CreateInstance(Schema):
    """What is left out comes from the game, or does not matter."""

    name: Label
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


class PreviewInstance(Schema):
    """Like a creation of which nothing is required yet but the layers."""

    layers: Annotated[list[LayerText], Field(min_length=1, max_length=64)]
    game: Label | None = None
    variables: dict[VariableKey, VariableValue] = Field(default_factory=dict)
    ports: dict[Label, PortNumber] = Field(default_factory=dict)
    memory_mb: MemoryMb | None = None
    cpus: Cpus | None = None
    disk_mb: DiskMb | None = None
    region: Label | None = None
    tags: Annotated[list[Label], Field(max_length=32)] = Field(default_factory=list)
    node: Label | None = None
    dev: bool = False


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


class NodeRef(Output):
    id: str
    name: str


class ProblemOut(Output):
    code: str
    message: str
    remedy: str = ""
    params: dict[str, Any] = Field(default_factory=dict)


class PortOut(Output):
    name: str
    port: int
    container: int
    protocol: str


class LayerOut(Output):
    template_id: str
    version: str
    checksum: str
    size: int
    s3_key: str
    type: str


class ExitOut(Output):
    code: int | None
    kind: str
    oom_killed: bool
    at: datetime


class RetryOut(Output):
    """Its server ended, and its node starts it again."""

    attempt: int
    """Counted within this start; the first that its node makes by itself is 2."""
    at: datetime | None
    """When; null: it is being started now. `start` does not wait, `stop` gives up."""
    problem: ProblemOut | None
    """What the last attempt ended with."""


class ProgressOut(Output):
    step: str
    progress: float


class MoveOut(Output):
    """A move under way."""

    step: str
    """`leave`: coming to rest; `pack`: being packed and uploaded; `carried`: waiting for, or being built on, the other
    node; `home`: called off, going back."""
    source: str
    target: str
    since: datetime
    size: int | None = None
    """Bytes of its packed world."""


class UsageOut(Output):
    cpu_percent: float
    memory_mb: float
    network_in: float = 0.0
    network_out: float = 0.0
    """Bytes a second."""


class WaitingOut(Output):
    summary: str
    since: datetime


class InstanceSummary(Output):
    """What a list shows."""

    id: str
    name: str
    game: str
    state: State
    state_since: datetime
    wanted: Wanted
    node: NodeRef | None
    address: str | None
    """What a player types: `host:port` of the game's first port."""
    metadata: dict[str, Any]
    players: int
    started_at: datetime | None
    created_at: datetime
    problem: ProblemOut | None
    retry: RetryOut | None

    @classmethod
    def of(cls, instance: Instance, node: Node | None, leases: Sequence[PortLease]) -> InstanceSummary:
        return cls(**_summary(instance, node, leases))


class InstanceOut(InstanceSummary):
    """Everything about one instance. Values of secret variables are masked."""

    generation: int
    deadline: datetime | None
    """Until when the present state may last."""
    ports: list[PortOut]
    layers: list[LayerOut]
    requested_layers: list[str]
    variables: dict[str, str]
    secret_names: list[str]
    memory_mb: int
    cpus: float
    disk_mb: int
    region: str
    tags: list[str]
    pinned_node: str | None
    dev: bool
    autostart: bool
    restart_policy: RestartPolicy
    """What holds for it: its game's, with what it wants otherwise."""
    restart_choice: RestartChoice | None
    """What it wants otherwise than its game."""
    persistent: bool
    on_node_loss: OnNodeLoss
    replace_after_s: float | None
    lease_s: float
    leased_s: float
    """What its node was told with the present start; 0: it runs on whatever happens to the Brain."""
    environment: str
    exit: ExitOut | None
    log_tail: list[str]
    timings_ms: dict[str, float]
    player_names: list[str]
    needs_prepare: bool
    progress: ProgressOut | None
    move: MoveOut | None
    usage: UsageOut | None
    waiting: WaitingOut | None

    @classmethod
    def detailed(
        cls,
        instance: Instance,
        node: Node | None,
        leases: Sequence[PortLease],
        *,
        settings: InstanceSettings,
        usage: InstanceUsage | None = None,
    ) -> InstanceOut:
        used = UsageOut.model_validate(usage) if usage is not None else None
        return cls(
            **_summary(instance, node, leases),
            **{key: getattr(instance, key) for key in _COPIED},
            deadline=deadline(instance, settings),
            ports=[
                PortOut(name=port.name, port=port.host, container=port.container, protocol=port.protocol)
                for port in bindings(instance, leases)
            ],
            variables=masked(instance),
            player_names=instance.players,
            usage=used,
            move=MoveOut.model_validate(instance.move) if instance.move else None,
        )


_COPIED = (
    "generation",
    "layers",
    "requested_layers",
    "secret_names",
    "memory_mb",
    "cpus",
    "disk_mb",
    "region",
    "tags",
    "pinned_node",
    "dev",
    "autostart",
    "restart_policy",
    "restart_choice",
    "persistent",
    "on_node_loss",
    "replace_after_s",
    "lease_s",
    "leased_s",
    "environment",
    "exit",
    "log_tail",
    "timings_ms",
    "needs_prepare",
    "progress",
    "waiting",
)


def _summary(instance: Instance, node: Node | None, leases: Sequence[PortLease]) -> dict[str, Any]:
    ports = bindings(instance, leases)
    return {
        "id": instance.id,
        "name": instance.name,
        "game": instance.game,
        "state": instance.state,
        "state_since": instance.state_since,
        "wanted": instance.wanted,
        "node": NodeRef(id=node.id, name=node.name) if node is not None else None,
        "address": f"{node.address or node.name}:{ports[0].host}" if node is not None and ports else None,
        "metadata": instance.details,
        "players": len(instance.players),
        "started_at": instance.started_at if instance.state in (State.RUNNING, State.STOPPING, State.LOST) else None,
        "created_at": instance.created_at,
        "problem": instance.problem,
        "retry": _retry(instance),
    }


def _retry(instance: Instance) -> dict[str, Any] | None:
    if instance.state is not State.STARTING or instance.attempt < 2:
        return None
    return {"attempt": instance.attempt, "at": instance.retry_at, "problem": instance.setback}


class CheckOut(Output):
    check: str
    ok: bool
    detail: str
    have: str | int | float
    need: str | int | float


class VerdictOut(Output):
    node: str
    node_id: str
    feasible: bool
    score: float | None
    checks: list[CheckOut]


class PlacedOut(Output):
    at: datetime
    score: float
    candidates: int
    why: str


class Explanation(Output):
    """Why an instance is where it is, or nowhere."""

    instance: str | None
    state: State | None
    node: NodeRef | None
    placed: PlacedOut | None
    summary: str
    nodes: list[VerdictOut]


class VariableOut(Output):
    """One line of the form a creation shows."""

    name: str
    description: str
    default: str | None
    required: bool
    secret: bool
    declared_by: str
    """`built-in`, `game`, or the layer that decides."""
    value: str | None


class PreviewOut(Output):
    layers: list[LayerOut]
    game: str | None
    variables: list[VariableOut]
    missing: list[str]
    problems: list[ProblemOut]
    """Everything a creation would refuse."""
    placement: Explanation | None


class ProvenanceOut(Output):
    """Which layer each file came from."""

    files: list[dict[str, Any]]


class LinesOut(Output):
    lines: list[dict[str, Any]]
