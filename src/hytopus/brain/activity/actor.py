"""Who did something."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class ActorKind(StrEnum):
    USER = "user"
    NODE = "node"
    SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who did it and from where. `request_id` ties the log lines of one request together."""

    kind: ActorKind
    id: str
    name: str
    address: str = ""
    request_id: str = ""


SYSTEM = Actor(ActorKind.SYSTEM, "hytopus", "Hytopus")
