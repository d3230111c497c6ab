"""What a Brain says to a node, except of what an instance is to become."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from hytopus.wire.messages.reports import Problem
from hytopus.wire.place import Place


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
class PurgeCache:
    """The whole template cache, one template, or one version of it."""

    request_id: str
    template_id: str = ""
    version: str = ""
    origin: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class SetDevMode:
    enabled: bool
    origin: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Ask:
    """A question that a node answers with `Answer`: `cache`, `send_line`, `logs`, `recall`, and those about files."""

    request_id: str
    kind: str
    instance_id: str = ""
    body: str = "{}"
    """JSON arguments."""
    origin: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class OpenStream:
    """Please open a `Stream` call with this id, outside the session: `console`, `logs`, `download`, `upload`."""

    stream_id: str
    kind: str
    instance_id: str
    tail: int = 0
    after: int = 0
    """Only lines with a greater number …"""
    after_start: str = ""
    """… of this start, and all of a later one."""
    body: str = "{}"
    """Of a file: JSON arguments."""
    origin: str = field(default="", compare=False)

    @property
    def place(self) -> Place:
        return Place(self.after, self.after_start)


@dataclass(frozen=True, slots=True)
class CrashReply:
    """Put the bundle there (a presigned PUT for exactly one object), or, when `done`: forget it."""

    crash_id: str
    url: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    done: bool = False


@dataclass(frozen=True, slots=True)
class RenewCertificate:
    """Please renew your certificate now: another authority takes the place of the one that signed it."""
