"""Routes of crashes."""

from __future__ import annotations

import asyncio
import io
import zipfile
import zlib
from typing import Annotated, Final

from fastapi import Depends, Query, Response
from sqlalchemy import select

from hytopus.brain.crashes.errors import BundleDamaged, BundleNotStored, CrashNotFound
from hytopus.brain.crashes.models import Crash
from hytopus.brain.crashes.queries import CrashFilter, get, groups
from hytopus.brain.crashes.schemas import CrashGroup, CrashGroups, CrashLog, CrashOut, CrashSummary
from hytopus.brain.http.dependencies import DatabaseDep, ReadDep, StoreDep
from hytopus.brain.http.paging import BadCursor, Page, PageDep
from hytopus.brain.http.parameters import Moment
from hytopus.brain.http.problems import problems
from hytopus.brain.http.routing import feature_router
from hytopus.storage.errors import ObjectMissing, S3Unreachable

router = feature_router("crashes")

LOG_BYTES: Final = 8 * 1024 * 1024
"""Of a log out of a bundle; a thousand lines are far less."""

UNREADABLE: Final = (KeyError, OSError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error)
"""What `zipfile` raises for an archive that its node has made badly, or in a way that no node of ours does."""

Name = Annotated[str | None, Query(max_length=64)]


async def _wanted(
    instance: Name = None,
    node: Name = None,
    game: Name = None,
    kind: Name = None,
    fingerprint: Name = None,
    since: Moment | None = None,
) -> CrashFilter:
    return CrashFilter(instance, node, game, kind, fingerprint, since)


Wanted = Annotated[CrashFilter, Depends(_wanted)]


@router.get("/crashes", responses=problems(BadCursor))
async def list_crashes(session: ReadDep, page: PageDep, wanted: Wanted) -> Page[CrashSummary]:
    """Crashes, newest first. `instance` and `node` are names or ids, also of what is gone."""
    rows, next_cursor = await page.keyset(
        session, select(Crash).where(*wanted.conditions()), Crash.at, Crash.id, descending=True
    )
    return Page(items=[CrashSummary.of(row) for row in rows], next_cursor=next_cursor)


@router.get("/crashes/groups")
async def list_crash_groups(
    session: ReadDep, wanted: Wanted, limit: Annotated[int, Query(ge=1, le=200)] = 50
) -> CrashGroups:
    """Crashes by their cause: how often, since when, where, and with which versions. The latest first."""
    return CrashGroups(items=[CrashGroup.of(group) for group in await groups(session, wanted, limit=limit)])


@router.get("/crashes/{crash}", responses=problems(CrashNotFound))
async def get_crash(session: ReadDep, crash: str) -> CrashOut:
    """Everything that is known of a crash but its whole log and files."""
    return CrashOut.detailed(await get(session, crash))


@router.get(
    "/crashes/{crash}/bundle",
    response_class=Response,
    responses={
        **problems(CrashNotFound, BundleNotStored, ObjectMissing, S3Unreachable),
        200: {"content": {"application/zip": {"schema": {"type": "string", "format": "binary"}}}},
    },
)
async def download_bundle(database: DatabaseDep, store: StoreDep, crash: str) -> Response:
    """The bundle, a ZIP archive: `crash.json`, `log.txt`, and the game's own crash files below `files/`."""
    data = await store.get(await _stored_key(database, crash))
    headers = {"content-disposition": f'attachment; filename="crash-{crash}.zip"', "x-content-type-options": "nosniff"}
    return Response(data, media_type="application/zip", headers=headers)


@router.get(
    "/crashes/{crash}/log",
    responses=problems(CrashNotFound, BundleNotStored, BundleDamaged, ObjectMissing, S3Unreachable),
)
async def get_crash_log(database: DatabaseDep, store: StoreDep, crash: str) -> CrashLog:
    """The last thousand lines before the crash, out of its bundle."""
    data = await store.get(await _stored_key(database, crash))
    try:
        text = await asyncio.to_thread(_log_of, data)
    except UNREADABLE as error:
        raise BundleDamaged(crash=crash, why=str(error)) from error
    return CrashLog(lines=text.splitlines())


async def _stored_key(database: DatabaseDep, crash_id: str) -> str:
    async with database.read() as session:
        crash = await get(session, crash_id)
    if crash.stored_at is None:
        raise BundleNotStored(crash=crash_id)
    return crash.s3_key


def _log_of(data: bytes) -> str:
    with zipfile.ZipFile(io.BytesIO(data)) as bundle, bundle.open("log.txt") as file:
        return file.read(LOG_BYTES).decode(errors="replace")
