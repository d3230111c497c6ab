"""Following the plan as far as it needs nothing but the instance: used by commands, observations and the reconciler.

Doing it in the transaction of the change itself saves a round of waking up: `prepared` and `start_instance` are one
write apart.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from hytopus.brain.db.signals import signal
from hytopus.brain.instances import moving
from hytopus.brain.instances.models import Instance
from hytopus.brain.instances.reconciling.deadlines import allowance, stop_s
from hytopus.brain.instances.reconciling.fences import Fences
from hytopus.brain.instances.reconciling.patience import Patience
from hytopus.brain.instances.reconciling.plan import Action, Admit, NodeView, Place, Rest, Situation, Wait, plan
from hytopus.brain.instances.reconciling.replacement import Loss, fence_s
from hytopus.brain.instances.reconciling.steps import take
from hytopus.brain.instances.settings import InstanceSettings
from hytopus.brain.nodes.models import Node
from hytopus.brain.nodes.queries import drain_of
from hytopus.kit.requests import of_request

_STEPS_AT_MOST = 8


async def settle(
    session: AsyncSession,
    instance: Instance,
    node: Node | None,
    *,
    at: datetime,
    settings: InstanceSettings | None = None,
    fences: Fences | None = None,
    patience: Patience | None = None,
) -> Action:
    """Take every step that is due; returns what is left to wait for. Without settings no deadline is judged."""
    for _ in range(_STEPS_AT_MOST):
        action = plan(situation_of(instance, node, settings, fences, patience), at)
        if isinstance(action, Place | Admit):
            signal(session, "placement")
            return action
        if isinstance(action, Rest | Wait):
            return action
        with of_request(drain_of(node)):
            await take(session, instance, action, at=at)
        if instance.node_id is None:
            node = None
    return Rest()


def situation_of(
    instance: Instance,
    node: Node | None,
    settings: InstanceSettings | None,
    fences: Fences | None = None,
    patience: Patience | None = None,
) -> Situation:
    """The row as `plan` sees it. `node` must be the row of `instance.node_id`."""
    view = None if node is None else _view(node)
    problem = instance.problem or {}
    return Situation(
        state=instance.state,
        wanted=instance.wanted,
        has_node=instance.node_id is not None,
        node=view,
        ran=instance.ran,
        leaving=moving.step_of(instance) == moving.LEAVE,
        tied=instance.ran and instance.persistent,
        loss=Loss() if settings is None else _loss(instance, node, settings, fences),
        kill_asked=instance.kill_at is not None,
        deadline=None if patience is None else patience.deadline(instance),
        allowed_s=0.0 if settings is None else allowance(instance, settings) or 0.0,
        lost_after_s=None if settings is None else settings.lost_after_s,
        problem_code=str(problem.get("code", "")),
    )


def _view(node: Node) -> NodeView:
    return NodeView(node.state, node.state_since, node.draining, node.drain_deadline, node.drain_force)


def _loss(instance: Instance, node: Node | None, settings: InstanceSettings, fences: Fences | None) -> Loss:
    after = instance.replace_after_s
    lease_s = instance.leased_s if node is not None and node.leases else 0.0
    return Loss(
        policy=instance.on_node_loss,
        replace_after_s=settings.replace_after_s if after is None else after,
        declared_s=None if node is None or fences is None else fences.declared_s(node),
        off=node is not None and node.off,
        fence_s=fence_s(lease_s, stop_s(instance), settings.fence_slack_s),
    )
