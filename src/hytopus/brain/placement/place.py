"""Deciding a whole batch on one snapshot: each decision takes its room before the next is made."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from heapq import heappop, heappush

from hytopus.brain.placement.demand import Demand
from hytopus.brain.placement.feasible import is_feasible
from hytopus.brain.placement.ports import allocate
from hytopus.brain.placement.rank import rank, score
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
    snapshot = Snapshot(rooms)
    for demand in demands:
        yield snapshot.place(demand)


def place_one(demand: Demand, rooms: Sequence[Room]) -> Placed | Unplaceable:
    """Decide about a single one."""
    return Snapshot(rooms).place(demand)


class Snapshot:
    """Rooms that only fill up, and for each shape of demand the ones that can take it.

    A thousand like instances on a thousand nodes are a million questions if each asks every node. Here a shape asks
    every node once, and after that only those that have been given something since.
    """

    def __init__(self, rooms: Sequence[Room]) -> None:
        self._rooms = rooms
        self._given: list[Room] = []
        """The rooms that have been given something, in order."""
        self._shapes: dict[Demand, _Shape] = {}

    def place(self, demand: Demand) -> Placed | Unplaceable:
        """Decide, and take the room for it."""
        key = replace(demand, instance_id="", name="")
        if (shape := self._shapes.get(key)) is None:
            shape = self._shapes[key] = _Shape(demand, self._rooms, seen=len(self._given))
        shape.catch_up(self._given)
        while (room := shape.best()) is not None:
            value, candidates = score(demand, room), len(shape.possible)
            ports = take(demand, room)
            if ports is not None:
                self._given.append(room)
                return Placed(demand, room.node_id, ports, value, candidates)
            del shape.possible[room.node_id]
        return Unplaceable(demand)


class _Shape:
    """The rooms that can take demands that differ in nothing but their names, the best on top of a heap."""

    def __init__(self, demand: Demand, rooms: Sequence[Room], *, seen: int) -> None:
        self._demand, self._seen = demand, seen
        self.possible = {room.node_id: rank(demand, room) for room in rooms if is_feasible(demand, room)}
        self._rooms = {room.node_id: room for room in rooms}
        self._heap = sorted(self.possible.values())

    def catch_up(self, given: Sequence[Room]) -> None:
        """Judge anew the rooms that have got fuller since the last time."""
        for room in given[self._seen :]:
            if room.node_id not in self.possible:
                continue
            if is_feasible(self._demand, room):
                self.possible[room.node_id] = rank(self._demand, room)
                heappush(self._heap, self.possible[room.node_id])
            else:
                del self.possible[room.node_id]
        self._seen = len(given)

    def best(self) -> Room | None:
        """Ranks on the heap that a room no longer has are left over from before it got fuller."""
        while self._heap:
            node_id = self._heap[0][-1]
            if self.possible.get(node_id) == self._heap[0]:
                return self._rooms[node_id]
            heappop(self._heap)
        return None


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
