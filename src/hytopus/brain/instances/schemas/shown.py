"""Instances as they are shown: in a list, and one in full."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row

from hytopus.brain.http.schemas import Output
from hytopus.brain.instances.assignments import bindings
from hytopus.brain.instances.models import Instance, PortLease
from hytopus.brain.instances.reconciling.deadlines import deadline
from hytopus.brain.instances.schemas.parts import (
    ExitOut,
    LayerOut,
    MoveOut,
    NodeRef,
    PortOut,
    ProblemOut,
    ProgressOut,
    RetryOut,
    UsageOut,
    WaitingOut,
)
from hytopus.brain.instances.settings import InstanceSettings
from hytopus.brain.instances.states import OnNodeLoss, State, Wanted
from hytopus.brain.instances.variables import masked
from hytopus.brain.nodes.models import Node
from hytopus.games.restart import RestartChoice, RestartPolicy
from hytopus.wire.messages import InstanceUsage


@dataclass(frozen=True, slots=True)
class Home:
    """The node an instance is on, and its game's first port there."""

    id: str
    name: str
    address: str
    first_port: int | None

    @classmethod
    def of(cls, node: Node, first_port: int | None) -> Home:
        return cls(node.id, node.name, node.address, first_port)


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
    disk_over_since: datetime | None
    """Since when it takes more disk than is reserved for it; nothing holds it back."""
    problem: ProblemOut | None
    retry: RetryOut | None

    @classmethod
    def of(cls, instance: Instance | Row[Any], home: Home | None = None) -> InstanceSummary:
        """Of an instance, or of a row with as much of one as is needed here."""
        return cls(**_summary(instance, home))


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
        ports = bindings(instance, leases)
        return cls(
            **_summary(instance, Home.of(node, ports[0].host if ports else None) if node else None),
            **{key: getattr(instance, key) for key in _COPIED},
            deadline=deadline(instance, settings),
            ports=[
                PortOut(name=port.name, port=port.host, container=port.container, protocol=port.protocol)
                for port in ports
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


def _summary(instance: Instance | Row[Any], home: Home | None) -> dict[str, Any]:
    return {
        "id": instance.id,
        "name": instance.name,
        "game": instance.game,
        "state": instance.state,
        "state_since": instance.state_since,
        "wanted": instance.wanted,
        "node": NodeRef(id=home.id, name=home.name) if home else None,
        "address": f"{home.address or home.name}:{home.first_port}" if home and home.first_port else None,
        "metadata": instance.details,
        "players": len(instance.players),
        "started_at": instance.started_at if instance.state in (State.RUNNING, State.STOPPING, State.LOST) else None,
        "created_at": instance.created_at,
        "disk_over_since": instance.disk_over_since,
        "problem": instance.problem,
        "retry": _retry(instance),
    }


def _retry(instance: Instance | Row[Any]) -> dict[str, Any] | None:
    if instance.state is not State.STARTING or instance.attempt < 2:
        return None
    return {"attempt": instance.attempt, "at": instance.retry_at, "problem": instance.setback}


class CreatedOut(Output):
    """What became of one of the names: the instance, or why there is none."""

    name: str
    instance: InstanceSummary | None
    problem: ProblemOut | None


class CreatedManyOut(Output):
    items: list[CreatedOut]
    """In the order of the names."""
    created: int
