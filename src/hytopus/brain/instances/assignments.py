"""What a node must be told now, derived from the rows: a lost or repeated message costs nothing but time."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final

from sqlalchemy import and_, bindparam, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from hytopus.brain.instances import moving
from hytopus.brain.instances.models import Instance, Leftover, PortLease
from hytopus.brain.instances.queries import ports_of
from hytopus.brain.instances.record import describe
from hytopus.brain.instances.states import TRANSITIONAL, State, Wanted
from hytopus.brain.instances.variables import values_for
from hytopus.brain.nodes.models import Node
from hytopus.brain.nodes.queries import drain_of
from hytopus.wire.messages import (
    DestroyInstance,
    InstanceCommand,
    PortBinding,
    PrepareInstance,
    StartInstance,
    StopInstance,
    TemplateLayer,
)

_DESTROYING: Final = and_(Instance.wanted == Wanted.DESTROYED, Instance.state.in_((State.STOPPED, State.FAILED)))
_PENDING: Final = (
    select(Instance)
    .where(
        Instance.node_id.in_(bindparam("nodes", expanding=True)),
        or_(Instance.state.in_(TRANSITIONAL - {State.MOVING}), _DESTROYING),
    )
    .order_by(Instance.state_since, Instance.id)
)
_LEFTOVERS: Final = select(Leftover).where(Leftover.node_id.in_(bindparam("nodes", expanding=True)))


async def commands_for(session: AsyncSession, nodes: Sequence[Node]) -> dict[str, list[InstanceCommand]]:
    """By node, at most one command for each instance.

    `TemplateLayer.url` holds the object's S3 key, for the caller to sign.
    """
    asked = {"nodes": [node.id for node in nodes]}
    pending = list(await session.scalars(_PENDING, asked))
    preparing = [instance.id for instance in pending if instance.state is State.PREPARING]
    ports = await ports_of(session, preparing) if preparing else {}
    known = {node.id: node for node in nodes}
    commands: dict[str, list[InstanceCommand]] = {node.id: [] for node in nodes}
    for leftover in await session.scalars(_LEFTOVERS, asked):
        commands[leftover.node_id].append(_away_with(leftover))
    for instance in pending:
        node = known[str(instance.node_id)]
        commands[node.id].append(_command(instance, node, ports.get(instance.id, [])))
    return commands


def bindings(instance: Instance, leases: Sequence[PortLease]) -> tuple[PortBinding, ...]:
    """The ports as the node and the game see them, in the game's own order."""
    by_name = {lease.name: lease for lease in leases}
    return tuple(
        PortBinding(lease.name, lease.port, port.get("container") or lease.port, port.get("protocol", "udp"))
        for port in instance.definition["ports"]
        if (lease := by_name.get(port["name"])) is not None
    )


def _away_with(leftover: Leftover) -> InstanceCommand:
    """A copy with a world in it is not to run; that is all until somebody decides about it."""
    if leftover.keep:
        return StopInstance(leftover.instance_id, leftover.generation)
    return DestroyInstance(leftover.instance_id, leftover.generation, superseded=True)


def _command(instance: Instance, node: Node, leases: Sequence[PortLease]) -> InstanceCommand:
    origin = instance.origin or drain_of(node)
    match instance.state:
        case State.PREPARING:
            return _prepare(instance, node, bindings(instance, leases))
        case State.STARTING:
            policy = instance.restart_policy.model_dump_json()
            return StartInstance(
                instance.id,
                instance.generation,
                policy,
                autostart=instance.autostart,
                lease_s=instance.leased_s,
                origin=origin,
            )
        case State.STOPPING:
            kill = instance.kill_at is not None
            return StopInstance(instance.id, instance.generation, kill=kill, origin=origin)
        case _:
            return DestroyInstance(instance.id, instance.generation, origin=origin)


def _world(instance: Instance) -> TemplateLayer | None:
    """What it brings from the node it left; `url` holds the key, as that of a layer does."""
    if moving.step_of(instance) != moving.CARRIED or "key" not in (instance.move or {}):
        return None
    move = instance.move or {}
    return TemplateLayer(f"world-{instance.id}", move["checksum"][:16], move["checksum"], move["size"], move["key"])


def _prepare(instance: Instance, node: Node, ports: tuple[PortBinding, ...]) -> PrepareInstance:
    values = values_for(instance, node, ports)
    return PrepareInstance(
        instance_id=instance.id,
        generation=instance.generation,
        name=instance.name,
        template_layers=tuple(
            TemplateLayer(layer["template_id"], layer["version"], layer["checksum"], layer["size"], layer["s3_key"])
            for layer in instance.layers
        ),
        variable_map=values,
        secrets=tuple(name for name in instance.secret_names if name in values),
        game=json.dumps(instance.definition),
        ports=ports,
        memory_mb=instance.memory_mb,
        cpus=instance.cpus,
        disk_mb=instance.disk_mb,
        discard_changes=instance.discard_changes,
        record=describe(instance),
        world=_world(instance),
        origin=instance.origin,
    )
