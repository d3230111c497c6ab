"""What a runner needs of the node it runs on."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from hytopus.games.definition import Probe
from hytopus.kit.clock import Clock
from hytopus.kit.waiting import Blocking
from hytopus.node.crashes.bundle import Bundle
from hytopus.node.journal import Journal
from hytopus.node.lease import Lease
from hytopus.node.materialise.leaving import PackedWorld
from hytopus.node.put import put_piece
from hytopus.node.runner.ports import first_taken
from hytopus.node.runner.probes import ask
from hytopus.node.runtime.base import BindMount, OverlayMount, Runtime, Usage
from hytopus.wire.messages import InstanceReport, NodeLoad, PortBinding, PrepareInstance

Progress = Callable[[str, float], None]
"""Told the step and how much of it is done, 0 to 1."""


@dataclass(frozen=True, slots=True)
class Built:
    """An instance's finished directory. `timings` in seconds, by step."""

    mount: OverlayMount | BindMount
    timings: Mapping[str, float] = field(default_factory=dict)
    secrets: frozenset[str] = frozenset()
    """Names of variables that are secret: the assignment's and those the templates declare."""


@dataclass(frozen=True, slots=True)
class CacheNumbers:
    """The template cache in figures; what counts up does so since the agent's start."""

    bytes: int = 0
    versions: int = 0
    hits: int = 0
    misses: int = 0
    s3_requests: int = 0
    s3_bytes: int = 0
    s3_errors: int = 0
    evictions: int = 0


@dataclass(slots=True)
class Vitals:
    """The machine as it was last measured."""

    load: NodeLoad = field(default_factory=NodeLoad)
    usage: Mapping[str, Usage] = field(default_factory=dict)
    """By instance id."""
    disk_mb: Mapping[str, int] = field(default_factory=dict)
    """By instance id: what each directory takes."""


async def _forgotten(bundle: Bundle, summary: Mapping[str, Any]) -> None:
    return


class Directories(Protocol):
    """Where instances' directories come from. Every call may be cancelled and repeated."""

    async def build(self, assignment: PrepareInstance, *, refresh: bool, progress: Progress) -> Built:
        """Fetch the layers and build the directory; `refresh` fetches what is cached, too (dev mode)."""
        ...

    async def pack(self, instance_id: str, progress: Callable[[float], None]) -> PackedWorld:
        """What an instance at rest has changed, as a tarball; of the same files, the same bytes."""
        ...

    async def reopen(self, instance_id: str) -> Built:
        """What `build` made earlier, perhaps under an earlier agent; raises when there is nothing complete."""
        ...

    async def destroy(self, instance_id: str) -> None:
        """Gone, with all that the server wrote; nothing happens where nothing is."""
        ...

    async def disk_mb(self, instance_id: str) -> int:
        """What its directory takes now, rounded up; files that come and go meanwhile count or not."""
        ...

    async def provenance(self, instance_id: str, pattern: str) -> Sequence[Mapping[str, Any]]: ...

    async def purge(self, template_id: str, version: str) -> Mapping[str, Any]:
        """Empty texts mean all."""
        ...

    async def cached(self) -> Mapping[str, Any]:
        """What the cache holds and how well it does."""
        ...

    def numbers(self) -> CacheNumbers: ...


@dataclass(slots=True)
class Images:
    """Images that were seen on this node, so that a start does not ask again."""

    runtime: Runtime
    seen: set[str] = field(default_factory=set)

    async def ensure(self, reference: str, *, game: str) -> None:
        if reference in self.seen:
            return
        await self.runtime.ensure_image(reference, game=game)
        self.seen.add(reference)

    def forget(self, reference: str) -> None:
        self.seen.discard(reference)


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    runtime: Runtime
    directories: Directories
    journal: Journal
    clock: Clock
    report: Callable[[InstanceReport], None]
    """Into the outbox, which gives it its number: never blocks, never raises, whether or not a Brain is connected."""
    renew_urls: Callable[[str, int], None]
    logs: Path
    """`<logs>/<instance id>` keeps what servers said before they failed."""
    ports_taken: Callable[[Sequence[PortBinding]], PortBinding | None] = first_taken
    probe: Callable[[Probe, int], Awaitable[bool]] = ask
    observe: Callable[[str, float], None] = lambda step, seconds: None
    """Told how long each step took."""
    put: Callable[[str, Mapping[str, str], Path, int, int], str] = put_piece
    """Uploads a piece of a file to a presigned address; the ETag it got. Blocking."""
    count_error: Callable[[str], None] = lambda code: None
    """Told the code of every failed call to the engine."""
    fetch_patience: float = 60
    """Seconds a preparation tries again while the layers cannot be had."""
    engine_patience: float = 60
    """Seconds a start waits for an engine that is away; a stop and a destroy wait for ever."""
    blocking: Blocking = asyncio.to_thread
    chance: Callable[[], float] = random.random
    """0 to 1: spreads servers that crashed together."""
    lease: Lease
    """How long ago a Brain was last known to count on this node."""
    building: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(8))
    starting: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(4))
    """More containers at once do not start any sooner (measured: 4 on 2 cores)."""
    vitals: Vitals = field(default_factory=Vitals)
    keep_crash: Callable[[Bundle, Mapping[str, Any]], Awaitable[None]] = _forgotten
    """Given the bundle of every crash and what of it travels at once."""
    images: Images = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "images", Images(self.runtime))
