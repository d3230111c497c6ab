"""Deciding a whole batch on one snapshot: each decision takes its room before the next is made."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from hytopus.brain.placement.demand import Demand
from hytopus.brain.placement.feasible import is_feasible
from hytopus.brain.placement.ports import allocate
from hytopus.brain.placement.rank import best, score
from hytopus.brain.placement.room import Room


@dataclass(frozen=True, slots=True)
class Placed:
    """It goes to this node. `ports` are in the order of the demand; empty for an instance that only wakes up."""

    demand: Demand
    node_id: str
    ports: tuple[int, ...]
    score: float
    candidates: int
    """How many nodes could have taken it."""


@dataclass(frozen=True, slots=True)
class Unplaceable:
    """No node can take it now."""

    demand: Demand


def place(demands: Iterable[Demand], rooms: Sequence[Room]) -> Iterator[Placed | Unplaceable]:
    """Decide one after the other; `rooms` are changed as they fill."""
    for demand in demands:
        yield place_one(demand, rooms)


def place_one(demand: Demand, rooms: Sequence[Room]) -> Placed | Unplaceable:
    possible = [room for room in rooms if is_feasible(demand, room)]
    while possible:
        room = best(demand, possible)
        value = score(demand, room)
        ports = take(demand, room)
        if ports is not None:
            return Placed(demand, room.node_id, ports, value, len(possible))
        possible.remove(room)
    return Unplaceable(demand)


def take(demand: Demand, room: Room) -> tuple[int, ...] | None:
    """Fill the room with an instance it can take; None when its ports cannot be had after all."""
    if demand.resident:
        room.hold_compute(demand)
        return ()
    ports = allocate(demand.ports, room)
    if ports is not None:
        room.hold_compute(demand)
        room.hold_storage(demand, ports)
    return ports
