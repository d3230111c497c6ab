"""What this machine is, and how much of it Hytopus may use."""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import psutil

from hytopus import __version__
from hytopus.node.settings import NodeSettings
from hytopus.wire.messages import NodeFacts

RESERVED_CPUS: Final = 0.25
"""For the agent, the engine and the system; of a single core, a quarter is still left to them."""

RESERVED_MEMORY_MB: Final = 512
RESERVED_MEMORY_SHARE: Final = 0.1
RESERVED_DISK_SHARE: Final = 0.1


def node_facts(settings: NodeSettings, *, materialisers: Sequence[str]) -> NodeFacts:
    """Blocking, but only just; the engine's version is added when the engine answers."""
    capacity = settings.capacity
    return NodeFacts(
        hostname=platform.node(),
        agent_version=__version__,
        kernel=platform.release(),
        architecture=platform.machine(),
        cpus=capacity.cpus if capacity.cpus is not None else usable_cpus(os.cpu_count() or 1, capacity.cpu_overcommit),
        memory_mb=capacity.memory_mb or usable_memory_mb(psutil.virtual_memory().total // 2**20),
        disk_mb=capacity.disk_mb or usable_disk_mb(settings.data_dir),
        slots=capacity.slots,
        region=settings.region,
        tags=settings.tags,
        address=settings.address,
        environment=settings.environment,
        port_first=settings.ports.first,
        port_last=settings.ports.last,
        materialisers=tuple(materialisers),
        leases=True,
    )


def usable_cpus(cores: int, overcommit: float) -> float:
    return round(max(0.5, cores - RESERVED_CPUS) * overcommit, 2)


def usable_memory_mb(total: int) -> int:
    """All but a tenth, or half a gibibyte if that is more; never less than half of a small machine."""
    return max(total // 2, total - max(RESERVED_MEMORY_MB, int(total * RESERVED_MEMORY_SHARE)))


def usable_disk_mb(data_dir: Path) -> int:
    """Nine tenths of the file system that holds the data directory (or will)."""
    existing = next(path for path in (data_dir, *data_dir.parents) if path.exists())
    return int(shutil.disk_usage(existing).total * (1 - RESERVED_DISK_SHARE)) // 2**20
