"""Choosing ports from a node's pool, without ever using one twice."""

from __future__ import annotations

from hytopus.brain.placement.demand import PortDemand
from hytopus.brain.placement.room import Room


def allocate(demands: tuple[PortDemand, ...], room: Room) -> tuple[int, ...] | None:
    """A port for each demand, in order: the asked-for ones, and the lowest free ones for the rest; None if impossible.

    A number is used once per node whatever its protocol, so that one line tells players where to go.
    """
    asked = [demand.number for demand in demands if demand.number is not None]
    if len(set(asked)) < len(asked) or not all(room.is_port_free(port) for port in asked):
        return None
    free = (port for port in room.pool if room.is_port_free(port) and port not in asked)
    chosen = [next(free, None) if demand.number is None else demand.number for demand in demands]
    return tuple(port for port in chosen if port is not None) if None not in chosen else None
