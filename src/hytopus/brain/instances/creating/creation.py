"""Creating an instance: everything that can be refused is refused before a row exists."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter
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
from hytopus.brain.instances.creating.layers import Locked, check_ports, lock
from hytopus.brain.instances.errors import BadInstanceName, BadRestartPolicy, NamesTakenMeanwhile, NameTaken
from hytopus.brain.instances.models import Instance
from hytopus.brain.instances.schemas import CreateInstance, CreateInstances, InstanceWithoutName
from hytopus.brain.instances.settings import InstanceSettings
from hytopus.brain.instances.states import OnNodeLoss, State, Wanted
from hytopus.brain.instances.variables import MASK, Given, check_given
from hytopus.brain.nodes.queries import find as find_node
from hytopus.errors import HytopusError
from hytopus.games.restart import RestartChoice, RestartPolicy
from hytopus.kit.ids import is_name, new_id


@dataclass(frozen=True, slots=True)
class Mould:
    """What like instances have in common, found and checked once."""

    body: InstanceWithoutName
    locked: Locked
    given: Given
    pinned: str | None
    lease_s: float

    def cast(self, name: str, *, now: datetime) -> Instance:
        """An instance of that name, which waits for a node."""
        body, resources = self.body, self.locked.game.resources
        persistent = self.locked.persistent if body.persistent is None else body.persistent
        by_itself = OnNodeLoss.WAIT if persistent else OnNodeLoss.REPLACE
        return Instance(
            id=new_id(),
            name=name,
            created_at=now,
            game=self.locked.game.name,
            definition=self.locked.game.document,
            requested_layers=body.layers,
            layers=self.locked.layers,
            variables=self.given.variables,
            secrets=self.given.secrets,
            secret_names=self.given.secret_names,
            defaults=self.given.defaults,
            requested_ports=dict(body.ports),
            details=body.metadata,
            memory_mb=body.memory_mb or resources.memory_mb,
            cpus=body.cpus or resources.cpus,
            disk_mb=body.disk_mb or resources.disk_mb,
            region=body.region or "",
            tags=sorted(set(body.tags)),
            pinned_node=self.pinned,
            dev=body.dev,
            environment=body.environment or "",
            autostart=body.autostart,
            persistent=persistent,
            on_node_loss=body.on_node_loss or by_itself,
            replace_after_s=body.replace_after_s,
            lease_s=body.lease_s or self.lease_s,
            wanted=Wanted.RUNNING if body.autostart else Wanted.STOPPED,
            state_since=now,
            restart_choice=chosen(body.restart_policy),
            log_tail=[],
            timings_ms={},
            players=[],
        )


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
    if not is_name(body.name):
        raise BadInstanceName(name=body.name)
    mould = await mould_of(session, body, games, settings)
    instance = mould.cast(body.name, now=now)
    session.add(instance)
    await flush(session, instance.name)
    tell(session, instance, actor=actor, now=now)
    return instance


async def create_many(
    session: AsyncSession,
    body: CreateInstances,
    *,
    games: Catalogue,
    actor: Actor,
    now: datetime,
    settings: InstanceSettings | None = None,
) -> list[Instance | HytopusError]:
    """For each name the new instance, or why there is none. What is wrong with all of them is raised."""
    mould = await mould_of(session, body, games, settings)
    taken = await taken_names(session, body.names)
    made: list[Instance | HytopusError] = []
    for name in body.names:
        if not is_name(name):
            made.append(BadInstanceName(name=name))
        elif name in taken:
            made.append(NameTaken(name=name))
        else:
            taken.add(name)
            made.append(mould.cast(name, now=now))
    new = [each for each in made if isinstance(each, Instance)]
    # Two who want the same names take them in the same order, or each would wait for the other.
    session.add_all(sorted(new, key=attrgetter("name")))
    try:
        await session.flush()
    except IntegrityError as error:
        raise NamesTakenMeanwhile from error
    for instance in new:
        tell(session, instance, actor=actor, now=now)
    return made


async def mould_of(
    session: AsyncSession, body: InstanceWithoutName, games: Catalogue, settings: InstanceSettings | None
) -> Mould:
    """Raises whatever keeps such instances from being created, but for their names."""
    locked = await lock(session, body.layers, body.game, games)
    given = check_given(locked.game, locked.rules, body.variables)
    await check_ports(session, locked.game, body.ports)
    check_restart(locked.game.restart, body.restart_policy)
    pinned = (await find_node(session, body.node)).id if body.node is not None else None
    return Mould(body, locked, given, pinned, (settings or InstanceSettings()).lease_s)


async def taken_names(session: AsyncSession, names: Sequence[str]) -> set[str]:
    taken = select(Instance.name).where(Instance.name.in_(names), Instance.state != State.DESTROYED)
    return set(await session.scalars(taken, execution_options=EVERYTHING))


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


def tell(session: AsyncSession, instance: Instance, *, actor: Actor, now: datetime) -> None:
    """Record a creation, and let the scheduler know."""
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
