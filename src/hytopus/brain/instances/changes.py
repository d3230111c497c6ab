"""Changing an instance that exists: its settings, and the versions of its layers."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from hytopus.brain.accounts.sessions import RIGHTS
from hytopus.brain.activity.actor import Actor
from hytopus.brain.db.signals import signal
from hytopus.brain.games.catalogue import Catalogue
from hytopus.brain.instances.commands import check_alive, note, settle_now
from hytopus.brain.instances.creating.creation import check_name, check_restart, chosen, flush
from hytopus.brain.instances.creating.layers import Locked, lock
from hytopus.brain.instances.errors import InstanceIsRunning, NoRoom, NotAtRest, PortsChanged
from hytopus.brain.instances.models import Instance
from hytopus.brain.instances.queries import Held, held_by_node
from hytopus.brain.instances.reconciling.steps import replace
from hytopus.brain.instances.schemas import UpdateInstance, UpgradeInstance
from hytopus.brain.instances.states import AT_REST, State, advance
from hytopus.brain.instances.variables import MASK, check_given, masked
from hytopus.brain.nodes.queries import get as get_node
from hytopus.brain.templates.queries import get_versions
from hytopus.games.restart import RestartChoice
from hytopus.layers.reference import LayerReference
from hytopus.layers.rules import TemplateRules


async def update(
    session: AsyncSession, instance: Instance, body: UpdateInstance, *, actor: Actor, now: datetime
) -> None:
    """Change settings. Variables take effect with the next preparation; resources only change at rest."""
    check_alive(instance)
    given = body.model_dump(exclude_unset=True, exclude={"restart"})
    changes = {key: value for key, value in given.items() if value is not None}
    before = _shown(instance, changes)
    if "name" in changes and changes["name"] != instance.name:
        await check_name(session, changes["name"])
    await _check_resources(session, instance, changes)
    if "variables" in changes:
        await _set_variables(session, instance, changes.pop("variables"), restart=body.restart, now=now)
    if body.restart_policy is not None:
        check_restart(instance.game_definition.restart, body.restart_policy)
        instance.restart_choice = chosen(body.restart_policy)
        del changes["restart_policy"]
    if "metadata" in changes:
        instance.details = changes.pop("metadata")
    for key, value in changes.items():
        setattr(instance, key, sorted(set(value)) if key == "tags" else value)
    await flush(session, instance.name)
    message = f"{actor.name} changed {instance.name}: {', '.join(sorted(given)) or 'nothing'}."
    note(session, instance, "changed", message, actor=actor, now=now, before=before, after=_shown(instance, given))
    signal(session, "placement")
    if changes.keys() & {"region", "tags"}:
        signal(session, RIGHTS, instance.id)
    await settle_now(session, instance, now)


async def upgrade(
    session: AsyncSession,
    instance: Instance,
    body: UpgradeInstance,
    *,
    games: Catalogue,
    actor: Actor,
    now: datetime,
) -> None:
    """Lock other versions of its layers, or other layers; built in with the next preparation."""
    check_alive(instance)
    references = body.layers or _newest(instance.requested_layers)
    locked = await lock(session, references, instance.game if body.layers is None else None, games)
    values = {**instance.variables, **instance.secrets}
    given = check_given(locked.game, locked.rules, values)
    if instance.restart_choice is not None:
        check_restart(locked.game.restart, RestartChoice(**instance.restart_choice))
    before = {"layers": _names(instance)}
    await _check_same_ports(session, instance, locked, discard=body.discard_changes, now=now)
    instance.requested_layers = body.layers or _requested_again(instance.requested_layers, locked)
    instance.layers = locked.layers
    instance.game, instance.definition = locked.game.name, locked.game.document
    instance.variables, instance.secrets = given.variables, given.secrets
    instance.secret_names, instance.defaults = given.secret_names, given.defaults
    instance.discard_changes = instance.discard_changes or body.discard_changes
    _prepare_again(session, instance, "the upgrade", restart=body.restart, now=now)
    message = f"{actor.name} upgraded {instance.name} to {', '.join(_names(instance))}."
    note(
        session, instance, "upgraded", message, actor=actor, now=now, before=before, after={"layers": _names(instance)}
    )
    await settle_now(session, instance, now)


async def _set_variables(
    session: AsyncSession, instance: Instance, changes: dict[str, str | None], *, restart: bool, now: datetime
) -> None:
    # Whoever shows a form sends the mask back for what he could not see.
    unseen = {name for name, value in changes.items() if value == MASK and name in instance.secrets}
    told = {name: value for name, value in changes.items() if name not in unseen}
    values = {**instance.variables, **instance.secrets, **told}
    kept = {name: value for name, value in values.items() if value is not None}
    given = check_given(instance.game_definition, await _rules_of(session, instance), kept)
    instance.variables, instance.secrets = given.variables, given.secrets
    _prepare_again(session, instance, "a change of its variables", restart=restart, now=now)


def _prepare_again(session: AsyncSession, instance: Instance, what: str, *, restart: bool, now: datetime) -> None:
    """Its directory is out of date. The generation makes reports on the old one count for nothing."""
    if instance.state in (State.PREPARING, State.LOST, State.STOPPING, State.MOVING):
        raise NotAtRest(instance=instance.name, state=instance.state.value, what="what it is made of")
    if instance.state in (State.STARTING, State.RUNNING):
        if not restart:
            raise InstanceIsRunning(instance=instance.name, state=instance.state.value, what=what)
        advance(session, instance, State.STOPPING, at=now, why=f"It is being restarted for {what}.")
    elif instance.node_id is not None:
        instance.generation += 1
    instance.needs_prepare = True


async def _check_resources(session: AsyncSession, instance: Instance, changes: dict[str, Any]) -> None:
    asked = [key for key in ("memory_mb", "cpus", "disk_mb") if key in changes]
    if not asked:
        return
    if instance.state not in AT_REST:
        raise NotAtRest(instance=instance.name, state=instance.state.value, what=", ".join(asked))
    more = changes.get("disk_mb", 0) - instance.disk_mb
    if more <= 0 or instance.node_id is None:
        return
    node = await get_node(session, instance.node_id, lock=True)
    held = (await held_by_node(session, [instance.node_id])).get(instance.node_id, Held())
    if node is not None and node.disk_mb - held.disk_mb < more:
        raise NoRoom(node=node.name, free=node.disk_mb - held.disk_mb, instance=instance.name, more=more)


async def _check_same_ports(
    session: AsyncSession, instance: Instance, locked: Locked, *, discard: bool, now: datetime
) -> None:
    old = [(port.name, port.protocol) for port in instance.game_definition.ports]
    new = [(port.name, port.protocol) for port in locked.game.ports]
    if old == new or instance.node_id is None:
        return
    if instance.state not in AT_REST or (instance.ran and not discard):
        raise PortsChanged(game=locked.game.name, instance=instance.name)
    if instance.state is State.FAILED:
        advance(session, instance, State.REQUESTED, at=now)
    await replace(session, instance, at=now, why="Its game has other ports now.")


async def _rules_of(session: AsyncSession, instance: Instance) -> list[TemplateRules]:
    keys = [(layer["template_id"], layer["version"]) for layer in instance.layers]
    versions = await get_versions(session, keys)
    return [versions[key].template_rules for key in keys]


def _newest(requested: list[str]) -> list[str]:
    return [LayerReference.parse(text).template_id for text in requested]


def _requested_again(requested: list[str], locked: Locked) -> list[str]:
    """A layer that was pinned to a version is now pinned to the new one."""
    return [
        version.name if LayerReference.parse(text).version else text
        for text, version in zip(requested, locked.versions, strict=True)
    ]


def _names(instance: Instance) -> list[str]:
    return [f"{layer['template_id']}@{layer['version']}" for layer in instance.layers]


def _shown(instance: Instance, changes: dict[str, Any]) -> dict[str, Any]:
    values: dict[str, Any] = {
        "variables": masked(instance),
        "metadata": instance.details,
        "restart_policy": instance.restart_choice,
    }
    return {key: values[key] if key in values else getattr(instance, key) for key in changes}
