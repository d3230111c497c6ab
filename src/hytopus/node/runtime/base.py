"""What the agent needs of a container engine, and nothing more.

Every call is idempotent: what is already so stays so and raises nothing.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import ClassVar, Protocol

from hytopus.errors import HytopusError


class RuntimeUnavailable(HytopusError):
    code: ClassVar[str] = "engine_unavailable"
    status: ClassVar[int] = 503
    template: ClassVar[str] = "The Docker Engine does not answer: {why}"
    remedy: ClassVar[str] = "Check `systemctl status docker` on the node; the agent goes on by itself."
    retryable: ClassVar[bool] = True


class ImageMissing(HytopusError):
    code: ClassVar[str] = "image_missing"
    status: ClassVar[int] = 409
    template: ClassVar[str] = "The image {image!r} is not on this node and could not be pulled: {why}"
    remedy: ClassVar[str] = (
        "Build it there with `hytopus game build {game}`, or push it to a registry the node reaches."
    )


class PortTaken(HytopusError):
    code: ClassVar[str] = "port_taken"
    status: ClassVar[int] = 409
    template: ClassVar[str] = "Port {port}/{protocol} is already used by something else on the node."
    remedy: ClassVar[str] = "Stop what uses it (`ss -lnup`, `ss -lntp`), or choose another port."


class ContainerFault(HytopusError):
    code: ClassVar[str] = "container_fault"
    status: ClassVar[int] = 502
    template: ClassVar[str] = "Docker could not {verb} the container of {instance}: {why}"


class NoSpaceLeft(HytopusError):
    code: ClassVar[str] = "disk_full"
    status: ClassVar[int] = 507
    template: ClassVar[str] = "No space left on the node while trying to {verb}."
    remedy: ClassVar[str] = "Free some disk, purge the template cache (`hytopus node purge`), or add storage."


@dataclass(frozen=True, slots=True)
class PortMapping:
    """`host` outside, `container` inside."""

    host: int
    container: int
    protocol: str = "udp"


@dataclass(frozen=True, slots=True)
class OverlayMount:
    """A volume of `type=overlay`, mounted by the engine when the container starts. `lower` has the top layer first."""

    lower: Sequence[str]
    upper: str
    work: str


@dataclass(frozen=True, slots=True)
class BindMount:
    source: str


@dataclass(frozen=True, slots=True)
class ContainerSpec:
    """One game server's container. Its name is derived from the instance id, so it can be found again."""

    instance_id: str
    instance_name: str
    generation: int
    image: str
    command: Sequence[str]
    mount: OverlayMount | BindMount
    workdir: str
    environment: Mapping[str, str] = field(default_factory=dict)
    """Empty values are not passed."""
    ports: Sequence[PortMapping] = ()
    user: str = "1000:1000"
    memory_mb: int = 2048
    cpus: float = 1.0
    pids: int = 512
    read_only_root: bool = True
    tmpfs: Sequence[str] = ()
    sysctls: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    init: bool = False
    """Run a tiny init as process 1: for programs that leave zombies, or do not handle signals as process 1."""
    stop_signal: str = "SIGTERM"
    """What the engine sends when the engine itself shuts down with the machine, and for how many seconds it waits."""
    stop_grace: float = 60
    attempt: int = 1
    """Counts the starts within a generation: the node's own."""


class ContainerStatus(StrEnum):
    CREATED = "created"
    RUNNING = "running"
    EXITED = "exited"


@dataclass(frozen=True, slots=True)
class ContainerState:
    """What the engine says of a container."""

    instance_id: str
    generation: int
    status: ContainerStatus
    exit_code: int | None = None
    oom_killed: bool = False
    started_at: datetime | None = None
    finished_at: datetime | None = None
    attempt: int = 1

    @property
    def start(self) -> tuple[int, int]:
        """Which start it belongs to: generation and attempt."""
        return self.generation, self.attempt


@dataclass(frozen=True, slots=True)
class ContainerEvent:
    """Something the engine did to a container of ours: `started`, `exited` or `removed`."""

    instance_id: str
    generation: int
    kind: str


@dataclass(frozen=True, slots=True)
class Usage:
    """`cpu_percent` counts one core as 100."""

    cpu_percent: float
    memory_mb: float
    network_in: float = 0.0
    network_out: float = 0.0
    """Bytes a second, as the server sees them; 0 where they cannot be read."""


@dataclass(frozen=True, slots=True)
class EngineInfo:
    version: str
    api_version: str
    root_dir: str
    kernel: str


class Runtime(Protocol):
    """A container engine."""

    async def info(self) -> EngineInfo: ...

    async def ensure_image(self, reference: str, *, game: str) -> None:
        """Have the image locally, pulling it where it is missing; raises `ImageMissing`."""
        ...

    async def start(self, spec: ContainerSpec) -> ContainerState:
        """Create and start the container, replacing an ended one of an older generation or attempt.

        A running container of the same generation and attempt is left alone and reported. Raises `ImageMissing`,
        `PortTaken`, `NoSpaceLeft`, `ContainerFault`, `RuntimeUnavailable`; after an error nothing of the container
        is left.
        """
        ...

    async def inspect(self, instance_id: str) -> ContainerState | None: ...

    async def list(self) -> Sequence[ContainerState]:
        """Every container of ours, whatever its status."""
        ...

    async def signal(self, instance_id: str, signal: str) -> None: ...

    async def kill(self, instance_id: str) -> None:
        """SIGKILL; returns when the engine has accepted it."""
        ...

    async def wait(self, instance_id: str) -> ContainerState | None:
        """Until the container has ended; None when it was removed meanwhile."""
        ...

    async def remove(self, instance_id: str) -> None:
        """Remove the container (killing it if need be) and its volume; files it was made of stay."""
        ...

    async def send_line(self, instance_id: str, line: str) -> None:
        """Write one line to the process's standard input."""
        ...

    def logs(
        self, instance_id: str, *, tail: int | None = None, since: datetime | None = None, follow: bool = True
    ) -> AsyncIterator[tuple[datetime, str]]:
        """Lines of standard output and error with the engine's time stamps; ends when the container has ended.

        `since` is inclusive: a line of that very microsecond comes again. A container that does not exist has no
        lines. Raises `RuntimeUnavailable` when the engine goes; read on from the last time stamp.
        """
        ...

    def events(self) -> AsyncIterator[ContainerEvent]:
        """What happens to containers of ours, until cancelled; raises `RuntimeUnavailable` when the engine goes."""
        ...

    async def usage(self) -> Mapping[str, Usage]:
        """By instance id, of every running container of ours."""
        ...
