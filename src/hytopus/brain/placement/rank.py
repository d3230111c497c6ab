"""Which of the possible nodes is best: the one that stays the emptiest, so that instances spread evenly."""

from __future__ import annotations

from hytopus.brain.placement.demand import Demand
from hytopus.brain.placement.room import Room

Rank = tuple[float, int, int, str]


def score(demand: Demand, room: Room) -> float:
    """0 to 100: what would be left of the scarcest of memory, processors and slots, in per cent."""
    shares = [
        _share(room.used_memory_mb + demand.memory_mb, room.memory_mb),
        _share(room.used_cpus + demand.cpus, room.cpus),
    ]
    if room.slots:
        shares.append(_share(room.used_slots + 1, room.slots))
    return round(100 * (1 - max(shares)), 2)


def rank(demand: Demand, room: Room) -> Rank:
    """The lower, the better, and never lower than before the room got fuller.

    Equals are settled by fewer instances, then less disk, then by id.
    """
    return -score(demand, room), room.used_slots, room.used_disk_mb, room.node_id


def _share(used: float, whole: float) -> float:
    return min(1.0, used / whole) if whole > 0 else 1.0
