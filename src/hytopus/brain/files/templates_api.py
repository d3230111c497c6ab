"""Routes of what template versions hold, and how two of them differ."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query

from hytopus.brain.db.engine import Database
from hytopus.brain.files.asking import FETCH_S, node_for, signed
from hytopus.brain.files.errors import NoNodeToAsk
from hytopus.brain.files.instances_api import After, FilePath, Folder, Glob, Limit
from hytopus.brain.files.schemas import ComparisonOut, DraftContent, FileComparison, FilesOut
from hytopus.brain.http.dependencies import DatabaseDep, StoreDep
from hytopus.brain.http.problems import problems
from hytopus.brain.http.routing import feature_router
from hytopus.brain.instances.creating.layers import layer_of
from hytopus.brain.nodes.remote import NodeSessions, SessionsDep, ask
from hytopus.brain.templates.errors import TemplateNotFound, TemplateVersionNotFound
from hytopus.brain.templates.queries import get_version
from hytopus.storage.base import ObjectStore

router = feature_router("files")

Version = Annotated[str, Query(min_length=1, max_length=64)]
_FOUND = problems(TemplateNotFound, TemplateVersionNotFound, NoNodeToAsk)


@router.get("/templates/{template_id}/versions/{version}/files", responses=_FOUND)
async def list_version_files(
    template_id: str,
    version: str,
    database: DatabaseDep,
    sessions: SessionsDep,
    store: StoreDep,
    folder: Folder = "",
    glob: Glob = None,
    after: After = "",
    limit: Limit = 1_000,
) -> FilesOut:
    """The files of a version. A connected node fetches it into its cache, if it is not there."""
    node_id, layers = await _ready(database, sessions, store, template_id, version)
    body = {"layers": layers, "folder": folder, "glob": glob, "after": after, "limit": limit}
    return await ask(sessions, FilesOut, node_id, "draft_files", body=body, timeout=FETCH_S)


@router.get("/templates/{template_id}/versions/{version}/files/content", responses=_FOUND)
async def read_version_file(
    template_id: str, version: str, path: FilePath, database: DatabaseDep, sessions: SessionsDep, store: StoreDep
) -> DraftContent:
    """The text of a file of a version, placeholders as they are."""
    node_id, layers = await _ready(database, sessions, store, template_id, version)
    question = {"layers": layers, "path": path}
    return await ask(sessions, DraftContent, node_id, "draft_file", body=question, timeout=FETCH_S)


@router.get("/templates/{template_id}/compare", responses=_FOUND)
async def compare_versions(
    template_id: str,
    old: Version,
    new: Version,
    database: DatabaseDep,
    sessions: SessionsDep,
    store: StoreDep,
    after: After = "",
) -> ComparisonOut:
    """What is added, removed and changed from one version to another."""
    node_id, layers = await _ready(database, sessions, store, template_id, old, new)
    body = {"old": layers[:1], "new": layers[1:], "after": after}
    return await ask(sessions, ComparisonOut, node_id, "compare_layers", body=body, timeout=FETCH_S)


@router.get("/templates/{template_id}/compare/content", responses=_FOUND)
async def compare_version_file(
    template_id: str,
    old: Version,
    new: Version,
    path: FilePath,
    database: DatabaseDep,
    sessions: SessionsDep,
    store: StoreDep,
) -> FileComparison:
    """One file in both versions, with a unified diff where it is a small text."""
    node_id, layers = await _ready(database, sessions, store, template_id, old, new)
    body = {"old": layers[:1], "new": layers[1:], "path": path}
    return await ask(sessions, FileComparison, node_id, "compare_layers_file", body=body, timeout=FETCH_S)


async def _ready(
    database: Database, sessions: NodeSessions, store: ObjectStore, template_id: str, *versions: str
) -> tuple[str, list[dict[str, object]]]:
    """A node to ask, and the versions as it takes them."""
    async with database.read() as session:
        layers = [layer_of(await get_version(session, template_id, version)) for version in versions]
        node = await node_for(session, sessions, layers)
    return node.id, await signed(store, layers)
