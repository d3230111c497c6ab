"""What a node says of itself, and how it opens a session."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from hytopus.wire.messages.reports import InstanceReport, Problem


@dataclass(frozen=True, slots=True)
class NodeFacts:
    """What a node is. Capacity is what the operator lets Hytopus use, not what the machine has."""

    hostname: str = ""
    agent_version: str = ""
    engine_version: str = ""
    kernel: str = ""
    architecture: str = ""
    cpus: float = 0.0
    memory_mb: int = 0
    disk_mb: int = 0
    slots: int = 0
    region: str = ""
    tags: tuple[str, ...] = ()
    address: str = ""
    """Where players reach this node: a host name or an IP address."""
    environment: str = ""
    port_first: int = 0
    port_last: int = 0
    materialisers: tuple[str, ...] = ()
    """Ways to build a directory that work here, best first: overlay, reflink, copy."""
    leases: bool = False
    """This agent keeps leases."""
    trusts: tuple[str, ...] = ()
    """Fingerprints of the authorities that this node believes."""


@dataclass(frozen=True, slots=True)
class RegisterNode:
    """The first message of a session, with the node's whole inventory."""

    protocol: int
    agent_id: str
    """Tells two agents that use one identity apart: derived from the machine and the data directory."""
    facts: NodeFacts
    dev_mode: bool = False
    inventory: tuple[InstanceReport, ...] = ()
    """Reports held back while the Brain was away, in order, then every instance as it stands (`restored`)."""


@dataclass(frozen=True, slots=True)
class InstanceUsage:
    instance_id: str
    cpu_percent: float
    memory_mb: float
    players: int = 0
    network_in: float = 0.0
    network_out: float = 0.0
    """Bytes a second, as the server sees them."""
    disk_mb: int = 0
    """What its directory takes on its node; 0: not measured yet."""


@dataclass(frozen=True, slots=True)
class NodeLoad:
    """How busy a node is. `foreign_ports` are ports of the pool that something else on the node uses."""

    cpu_percent: float = 0.0
    memory_used_mb: int = 0
    disk_free_mb: int = 0
    running: int = 0
    cache_bytes: int = 0
    cache_versions: int = 0
    cache_hits: int = 0
    cache_misses: int = 0
    s3_requests: int = 0
    s3_bytes: int = 0
    foreign_ports: tuple[int, ...] = ()
    engine_up: bool = True
    memory_total_mb: int = 0
    disk_total_mb: int = 0
    network_in: float = 0.0
    network_out: float = 0.0
    """Bytes a second over all network interfaces but the loopback."""
    s3_errors: int = 0
    cache_evictions: int = 0
    """Versions that left the template cache for its size or their age, since the agent started."""


@dataclass(frozen=True, slots=True)
class Heartbeat:
    at: str
    dev_mode: bool
    load: NodeLoad
    usage: tuple[InstanceUsage, ...] = ()
    number: int = 0
    """Not 0: the node holds instances with a lease, and asks for `LeaseRenewed` with this number."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The end of something the Brain asked for with a `request_id`; `body` is JSON."""

    request_id: str
    body: str = "{}"
    problem: Problem | None = None


@dataclass(frozen=True, slots=True)
class RenewUrls:
    """A presigned URL ran out before its layer was fetched: please repeat `prepare_instance`."""

    instance_id: str
    generation: int


@dataclass(frozen=True, slots=True)
class NodeFinding:
    """A known problem of the machine, as its doctor tells it (`kit.findings.Finding`)."""

    code: str
    severity: str
    subject: str
    what: str
    evidence: str
    remedy: str
    params: Mapping[str, str] = field(default_factory=dict)
    """What the evidence names, as texts."""


@dataclass(frozen=True, slots=True)
class Findings:
    """Everything that a node's doctor finds, whenever it has looked."""

    findings: tuple[NodeFinding, ...] = ()
