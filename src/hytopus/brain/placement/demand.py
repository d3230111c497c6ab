"""What is to be placed."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PortDemand:
    """A port of the game; `number` where the operator asked for one, else any of the node's pool."""

    name: str
    protocol: str = "udp"
    number: int | None = None


@dataclass(frozen=True, slots=True)
class Demand:
    """What an instance needs of a node."""

    instance_id: str
    name: str = ""
    cpus: float = 1.0
    memory_mb: int = 512
    disk_mb: int = 512
    region: str = ""
    tags: frozenset[str] = frozenset()
    pinned_node: str = ""
    """The only node that may take it, by id."""
    dev: bool = False
    """It asks for a node in dev mode."""
    ports: tuple[PortDemand, ...] = (PortDemand("game"),)
    resident: str = ""
    """The node that already holds its files, disk and ports; nowhere else can it run."""
