"""Routes of the files of an instance: seen at any time, changed at rest."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query, Request
from starlette.responses import Response

from hytopus.brain.accounts.dependencies import ActorDep, PrincipalDep
from hytopus.brain.accounts.roles import Role
from hytopus.brain.activity.actor import Actor
from hytopus.brain.db.engine import Database
from hytopus.brain.files.asking import LOOK_S
from hytopus.brain.files.commands import begin_change, record_change
from hytopus.brain.files.download import FileResponse
from hytopus.brain.files.errors import ChangesToBeDiscarded, LengthMissing
from hytopus.brain.files.schemas import ChangedFile, Digest, FileContent, FilesOut, WriteFile
from hytopus.brain.http.dependencies import ClockDep, DatabaseDep
from hytopus.brain.http.problems import problems
from hytopus.brain.http.routing import feature_router
from hytopus.brain.instances.errors import InstanceHasNoNode, InstanceNotFound, NotAtRest
from hytopus.brain.instances.models import Instance
from hytopus.brain.instances.target import on_node
from hytopus.brain.nodes.answers import understood
from hytopus.brain.nodes.remote import FilesDep, SessionsDep, ask
from hytopus.kit.clock import Clock

router = feature_router("files")

Folder = Annotated[str, Query(max_length=12_000, description="What lies in this folder; default: the root.")]
Glob = Annotated[
    str | None, Query(min_length=1, max_length=1024, description="Instead: every file below that matches.")
]
After = Annotated[str, Query(max_length=12_000, description="`next` of the page before.")]
Limit = Annotated[int, Query(ge=1, le=1_000)]
FilePath = Annotated[str, Query(min_length=1, max_length=12_000)]
Seen = Annotated[
    Digest, Query(description="Of the file as it was seen; empty where there must be none; `*` for whatever is there.")
]
_CHANGE = problems(InstanceNotFound, InstanceHasNoNode, NotAtRest, ChangesToBeDiscarded)


@router.get("/instances/{instance}/files", responses=problems(InstanceNotFound, InstanceHasNoNode))
async def list_files(
    instance: str,
    database: DatabaseDep,
    sessions: SessionsDep,
    folder: Folder = "",
    glob: Glob = None,
    after: After = "",
    limit: Limit = 1_000,
) -> FilesOut:
    """Its files, with the layer each came from, the ones that layer overrode, and what the server did to it."""
    row, node_id = await on_node(database, instance)
    body = {"folder": folder, "glob": glob, "after": after, "limit": limit}
    return await ask(sessions, FilesOut, node_id, "files", instance_id=row.id, body=body, timeout=LOOK_S)


@router.get("/instances/{instance}/files/content", responses=problems(InstanceNotFound, InstanceHasNoNode))
async def read_file(
    instance: str, path: FilePath, database: DatabaseDep, sessions: SessionsDep, principal: PrincipalDep
) -> FileContent:
    """The text of a file, at most its first MiB. Values of secret variables are marks for everybody."""
    row, node_id = await on_node(database, instance)
    question = {"path": path}
    content = await ask(sessions, FileContent, node_id, "read_file", instance_id=row.id, body=question, timeout=LOOK_S)
    if content.masked and not principal.role.includes(Role.OPERATOR):
        content.digest = ""  # a short secret could be guessed from it
    return content


@router.put("/instances/{instance}/files/content", responses=_CHANGE)
async def write_file(
    instance: str,
    path: FilePath,
    body: WriteFile,
    database: DatabaseDep,
    sessions: SessionsDep,
    actor: ActorDep,
    clock: ClockDep,
) -> ChangedFile:
    """Write a text. Refused with 409 while it runs, and where somebody else has changed the file meanwhile."""
    question = {"path": path, "text": body.text, "digest": body.digest}
    row, node_id = await _begin(database, instance)
    changed = await ask(sessions, ChangedFile, node_id, "write_file", instance_id=row.id, body=question, timeout=LOOK_S)
    return await _changed(database, row, changed, actor, clock)


@router.delete("/instances/{instance}/files/content", responses=_CHANGE)
async def delete_file(
    instance: str,
    path: FilePath,
    database: DatabaseDep,
    sessions: SessionsDep,
    actor: ActorDep,
    clock: ClockDep,
    digest: Seen = "*",
    recursive: Annotated[bool, Query(description="A folder with all that is in it.")] = False,
) -> ChangedFile:
    """Delete a file, a link or a folder. What a layer brought is hidden."""
    question = {"path": path, "digest": digest, "recursive": recursive}
    row, node_id = await _begin(database, instance)
    changed = await ask(
        sessions, ChangedFile, node_id, "delete_file", instance_id=row.id, body=question, timeout=LOOK_S
    )
    return await _changed(database, row, changed, actor, clock)


@router.get(
    "/instances/{instance}/files/download",
    response_class=Response,
    responses={
        **problems(InstanceNotFound, InstanceHasNoNode),
        200: {"content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}},
    },
)
async def download_file(instance: str, path: FilePath, database: DatabaseDep, files: FilesDep) -> Response:
    """A file as it is, secrets included, from its node and through the Brain, in pieces."""
    row, node_id = await on_node(database, instance)
    return FileResponse(node_id, lambda: files.open_file(node_id, row.id, "download", {"path": path}))


@router.put(
    "/instances/{instance}/files/upload",
    responses={**_CHANGE, **problems(LengthMissing)},
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
        }
    },
)
async def upload_file(
    instance: str,
    path: FilePath,
    request: Request,
    database: DatabaseDep,
    files: FilesDep,
    actor: ActorDep,
    clock: ClockDep,
    digest: Seen = "",
) -> ChangedFile:
    """A whole file of any size as the body; it goes to the node in pieces and into place once all of it is there."""
    length = request.headers.get("content-length", "")
    if not length.isdecimal():
        raise LengthMissing
    row, node_id = await _begin(database, instance)
    arguments = {"path": path, "digest": digest, "size": int(length)}
    async with files.open_file(node_id, row.id, "upload", arguments) as stream:
        answer = await stream.send(request.stream())
    changed = understood(ChangedFile, answer, node_id=node_id, what="upload")
    return await _changed(database, row, changed, actor, clock)


async def _begin(database: Database, reference: str) -> tuple[Instance, str]:
    async with database.write() as session:
        return await begin_change(session, reference)


async def _changed(database: Database, row: Instance, changed: ChangedFile, actor: Actor, clock: Clock) -> ChangedFile:
    async with database.write() as session:
        record_change(session, row, changed, actor=actor, now=clock.now())
    return changed
