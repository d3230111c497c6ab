"""Shapes of nodes in the API."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Annotated, Any

from pydantic import Field, StringConstraints

from hytopus.brain.http.schemas import Output, Schema
from hytopus.brain.nodes.models import Node
from hytopus.brain.nodes.presence import Presence
from hytopus.brain.nodes.states import NodeState
from hytopus.brain.placement.room import Room
from hytopus.wire.messages import NodeLoad

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
    force: bool = False
    """Kill them at once: what they have not saved is lost."""
    move: bool = False
    """Also move instances with worlds of their own to other nodes, as far as there is room."""


class LoseNode(Schema):
    off: bool = False
    """You have seen to it that the machine is off: nothing has to be waited for."""


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


class CachedOut(Output):
    """A template version that a node has unpacked."""

    template_id: str
    version: str
    bytes: int
    files: int
    fetched_at: datetime
    in_use: bool = False
    """Instances are built of it: purged, it stays until the last of them lets go."""


class CacheOut(Output):
    templates: list[CachedOut]
    """The largest first."""


class Amount(Output):
    slots: int
    cpus: float
    memory_mb: int
    disk_mb: int
    ports: int


class DrainOut(Output):
    deadline: datetime | None
    force: bool
    move: bool
    remaining: list[str]
    """Instances whose processes, or whose move, have not ended."""
    staying: list[str]
    """Instances at rest whose worlds stay here: they start again when the drain is lifted, or can be moved."""
    clearing: int
    """Copies of instances that went elsewhere, which it still has to destroy."""
    done: bool
    """No process is left, and nothing else is under way."""


@dataclass(frozen=True, slots=True)
class DrainProgress:
    """What is left of a node: names of instances not at rest, of those that stay, and copies to be destroyed."""

    awake: Sequence[str] = ()
    staying: Sequence[str] = ()
    clearing: int = 0


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
    memory_total_mb: int
    disk_total_mb: int
    network_in: float
    network_out: float
    """Bytes a second."""
    s3_errors: int
    cache_evictions: int
    players: int = 0

    @classmethod
    def of(cls, load: NodeLoad, *, players: int) -> LoadOut:
        return cls.model_validate({**asdict(load), "players": players})


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
    lost_at: datetime | None
    """When it was declared lost."""
    off: bool
    """As declared: the machine is off for certain."""
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
        cls, node: Node, room: Room, *, instances: Mapping[str, int], drain: DrainProgress, presence: Presence
    ) -> NodeOut:
        connected = presence.is_connected(node.id)
        load = presence.load(node.id)
        return cls(
            **{key: getattr(node, key) for key in _COPIED},
            connected=connected,
            drain=_drain(node, drain) if node.draining else None,
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
            load=LoadOut.of(load, players=presence.players(node.id)) if load is not None else None,
            last_seen=presence.last_seen(node.id) if connected else node.last_seen,
            instances=dict(instances),
        )


def _drain(node: Node, progress: DrainProgress) -> DrainOut:
    return DrainOut(
        deadline=node.drain_deadline,
        force=node.drain_force,
        move=node.drain_move,
        remaining=list(progress.awake),
        staying=list(progress.staying),
        clearing=progress.clearing,
        done=not progress.awake and not progress.clearing,
    )


_COPIED = (
    "id",
    "name",
    "state",
    "state_since",
    "cordoned",
    "draining",
    "lost_at",
    "off",
    "dev_mode",
    "region",
    "tags",
    "environment",
    "address",
    "facts",
    "overrides",
    "joined_at",
)
