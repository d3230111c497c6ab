"""Why an instance is where it is, or nowhere."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncSession

from hytopus.brain.instances.models import Instance
from hytopus.brain.instances.queries import ports_of
from hytopus.brain.instances.scheduling.rooms import demand_of, rooms_of
from hytopus.brain.instances.schemas import CheckOut, Explanation, NodeRef, PlacedOut, VerdictOut
from hytopus.brain.instances.states import AWAKE, State, Wanted
from hytopus.brain.nodes.presence import Presence
from hytopus.brain.nodes.queries import nodes_with_room
from hytopus.brain.placement.demand import Demand
from hytopus.brain.placement.explain import Verdict, detail, summary
from hytopus.brain.placement.explain import explain as judge
from hytopus.brain.placement.room import Room


async def explain(session: AsyncSession, instance: Instance, presence: Presence) -> Explanation:
    """Judge every node as if the instance itself held nothing."""
    nodes = await nodes_with_room(session)
    rooms = await rooms_of(session, nodes, presence)
    demand = demand_of(instance)
    own = next((room for room in rooms if room.node_id == instance.node_id), None)
    if own is not None:
        leases = (await ports_of(session, [instance.id]))[instance.id]
        _let_go(own, instance, {lease.port for lease in leases})
    verdicts = judge(demand, rooms)
    name = next((node.name for node in nodes if node.id == instance.node_id), "")
    return Explanation(
        instance=instance.name,
        state=instance.state,
        node=NodeRef(id=instance.node_id, name=name) if instance.node_id else None,
        placed=_placed(instance, name),
        summary=_summary(instance, name, verdicts),
        nodes=[_shown(verdict) for verdict in verdicts],
    )


async def explain_demand(session: AsyncSession, demand: Demand, presence: Presence) -> Explanation:
    """Where something that does not exist yet could go."""
    rooms = await rooms_of(session, await nodes_with_room(session), presence)
    verdicts = judge(demand, rooms)
    shown = [_shown(verdict) for verdict in verdicts]
    return Explanation(instance=None, state=None, node=None, placed=None, summary=summary(verdicts), nodes=shown)


def _let_go(room: Room, instance: Instance, ports: set[int]) -> None:
    room.used_disk_mb -= instance.disk_mb
    room.leased_ports = room.leased_ports - ports
    if instance.state in AWAKE:
        room.used_slots -= 1
        room.used_cpus -= instance.cpus
        room.used_memory_mb -= instance.memory_mb


def _placed(instance: Instance, node: str) -> PlacedOut | None:
    if instance.placement is None:
        return None
    others = instance.placement["candidates"] - 1
    among = f"It left the most room of {others + 1} possible nodes." if others else "It was the only possible node."
    return PlacedOut(**instance.placement, why=f"{node}: {among}")


def _summary(instance: Instance, node: str, verdicts: list[Verdict]) -> str:
    if instance.state is State.DESTROYED:
        return "It is destroyed."
    if instance.node_id is None and instance.wanted is Wanted.STOPPED and instance.state is not State.REQUESTED:
        return f"It is {instance.state.value} and not on a node: nobody has asked for it to run."
    if instance.node_id is None:
        return summary(verdicts)
    waits = instance.wanted is Wanted.RUNNING and instance.state in (State.REQUESTED, State.STOPPED)
    if waits:
        return f"It lives on {node} and waits for room there. {summary(verdicts)}"
    return f"It is {instance.state.value} on {node}."


def _shown(verdict: Verdict) -> VerdictOut:
    return VerdictOut(
        node=verdict.node,
        node_id=verdict.node_id,
        feasible=verdict.feasible,
        score=verdict.score,
        checks=[
            CheckOut(check=check.name, ok=check.ok, detail=detail(check), have=check.have, need=check.need)
            for check in verdict.checks
        ],
    )
