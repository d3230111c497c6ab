"""What a node has and what is left of it. Mutable, so that one batch can be decided on one snapshot."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from hytopus.brain.placement.demand import Demand


@dataclass(slots=True)
class Room:
    """One node. `slots` 0 means that the number of instances is not limited."""

    node_id: str
    name: str = ""
    state: str = "online"
    engine_up: bool = True
    cordoned: bool = False
    draining: bool = False
    dev_mode: bool = False
    region: str = ""
    tags: frozenset[str] = frozenset()
    slots: int = 0
    cpus: float = 0.0
    memory_mb: int = 0
    disk_mb: int = 0
    port_first: int = 30000
    port_last: int = 30499
    used_slots: int = 0
    used_cpus: float = 0.0
    used_memory_mb: int = 0
    used_disk_mb: int = 0
    leased_ports: set[int] = field(default_factory=set)
    foreign_ports: frozenset[int] = frozenset()
    """Ports of the pool that something else on the machine uses."""

    @property
    def pool(self) -> range:
        return range(self.port_first, self.port_last + 1) if self.port_first else range(0)

    @property
    def free_ports(self) -> int:
        pool = self.pool
        return len(pool) - sum(port in pool for port in self.leased_ports | self.foreign_ports)

    def is_port_free(self, port: int) -> bool:
        return port in self.pool and port not in self.leased_ports and port not in self.foreign_ports

    def hold_compute(self, demand: Demand) -> None:
        """Count an instance that is awake: its slot, processors and memory."""
        self.used_slots += 1
        self.used_cpus += demand.cpus
        self.used_memory_mb += demand.memory_mb

    def hold_storage(self, demand: Demand, ports: Iterable[int]) -> None:
        """Count an instance that lives here, awake or not: its disk and its ports."""
        self.used_disk_mb += demand.disk_mb
        self.leased_ports.update(ports)
