"""The scheduler's snapshot: nodes as rooms, waiting instances as demands."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncSession

from hytopus.brain.instances.models import Instance
from hytopus.brain.instances.queries import Held, held_by_node, leased_ports
from hytopus.brain.nodes.models import Node
from hytopus.brain.nodes.presence import Presence
from hytopus.brain.placement.demand import Demand, PortDemand
from hytopus.brain.placement.room import Room


async def rooms_of(session: AsyncSession, nodes: Sequence[Node], presence: Presence) -> list[Room]:
    """What each node has and what instances already hold of it."""
    ids = [node.id for node in nodes]
    held, ports = await held_by_node(session, ids), await leased_ports(session, ids)
    return [_room(node, held.get(node.id, Held()), ports.get(node.id, set()), presence) for node in nodes]


def demand_of(instance: Instance) -> Demand:
    """What an instance needs; one that lives on a node only needs to be let in there."""
    return Demand(
        instance_id=instance.id,
        name=instance.name,
        cpus=instance.cpus,
        memory_mb=instance.memory_mb,
        disk_mb=instance.disk_mb,
        region=instance.region,
        tags=frozenset(instance.tags),
        pinned_node=(instance.move or {}).get("target") or instance.pinned_node or "",
        dev=instance.dev,
        ports=tuple(
            PortDemand(port["name"], port.get("protocol", "udp"), instance.requested_ports.get(port["name"]))
            for port in instance.definition["ports"]
        ),
        resident=instance.node_id or "",
    )


def _room(node: Node, held: Held, ports: set[int], presence: Presence) -> Room:
    load = presence.load(node.id)
    return Room(
        node_id=node.id,
        name=node.name,
        state=node.state.value,
        engine_up=load is None or load.engine_up,
        cordoned=node.cordoned,
        draining=node.draining,
        dev_mode=node.dev_mode,
        region=node.region,
        tags=frozenset(node.tags),
        slots=node.slots,
        cpus=node.cpus,
        memory_mb=node.memory_mb,
        disk_mb=node.disk_mb,
        port_first=node.port_first,
        port_last=node.port_last,
        used_slots=held.slots,
        used_cpus=held.cpus,
        used_memory_mb=held.memory_mb,
        used_disk_mb=held.disk_mb,
        leased_ports=ports,
        foreign_ports=frozenset(load.foreign_ports) if load else frozenset(),
    )
