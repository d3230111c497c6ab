"""Creating an instance: everything that can be refused is refused before a row exists."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic import ValidationError
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from hytopus.brain.activity.actor import Actor
from hytopus.brain.db.scope import EVERYTHING
from hytopus.brain.db.signals import signal
from hytopus.brain.games.catalogue import Catalogue
from hytopus.brain.instances.commands import note
from hytopus.brain.instances.errors import BadInstanceName, BadRestartPolicy, NameTaken
from hytopus.brain.instances.layers import check_ports, lock
from hytopus.brain.instances.models import Instance
from hytopus.brain.instances.schemas import CreateInstance
from hytopus.brain.instances.settings import InstanceSettings
from hytopus.brain.instances.states import OnNodeLoss, State, Wanted
from hytopus.brain.instances.variables import MASK, check_given
from hytopus.brain.nodes.queries import find as find_node
from hytopus.games.restart import RestartChoice, RestartPolicy
from hytopus.kit.ids import is_name, new_id


async def create(
    session: AsyncSession,
    body: CreateInstance,
    *,
    games: Catalogue,
    actor: Actor,
    now: datetime,
    settings: InstanceSettings | None = None,
) -> Instance:
    """A new instance, which waits for a node from here on."""
    await check_name(session, body.name)
    locked = await lock(session, body.layers, body.game, games)
    given = check_given(locked.game, locked.rules, body.variables)
    await check_ports(session, locked.game, body.ports)
    check_restart(locked.game.restart, body.restart_policy)
    pinned = (await find_node(session, body.node)).id if body.node is not None else None
    resources = locked.game.resources
    persistent = locked.persistent if body.persistent is None else body.persistent
    by_itself = OnNodeLoss.WAIT if persistent else OnNodeLoss.REPLACE
    instance = Instance(
        id=new_id(),
        name=body.name,
        created_at=now,
        game=locked.game.name,
        definition=locked.game.model_dump(mode="json"),
        requested_layers=body.layers,
        layers=locked.layers,
        variables=given.variables,
        secrets=given.secrets,
        secret_names=given.secret_names,
        defaults=given.defaults,
        requested_ports=dict(body.ports),
        details=body.metadata,
        memory_mb=body.memory_mb or resources.memory_mb,
        cpus=body.cpus or resources.cpus,
        disk_mb=body.disk_mb or resources.disk_mb,
        region=body.region or "",
        tags=sorted(set(body.tags)),
        pinned_node=pinned,
        dev=body.dev,
        environment=body.environment or "",
        autostart=body.autostart,
        persistent=persistent,
        on_node_loss=body.on_node_loss or by_itself,
        replace_after_s=body.replace_after_s,
        lease_s=body.lease_s or (settings or InstanceSettings()).lease_s,
        wanted=Wanted.RUNNING if body.autostart else Wanted.STOPPED,
        state_since=now,
        restart_choice=chosen(body.restart_policy),
        log_tail=[],
        timings_ms={},
        players=[],
    )
    session.add(instance)
    await flush(session, instance.name)
    _tell(session, instance, actor=actor, now=now)
    return instance


def check_restart(policy: RestartPolicy, choice: RestartChoice | None) -> None:
    """Raises `BadRestartPolicy` where what an instance wants does not fit to what its game says."""
    try:
        policy.changed(choice)
    except ValidationError as error:
        raise BadRestartPolicy(why=error.errors()[0]["msg"]) from error


def chosen(choice: RestartChoice | None) -> dict[str, Any] | None:
    """As it is kept; one that says nothing is none."""
    return None if choice is None else choice.model_dump(mode="json", exclude_none=True) or None


async def check_name(session: AsyncSession, name: str) -> None:
    """Raises `BadInstanceName` or `NameTaken`."""
    if not is_name(name):
        raise BadInstanceName(name=name)
    taken = select(Instance.id).where(Instance.name == name, Instance.state != State.DESTROYED)
    if await session.scalar(taken, execution_options=EVERYTHING):
        raise NameTaken(name=name)


async def flush(session: AsyncSession, name: str) -> None:
    """Somebody may have taken the name in this very moment; the index knows."""
    try:
        await session.flush()
    except IntegrityError as error:
        raise NameTaken(name=name) from error


def shown(variables: Mapping[str, str], secret_names: list[str]) -> dict[str, str]:
    """Variables as they may be recorded."""
    return {name: MASK if name in secret_names else value for name, value in variables.items()}


def _tell(session: AsyncSession, instance: Instance, *, actor: Actor, now: datetime) -> None:
    after: dict[str, Any] = {
        "game": instance.game,
        "layers": [f"{layer['template_id']}@{layer['version']}" for layer in instance.layers],
        "variables": {**instance.variables, **dict.fromkeys(instance.secrets, MASK)},
        "memory_mb": instance.memory_mb,
        "cpus": instance.cpus,
        "disk_mb": instance.disk_mb,
        "persistent": instance.persistent,
        "on_node_loss": instance.on_node_loss.value,
        "wanted": instance.wanted.value,
        "to": instance.state.value,
    }
    message = f"{actor.name} asked for {instance.name}."
    note(session, instance, "created", message, actor=actor, now=now, after=after)
    signal(session, "placement")
