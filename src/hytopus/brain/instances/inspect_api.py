"""Routes that explain instances: history, placement, the origin of files, and what a creation would do."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query

from hytopus.brain.activity.models import Event
from hytopus.brain.activity.queries import EventFilter
from hytopus.brain.activity.schemas import EventOut
from hytopus.brain.games.dependencies import GamesDep
from hytopus.brain.http.dependencies import DatabaseDep, ReadDep
from hytopus.brain.http.paging import Page, PageDep
from hytopus.brain.http.problems import problems
from hytopus.brain.http.routing import feature_router
from hytopus.brain.instances.creating.preview import preview
from hytopus.brain.instances.errors import InstanceHasNoNode, InstanceNotFound
from hytopus.brain.instances.queries import find
from hytopus.brain.instances.scheduling.explanation import explain
from hytopus.brain.instances.schemas import Explanation, PreviewInstance, PreviewOut, ProvenanceOut
from hytopus.brain.instances.target import on_node
from hytopus.brain.nodes.remote import PresenceDep, SessionsDep, ask

router = feature_router("instances")


@router.post("/instances/preview")
async def preview_instance(
    body: PreviewInstance, session: ReadDep, games: GamesDep, presence: PresenceDep
) -> PreviewOut:
    """What a creation would lock, ask for and refuse, and where it could go. Creates nothing."""
    return await preview(session, body, games=games, presence=presence)


@router.get("/instances/{instance}/events", responses=problems(InstanceNotFound))
async def list_instance_events(instance: str, session: ReadDep, page: PageDep) -> Page[EventOut]:
    """Its history, newest first."""
    row = await find(session, instance)
    wanted = EventFilter(subject_kind="instance", subject_id=row.id).select()
    rows, next_cursor = await page.keyset(session, wanted, Event.id, descending=True)
    return Page(items=[EventOut.model_validate(event) for event in rows], next_cursor=next_cursor)


@router.get("/instances/{instance}/explain", responses=problems(InstanceNotFound))
async def explain_instance(instance: str, session: ReadDep, presence: PresenceDep) -> Explanation:
    """Why it is where it is, or nowhere: every check of every node, with its numbers."""
    return await explain(session, await find(session, instance), presence)


@router.get("/instances/{instance}/provenance", responses=problems(InstanceNotFound, InstanceHasNoNode))
async def get_provenance(
    instance: str,
    database: DatabaseDep,
    sessions: SessionsDep,
    path: Annotated[str, Query(max_length=1024, description="A path or a glob; `**` crosses folders.")] = "**",
) -> ProvenanceOut:
    """Which layer each file came from, and which ones that layer overrode."""
    row, node_id = await on_node(database, instance)
    question = {"path": path}
    return await ask(sessions, ProvenanceOut, node_id, "provenance", instance_id=row.id, body=question, timeout=30.0)
