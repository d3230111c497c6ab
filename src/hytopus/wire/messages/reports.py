"""What a node says of the instances it holds."""

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
    origin: str = field(default="", compare=False)


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
