"""Following the plan as far as it needs nothing but the instance: used by commands, observations and the reconciler.

Doing it in the transaction of the change itself saves a round of waking up: `prepared` and `start_instance` are one
write apart.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from hytopus.brain.db.signals import signal
from hytopus.brain.instances.deadlines import allowance, deadline
from hytopus.brain.instances.models import Instance
from hytopus.brain.instances.plan import Action, Admit, NodeView, Place, Rest, Situation, Wait, plan
from hytopus.brain.instances.settings import InstanceSettings
from hytopus.brain.instances.steps import take
from hytopus.brain.nodes.models import Node
from hytopus.brain.nodes.states import NodeState

_STEPS_AT_MOST = 8


async def settle(
    session: AsyncSession,
    instance: Instance,
    node: Node | None,
    *,
    at: datetime,
    settings: InstanceSettings | None = None,
) -> Action:
    """Take every step that is due; returns what is left to wait for. Without settings no deadline is judged."""
    for _ in range(_STEPS_AT_MOST):
        action = plan(situation_of(instance, node, settings), at)
        if isinstance(action, Place | Admit):
            signal(session, "placement")
            return action
        if isinstance(action, Rest | Wait):
            return action
        await take(session, instance, action, at=at)
        if instance.node_id is None:
            node = None
    return Rest()


def situation_of(instance: Instance, node: Node | None, settings: InstanceSettings | None) -> Situation:
    """The row as `plan` sees it. `node` must be the row of `instance.node_id`."""
    view = None if node is None else NodeView(node.state, node.state_since, node.draining, node.drain_deadline)
    online_since = node.state_since if node is not None and node.state is NodeState.ONLINE else None
    problem = instance.problem or {}
    return Situation(
        state=instance.state,
        wanted=instance.wanted,
        has_node=instance.node_id is not None,
        node=view,
        ran=instance.ran,
        kill_asked=instance.kill_at is not None,
        deadline=None if settings is None else deadline(instance, settings, online_since),
        allowed_s=0.0 if settings is None else allowance(instance, settings) or 0.0,
        lost_after_s=None if settings is None else settings.lost_after_s,
        problem_code=str(problem.get("code", "")),
    )
