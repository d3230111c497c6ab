"""Routes of what a creation would make: its merged tree, and each file with placeholders as it would be."""

from __future__ import annotations

from typing import Any

from hytopus.brain.db.engine import Database
from hytopus.brain.files.asking import FETCH_S, node_for, signed
from hytopus.brain.files.errors import NoNodeToAsk
from hytopus.brain.files.schemas import ConfigsOut, DraftConfigs, DraftContent, DraftFiles, DraftPath, FilesOut
from hytopus.brain.files.values import draft_values
from hytopus.brain.games.catalogue import Catalogue, GameNotFound
from hytopus.brain.games.dependencies import GamesDep
from hytopus.brain.http.dependencies import DatabaseDep, StoreDep
from hytopus.brain.http.problems import problems
from hytopus.brain.http.routing import feature_router
from hytopus.brain.instances.creating.layers import lock
from hytopus.brain.instances.errors import GameMissing
from hytopus.brain.instances.schemas import PreviewInstance
from hytopus.brain.nodes.answers import understood
from hytopus.brain.nodes.remote import NodeSessions, SessionsDep, ask
from hytopus.brain.templates.errors import TemplateNotFound, TemplateVersionNotFound
from hytopus.layers.reference import BadLayerReference
from hytopus.storage.base import ObjectStore

router = feature_router("files")

_DRAFT = problems(BadLayerReference, TemplateNotFound, TemplateVersionNotFound, GameNotFound, GameMissing, NoNodeToAsk)


@router.post("/instances/preview/files", responses=_DRAFT)
async def preview_files(
    body: DraftFiles, database: DatabaseDep, sessions: SessionsDep, store: StoreDep, games: GamesDep
) -> FilesOut:
    """The merged tree of a draft, with the layer that wins each path. Creates nothing."""
    node_id, question, _ = await _draft(database, sessions, store, games, body.draft)
    question |= {"folder": body.folder, "glob": body.glob, "after": body.after}
    return await ask(sessions, FilesOut, node_id, "draft_files", body=question, timeout=FETCH_S)


@router.post("/instances/preview/configs", responses=_DRAFT)
async def preview_configs(
    body: DraftConfigs, database: DatabaseDep, sessions: SessionsDep, store: StoreDep, games: GamesDep
) -> ConfigsOut:
    """Every file with placeholders, what would stay unresolved in it, and required files that no layer brings."""
    node_id, question, assumed = await _draft(database, sessions, store, games, body.draft)
    answer = await sessions.ask(node_id, "draft_configs", body=question, timeout=FETCH_S)
    return understood(ConfigsOut, {**answer, "assumed": assumed}, node_id=node_id, what="draft_configs")


@router.post("/instances/preview/content", responses=_DRAFT)
async def preview_file(
    body: DraftPath, database: DatabaseDep, sessions: SessionsDep, store: StoreDep, games: GamesDep
) -> DraftContent:
    """One file as it would be, its placeholders replaced, with marks for secrets."""
    node_id, question, _ = await _draft(database, sessions, store, games, body.draft)
    question["path"] = body.path
    return await ask(sessions, DraftContent, node_id, "draft_file", body=question, timeout=FETCH_S)


async def _draft(
    database: Database, sessions: NodeSessions, store: ObjectStore, games: Catalogue, body: PreviewInstance
) -> tuple[str, dict[str, Any], dict[str, str]]:
    """A node to ask, layers and values as it takes them, and which values are only assumed."""
    async with database.read() as session:
        locked = await lock(session, body.layers, body.game, games, hold=False)
        node = await node_for(session, sessions, locked.layers)
    values, assumed = draft_values(body, locked.game, list(locked.rules), node)
    return node.id, {"layers": await signed(store, locked.layers), "values": values}, assumed
