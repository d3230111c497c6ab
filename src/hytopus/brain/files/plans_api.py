"""Routes of what an upgrade would do to the files of an instance."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from hytopus.brain.files.asking import FETCH_S, node_for, signed
from hytopus.brain.files.errors import NoNodeToAsk
from hytopus.brain.files.schemas import FileComparison, PlanOut, PlanPath, PlanUpgrade
from hytopus.brain.files.values import marked
from hytopus.brain.games.catalogue import Catalogue
from hytopus.brain.games.dependencies import GamesDep
from hytopus.brain.http.dependencies import DatabaseDep, StoreDep
from hytopus.brain.http.problems import problems
from hytopus.brain.http.routing import feature_router
from hytopus.brain.instances.assignments import bindings
from hytopus.brain.instances.creating.layers import Locked, lock
from hytopus.brain.instances.errors import InstanceNotFound
from hytopus.brain.instances.models import Instance
from hytopus.brain.instances.queries import find, ports_of
from hytopus.brain.instances.variables import check_given, declarations, values_for
from hytopus.brain.nodes.answers import understood
from hytopus.brain.nodes.models import Node
from hytopus.brain.nodes.queries import get as get_node
from hytopus.brain.nodes.remote import NodeSessions, SessionsDep
from hytopus.brain.templates.errors import TemplateNotFound, TemplateVersionNotFound
from hytopus.errors import HytopusError
from hytopus.layers.reference import BadLayerReference, LayerReference
from hytopus.storage.base import ObjectStore

router = feature_router("files")

_PLAN = problems(InstanceNotFound, BadLayerReference, TemplateNotFound, TemplateVersionNotFound, NoNodeToAsk)
NOT_PREPARED = frozenset({"not_prepared", "instance_unknown"})


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What would be locked, and what placeholders would be worth then."""

    instance: Instance
    locked: Locked
    values: Mapping[str, str]
    problems: list[dict[str, Any]]
    node: Node


@router.post("/instances/{instance}/upgrade/plan", responses=_PLAN)
async def plan_upgrade(
    instance: str, body: PlanUpgrade, database: DatabaseDep, sessions: SessionsDep, store: StoreDep, games: GamesDep
) -> PlanOut:
    """Which files an upgrade would add, change and remove, and which of them the server has made its own."""
    async with database.read() as session:
        wanted = await _wanted(session, instance, body.layers, games, sessions)
    question = {"layers": await signed(store, wanted.locked.layers), "values": wanted.values, "after": body.after}
    answer = await _of_instance(sessions, wanted, "compare", question)
    prepared = answer is not None
    if answer is None:
        compared = await _of_layers(sessions, store, wanted, "compare_layers", question)
        configs = await sessions.ask(wanted.node.id, "draft_configs", body=question, timeout=FETCH_S)
        answer = {**compared, **configs}
    said = {**answer, "layers": wanted.locked.layers, "problems": wanted.problems, "prepared": prepared}
    return understood(PlanOut, said, node_id=wanted.node.id, what="compare")


@router.post("/instances/{instance}/upgrade/plan/content", responses=_PLAN)
async def plan_upgrade_file(
    instance: str, body: PlanPath, database: DatabaseDep, sessions: SessionsDep, store: StoreDep, games: GamesDep
) -> FileComparison:
    """One file before and after an upgrade, as it was and would be prepared."""
    async with database.read() as session:
        wanted = await _wanted(session, instance, body.layers, games, sessions)
    question = {"layers": await signed(store, wanted.locked.layers), "values": wanted.values, "path": body.path}
    answer = await _of_instance(sessions, wanted, "compare_file", question)
    if answer is None:
        answer = await _of_layers(sessions, store, wanted, "compare_layers_file", question)
    return understood(FileComparison, answer, node_id=wanted.node.id, what="compare_file")


async def _wanted(
    session: AsyncSession, reference: str, layers: list[str] | None, games: Catalogue, sessions: NodeSessions
) -> _Wanted:
    instance = await find(session, reference)
    asked = layers or [LayerReference.parse(text).template_id for text in instance.requested_layers]
    locked = await lock(session, asked, instance.game if layers is None else None, games, hold=False)
    node = await get_node(session, instance.node_id) if instance.node_id else None
    node = node or await node_for(session, sessions, locked.layers)
    leases = (await ports_of(session, [instance.id]))[instance.id]
    given = {**instance.variables, **instance.secrets}
    known = declarations(locked.game, locked.rules)
    as_if = Instance(
        id=instance.id,
        name=instance.name,
        environment=instance.environment,
        defaults={name: one.default for name, one in known.items() if one.default is not None},
        variables=given,
        secrets={},
    )
    secret = {*instance.secret_names, *(name for name, one in known.items() if one.secret)}
    values = marked(values_for(as_if, node, bindings(instance, leases)), secret)
    return _Wanted(instance, locked, values, _problems(locked, given), node)


def _problems(locked: Locked, given: Mapping[str, str]) -> list[dict[str, Any]]:
    try:
        check_given(locked.game, locked.rules, given)
    except HytopusError as error:
        return [error.as_dict()]
    return []


async def _of_instance(
    sessions: NodeSessions, wanted: _Wanted, kind: str, question: Mapping[str, Any]
) -> dict[str, Any] | None:
    """None where its node has no directory of it."""
    if wanted.instance.node_id is None:
        return None
    try:
        return await sessions.ask(wanted.node.id, kind, instance_id=wanted.instance.id, body=question, timeout=FETCH_S)
    except HytopusError as error:
        if error.code in NOT_PREPARED:
            return None
        raise


async def _of_layers(
    sessions: NodeSessions, store: ObjectStore, wanted: _Wanted, kind: str, question: Mapping[str, Any]
) -> dict[str, Any]:
    """From what it has locked now, as if that had been prepared with the same values."""
    body = {**question, "old": await signed(store, wanted.instance.layers), "new": question["layers"]}
    return await sessions.ask(wanted.node.id, kind, body=body, timeout=FETCH_S)
