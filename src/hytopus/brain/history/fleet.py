"""The fleet in numbers, as the database has it. Every Brain counts the same, so their samples may be averaged."""

from __future__ import annotations

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from hytopus.brain.instances.models import Instance
from hytopus.brain.instances.queries import count_by_state
from hytopus.brain.instances.states import AWAKE, State
from hytopus.brain.nodes.models import Node
from hytopus.brain.nodes.queries import count_by_state as count_nodes
from hytopus.brain.nodes.states import NodeState


async def count_fleet(session: AsyncSession) -> dict[str, float]:
    """`instances.<state>`, `nodes.<state>`, `players`, `slots_used` and `slots` (of the nodes that limit them)."""
    numbers: dict[str, float] = {
        f"instances.{state.value}": count
        for state, count in (await count_by_state(session)).items()
        if state is not State.DESTROYED
    }
    numbers |= {f"nodes.{state.value}": count for state, count in (await count_nodes(session)).items()}
    awake = select(func.count(), func.coalesce(func.sum(func.json_array_length(Instance.players)), 0)).where(
        Instance.state.in_(AWAKE)
    )
    used, players = (await session.execute(awake)).one()
    slots = await session.scalar(select(func.coalesce(func.sum(Node.slots), 0)).where(Node.state != NodeState.OFFLINE))
    return {**numbers, "players": int(players), "slots_used": used, "slots": int(slots or 0)}
