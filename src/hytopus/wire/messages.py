"""The language between Brain and Node: frozen values, named as in specification sections 4 and 5.

Node -> Brain: `RegisterNode` opens a session, then `Heartbeat` and `InstanceReport`, and `Answer` to what was asked.
Brain -> Node: `Welcome` or `Refused`, then commands. Commands are idempotent and may come again after any
reconnect; a node acts on one only if its generation is not older than the generation the node holds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class NodeStatus(StrEnum):
    """What a node says of an instance it holds."""

    PREPARING = "preparing"
    PREPARED = "prepared"
    STARTING = "starting"
    RUNNING = "running"
    """Ready for players: the game's readiness rule held."""
    STOPPING = "stopping"
    STOPPED = "stopped"
    FAILED = "failed"
    DESTROYED = "destroyed"


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


@dataclass(frozen=True, slots=True)
class Problem:
    """An error as it travels: `HytopusError.as_dict()`."""

    code: str
    message: str
    remedy: str = ""
    params: Mapping[str, str] = field(default_factory=dict)
    status: int = 0
    """As HTTP has it; 0 where it is not known."""


@dataclass(frozen=True, slots=True)
class InstanceReport:
    """What has become of an instance. `sequence` grows with every report of one node and orders them."""

    instance_id: str
    generation: int
    status: NodeStatus
    sequence: int = 0
    at: str = ""
    """ISO 8601, UTC."""
    step: str = ""
    """What is being done while preparing: fetch, merge, substitute, check, image, container, ready."""
    progress: float = 0.0
    """0 to 1 within `step`."""
    exit_code: int | None = None
    exit_kind: str = ""
    """`clean`, `restart`, `configuration` or `crash`; empty unless the process has ended."""
    oom_killed: bool = False
    problem: Problem | None = None
    log_tail: tuple[str, ...] = ()
    timings_ms: Mapping[str, float] = field(default_factory=dict)
    players: tuple[str, ...] = ()
    restored: bool = False
    """Not seen to happen: part of an inventory, or an end that was found when the agent or the engine came back."""
    attempt: int = 0
    """Starts within this generation: 1 for the one that was commanded, more with each that the node made by itself."""
    retry_in: float | None = None
    """Seconds until the node starts it again; it waits for that while `starting`, and `problem` says what happened."""


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
class CrashReport:
    """A server crashed, and its bundle waits on the node; told again until the Brain replies that it is done."""

    crash_id: str
    instance_id: str
    generation: int
    attempt: int
    at: str
    """ISO 8601, UTC."""
    body: str
    """JSON: what the bundle's `crash.json` holds, and the last lines as `excerpt`."""
    size: int
    """Bytes of the bundle, a ZIP archive."""
    sha256: str
    stored: bool = False
    """The bundle was put where the Brain said."""


NodeMessage = RegisterNode | Heartbeat | InstanceReport | Answer | RenewUrls | CrashReport


@dataclass(frozen=True, slots=True)
class Welcome:
    """The session stands."""

    node_id: str
    node_name: str
    brain_id: str
    heartbeat_seconds: float
    dev_mode: bool


@dataclass(frozen=True, slots=True)
class Refused:
    """The session cannot stand; `retry` says whether coming back later makes sense."""

    problem: Problem
    retry: bool = False


@dataclass(frozen=True, slots=True)
class Brains:
    """Where a session can be had, the best first."""

    session_addresses: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ReportsSeen:
    """Reports up to this sequence are durable; the node need not keep them any longer."""

    sequence: int


@dataclass(frozen=True, slots=True)
class LeaseRenewed:
    """A Brain has counted on this node after the heartbeat with this number was sent; leases run from its sending."""

    number: int


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


@dataclass(frozen=True, slots=True)
class StopInstance:
    instance_id: str
    generation: int
    kill: bool = False


@dataclass(frozen=True, slots=True)
class DestroyInstance:
    instance_id: str
    generation: int
    superseded: bool = False
    """Only this copy: the instance lives elsewhere."""


@dataclass(frozen=True, slots=True)
class PurgeCache:
    """The whole template cache, one template, or one version of it."""

    request_id: str
    template_id: str = ""
    version: str = ""


@dataclass(frozen=True, slots=True)
class SetDevMode:
    enabled: bool


@dataclass(frozen=True, slots=True)
class Ask:
    """A question that a node answers with `Answer`: `cache`, `send_line`, `logs`, `recall`, and those about files."""

    request_id: str
    kind: str
    instance_id: str = ""
    body: str = "{}"
    """JSON arguments."""


@dataclass(frozen=True, slots=True)
class OpenStream:
    """Please open a `Stream` call with this id, outside the session: `console`, `logs`, `download`, `upload`."""

    stream_id: str
    kind: str
    instance_id: str
    tail: int = 0
    after: int = 0
    """Only lines with a greater number."""
    body: str = "{}"
    """Of a file: JSON arguments."""


@dataclass(frozen=True, slots=True)
class CrashReply:
    """Put the bundle there (a presigned PUT for exactly one object), or, when `done`: forget it."""

    crash_id: str
    url: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    done: bool = False


BrainMessage = (
    Welcome
    | Refused
    | PrepareInstance
    | StartInstance
    | StopInstance
    | DestroyInstance
    | PurgeCache
    | SetDevMode
    | Ask
    | OpenStream
    | ReportsSeen
    | Brains
    | LeaseRenewed
    | CrashReply
)

InstanceCommand = PrepareInstance | StartInstance | StopInstance | DestroyInstance


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line of a server's output. Numbers start at 1 with every start and never skip."""

    number: int
    at: str
    text: str


@dataclass(frozen=True, slots=True)
class StreamFrame:
    """Node -> Brain: lines, or a file and what there is to say of it, or the end. Brain -> Node: a line, or a file."""

    stream_id: str
    lines: tuple[LogLine, ...] = ()
    input: str = ""
    ended: bool = False
    problem: Problem | None = None
    data: bytes = b""
    body: str = ""
    """JSON: what a file that comes is, or what became of one that went."""


@dataclass(frozen=True, slots=True)
class JoinRequest:
    token: str
    node_name: str
    csr_pem: str
    agent_id: str


@dataclass(frozen=True, slots=True)
class RenewRequest:
    """A new certificate for the node that calls, before the old one runs out."""

    csr_pem: str


@dataclass(frozen=True, slots=True)
class Certificates:
    node_id: str
    certificate_pem: str
    ca_pem: str


JoinReply = Certificates | Refused


@dataclass(frozen=True, slots=True)
class PeerAsk:
    """Brain -> Brain: a question for a node whose session is there; `purge_cache` is one, too."""

    node_id: str
    kind: str
    instance_id: str = ""
    body: str = "{}"
    timeout_seconds: float = 10.0


@dataclass(frozen=True, slots=True)
class PeerLines:
    """Brain -> Brain: the lines of an instance on a node whose session is there."""

    node_id: str
    instance_id: str
    kind: str
    tail: int = 0
    after: int = 0
