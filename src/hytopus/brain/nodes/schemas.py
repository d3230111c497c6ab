"""Shapes of nodes in the API."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any

from pydantic import Field, StringConstraints

from hytopus.brain.http.schemas import Output, Schema
from hytopus.brain.nodes.models import Node
from hytopus.brain.nodes.presence import Presence
from hytopus.brain.nodes.states import NodeState
from hytopus.brain.placement.room import Room

Label = Annotated[str, StringConstraints(min_length=1, max_length=64)]


class UpdateNode(Schema):
    """Only what is given changes; null takes the node's own value again."""

    name: Label | None = None
    region: Annotated[str, StringConstraints(max_length=64)] | None = None
    tags: Annotated[list[Label], Field(max_length=32)] | None = None
    environment: Annotated[str, StringConstraints(max_length=64)] | None = None
    address: Annotated[str, StringConstraints(max_length=255)] | None = None
    slots: Annotated[int, Field(ge=0, le=10_000)] | None = None
    """0: as many as fit."""


class DrainNode(Schema):
    deadline_s: Annotated[float, Field(ge=0, le=604_800)] = 600
    """Servers that have not stopped by then are killed."""


class DevMode(Schema):
    enabled: bool


class PurgeNode(Schema):
    """All of the cache, one template, or one version of it."""

    template_id: Label | None = None
    version: Label | None = None


class PurgeOut(Output):
    freed_bytes: int = 0
    trees: int = 0
    kept_until_released: int = 0
    """Trees that running instances still use; deleted when the last of them lets go."""


class Amount(Output):
    slots: int
    cpus: float
    memory_mb: int
    disk_mb: int
    ports: int


class DrainOut(Output):
    deadline: datetime | None
    remaining: list[str]
    """Instances not yet at rest."""
    done: bool


class LoadOut(Output):
    """What its last heartbeat said."""

    cpu_percent: float
    memory_used_mb: int
    disk_free_mb: int
    running: int
    cache_bytes: int
    cache_versions: int
    cache_hits: int
    cache_misses: int
    s3_requests: int
    s3_bytes: int
    foreign_ports: list[int]
    engine_up: bool


class NodeOut(Output):
    id: str
    name: str
    state: NodeState
    state_since: datetime
    connected: bool
    """It holds a session with this Brain."""
    cordoned: bool
    draining: bool
    drain: DrainOut | None
    dev_mode: bool
    region: str
    tags: list[str]
    environment: str
    address: str
    facts: dict[str, Any]
    overrides: dict[str, Any]
    capacity: Amount
    reserved: Amount
    load: LoadOut | None
    last_seen: datetime | None
    instances: dict[str, int]
    """How many are in each state."""
    joined_at: datetime

    @classmethod
    def of(
        cls, node: Node, room: Room, *, instances: Mapping[str, int], awake: Sequence[str], presence: Presence
    ) -> NodeOut:
        connected = presence.is_connected(node.id)
        load = presence.load(node.id)
        return cls(
            **{key: getattr(node, key) for key in _COPIED},
            connected=connected,
            drain=DrainOut(deadline=node.drain_deadline, remaining=list(awake), done=not awake)
            if node.draining
            else None,
            capacity=Amount(
                slots=node.slots,
                cpus=node.cpus,
                memory_mb=node.memory_mb,
                disk_mb=node.disk_mb,
                ports=len(room.pool),
            ),
            reserved=Amount(
                slots=room.used_slots,
                cpus=room.used_cpus,
                memory_mb=room.used_memory_mb,
                disk_mb=room.used_disk_mb,
                ports=len(room.leased_ports),
            ),
            load=LoadOut.model_validate(asdict(load)) if load is not None else None,
            last_seen=presence.last_seen(node.id) if connected else node.last_seen,
            instances=dict(instances),
        )


_COPIED = (
    "id",
    "name",
    "state",
    "state_since",
    "cordoned",
    "draining",
    "dev_mode",
    "region",
    "tags",
    "environment",
    "address",
    "facts",
    "overrides",
    "joined_at",
)
