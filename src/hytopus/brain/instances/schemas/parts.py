"""Parts of what is shown of an instance."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import Field

from hytopus.brain.http.schemas import Output


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
    disk_mb: int = 0
    """What its directory takes on its node; 0: not measured yet."""


class WaitingOut(Output):
    summary: str
    since: datetime
