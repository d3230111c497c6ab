"""Whether a node can take an instance, and which check says no. The order is the order people are told in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from hytopus.brain.placement.demand import Demand
from hytopus.brain.placement.room import Room

_ROUNDING: Final = 1e-6  # processors are added up as floats


class Check(NamedTuple):
    """One criterion. `have` and `need` are what was compared, for people and scripts."""

    name: str
    ok: bool
    have: str | int | float
    need: str | int | float


def check_all(demand: Demand, room: Room) -> list[Check]:
    """Every criterion, also after one has failed."""
    return [check(demand, room) for check in checks_for(demand)]


def first_failure(demand: Demand, room: Room) -> Check | None:
    """The first criterion that says no; None when the node can take it."""
    for check in checks_for(demand):
        result = check(demand, room)
        if not result.ok:
            return result
    return None


def is_feasible(demand: Demand, room: Room) -> bool:
    return first_failure(demand, room) is None


def _online(_demand: Demand, room: Room) -> Check:
    return Check("online", room.state == "online", room.state, "online")


def _engine(_demand: Demand, room: Room) -> Check:
    return Check("engine", room.engine_up, "up" if room.engine_up else "down", "up")


def _cordoned(_demand: Demand, room: Room) -> Check:
    return Check("cordoned", not room.cordoned, _yes(room.cordoned), "no")


def _draining(_demand: Demand, room: Room) -> Check:
    return Check("draining", not room.draining, _yes(room.draining), "no")


def _dev(demand: Demand, room: Room) -> Check:
    """Dev nodes take only what asks for them, and what asks for them goes nowhere else."""
    return Check("dev_mode", demand.dev == room.dev_mode, _on(room.dev_mode), _on(demand.dev))


def _pinned(demand: Demand, room: Room) -> Check:
    return Check("node", demand.pinned_node in ("", room.node_id), room.node_id, demand.pinned_node)


def _resident(demand: Demand, room: Room) -> Check:
    return Check("files", demand.resident == room.node_id, room.node_id, demand.resident)


def _region(demand: Demand, room: Room) -> Check:
    return Check("region", demand.region in ("", room.region), room.region, demand.region)


def _tags(demand: Demand, room: Room) -> Check:
    have, need = ",".join(sorted(room.tags)), ",".join(sorted(demand.tags))
    return Check("tags", demand.tags <= room.tags, have, need)


def _slots(_demand: Demand, room: Room) -> Check:
    if room.slots == 0:
        return Check("slots", True, "unlimited", 1)
    return Check("slots", room.used_slots < room.slots, room.slots - room.used_slots, 1)


def _memory(demand: Demand, room: Room) -> Check:
    free = room.memory_mb - room.used_memory_mb
    return Check("memory_mb", demand.memory_mb <= free, free, demand.memory_mb)


def _cpu(demand: Demand, room: Room) -> Check:
    free = room.cpus - room.used_cpus
    return Check("cpus", demand.cpus <= free + _ROUNDING, round(free, 3), demand.cpus)


def _disk(demand: Demand, room: Room) -> Check:
    free = room.disk_mb - room.used_disk_mb
    return Check("disk_mb", demand.disk_mb <= free, free, demand.disk_mb)


def _ports(demand: Demand, room: Room) -> Check:
    for port in demand.ports:
        if port.number is not None and not room.is_port_free(port.number):
            return Check("ports", False, "taken" if port.number in room.pool else "outside the pool", port.number)
    free = room.free_ports
    return Check("ports", len(demand.ports) <= free, free, len(demand.ports))


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def _on(value: bool) -> str:
    return "on" if value else "off"


CheckFunction = Callable[[Demand, Room], Check]

_PLACING: Final[tuple[CheckFunction, ...]] = (
    _online,
    _engine,
    _cordoned,
    _draining,
    _dev,
    _pinned,
    _region,
    _tags,
    _slots,
    _memory,
    _cpu,
    _disk,
    _ports,
)
_STARTING: Final[tuple[CheckFunction, ...]] = (_resident, _online, _engine, _draining, _slots, _memory, _cpu)
"""An instance whose files are on a node holds disk and ports already, and a cordon only keeps new ones out."""


def checks_for(demand: Demand) -> tuple[CheckFunction, ...]:
    """The criteria that matter: placing something new, or waking what already lives on a node."""
    return _STARTING if demand.resident else _PLACING
