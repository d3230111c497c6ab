"""What the checks judge: everything they need, gathered beforehand, so that they are plain functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from hytopus.kit.findings import Finding
from hytopus.wire.messages import NodeLoad


@dataclass(frozen=True, slots=True)
class NodeFact:
    id: str
    name: str
    state: str = "online"
    state_since: datetime | None = None
    cordoned_since: datetime | None = None
    """None while it takes instances."""
    engine_version: str = ""
    agent_version: str = ""
    materialisers: Sequence[str] = ()
    memory_mb: int = 0
    """What instances may have."""
    memory_reserved_mb: int = 0
    ports: int = 0
    ports_used: int = 0
    clock_skew_s: float = 0.0
    load: NodeLoad | None = None
    certificate_until: datetime | None = None
    doubled_at: datetime | None = None
    doubled_from: str = ""
    """When and from where another machine last came with its identity."""
    claims: Mapping[str, str] = field(default_factory=dict)
    """Region and tags it says it has, where others count."""
    unconfirmed: Mapping[str, str] = field(default_factory=dict)
    """Region and tags that it alone has set, since it joined after the backup that was restored."""
    findings: Sequence[Finding] = ()
    """What its own doctor says."""

    @property
    def subject(self) -> str:
        return f"node {self.name}"

    @property
    def link(self) -> str:
        return f"node:{self.id}"


@dataclass(frozen=True, slots=True)
class Restarts:
    """How often an instance failed or was started again by itself in the last hour."""

    instance_id: str
    name: str
    count: int


@dataclass(frozen=True, slots=True)
class DiskOver:
    """An instance that takes more disk than is reserved for it."""

    instance_id: str
    name: str
    since: datetime
    reserved_mb: int
    taken_mb: int
    """0: its node has not said so again."""


@dataclass(frozen=True, slots=True)
class StoreFact:
    error: str = ""
    """Why it cannot be reached; empty if it can."""
    answer_s: float = 0.0
    public: bool = False
    """Somebody without keys can read a template."""
    lists_buckets: bool = False
    """The Brain's keys can see other buckets."""


@dataclass(frozen=True, slots=True)
class DatabaseFact:
    dialect: str = "sqlite"
    bytes: int = 0
    disk_free: int | None = None
    """Where the file lies; None for a server."""
    write_p99_ms: float | None = None
    durability_off: Sequence[str] = ()
    """Settings of PostgreSQL without which a crash may lose what was confirmed."""


@dataclass(frozen=True, slots=True)
class Facts:
    now: datetime
    version: str = ""
    nodes: Sequence[NodeFact] = ()
    restarts: Sequence[Restarts] = ()
    disk_over: Sequence[DiskOver] = ()
    waiting: int = 0
    waiting_s: float = 0.0
    store: StoreFact = field(default_factory=StoreFact)
    database: DatabaseFact = field(default_factory=DatabaseFact)
    certificates: Sequence[tuple[str, datetime]] = ()
    """The Brain's own: what each is for, and until when it is good."""
    backup_at: datetime | None = None
    backup_every_h: float = 24.0
    """0: nobody wants any."""
    running_since: datetime | None = None
    admins: int = 1
    single_factor: Sequence[str] = ()
    """Admins who log in here with nothing but a password."""
    rotating_since: datetime | None = None
    """When a new certificate authority was made; None where there is only one."""
    left_behind: Sequence[str] = ()
    """Nodes that have not changed over to it."""
    first_password_kept: bool = False
    """The first admin still has the password that was made for him."""
