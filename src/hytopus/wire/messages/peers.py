"""What a Brain asks of another, for a node whose session is there."""

from __future__ import annotations

from dataclasses import dataclass, field

from hytopus.wire.place import Place


@dataclass(frozen=True, slots=True)
class PeerAsk:
    """Brain -> Brain: a question for a node whose session is there; `purge_cache` is one, too."""

    node_id: str
    kind: str
    instance_id: str = ""
    body: str = "{}"
    timeout_seconds: float = 10.0
    origin: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class PeerLines:
    """Brain -> Brain: the lines of an instance on a node whose session is there."""

    node_id: str
    instance_id: str
    kind: str
    tail: int = 0
    after: int = 0
    after_start: str = ""
    origin: str = field(default="", compare=False)

    @property
    def place(self) -> Place:
        return Place(self.after, self.after_start)


@dataclass(frozen=True, slots=True)
class PeerFile:
    """Brain -> Brain: a whole file of an instance on a node whose session is there, `download` or `upload`."""

    node_id: str
    instance_id: str
    kind: str
    body: str = "{}"
    """JSON arguments."""
    origin: str = field(default="", compare=False)
