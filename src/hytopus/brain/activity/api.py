"""Routes of the event log, the live feed and the audit log."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated, Any, Protocol

from fastapi import Header, Query, Request
from fastapi.responses import StreamingResponse
from sqlalchemy import Select

from hytopus.brain.activity import chain, queries
from hytopus.brain.activity.audit_feed import follow_audit
from hytopus.brain.activity.feed import follow
from hytopus.brain.activity.models import AuditRecord, Event
from hytopus.brain.activity.schemas import AuditOut, AuditVerdictOut, EventOut
from hytopus.brain.db.engine import Database
from hytopus.brain.http.dependencies import ClockDep, DatabaseDep, StreamsDep
from hytopus.brain.http.edge import edge_of
from hytopus.brain.http.paging import BadCursor, Page, PageDep
from hytopus.brain.http.parameters import LARGEST, BadEventId, Moment, event_number
from hytopus.brain.http.problems import problems
from hytopus.brain.http.routing import feature_router
from hytopus.brain.http.streams import Frame, merge, stream_response
from hytopus.kit.clock import Clock

router = feature_router("activity")


class LoadFrames(Protocol):
    """How busy everything is, as frames; of what the database's sessions see, unless that is `everything`."""

    def __call__(self, database: Database, *, everything: bool) -> AsyncGenerator[Frame, None]: ...


Kinds = Annotated[list[str] | None, Query(max_length=20, description="Kinds or beginnings of kinds: `instance.`")]
SubjectKind = Annotated[str | None, Query(max_length=16)]
SubjectId = Annotated[str | None, Query(max_length=160)]


@router.get(
    "/events",
    response_model=Page[EventOut],
    responses={
        **problems(BadCursor, BadEventId),
        200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}},
    },
)
async def list_events(
    request: Request,
    database: DatabaseDep,
    clock: ClockDep,
    streams: StreamsDep,
    page: PageDep,
    kind: Kinds = None,
    subject_kind: SubjectKind = None,
    subject_id: SubjectId = None,
    after: Annotated[int | None, Query(ge=0, le=LARGEST, description="Live feed: begin after this event.")] = None,
    last_event_id: Annotated[str | None, Header(description="The same, as browsers send it.")] = None,
    loads: Annotated[bool, Query(description="Live feed: also frames `loads`, with how busy everything is.")] = False,
) -> Any:
    """The event log, newest first; with `Accept: text/event-stream` the live feed instead, oldest first.

    The feed's event ids are the events' `id`; a client that reconnects with the last one misses nothing and sees
    nothing twice. Without one it begins with the present. Frames `loads` have no id and no memory: the first tells of
    everything, each later one of what has changed since.
    """
    wanted = queries.EventFilter(tuple(kind or ()), subject_kind, subject_id)
    if "text/event-stream" in request.headers.get("accept", ""):
        start = event_number(last_event_id) if last_event_id is not None else after
        happened = _frames(database, clock, wanted, start)
        if not loads:
            return stream_response(streams, happened)
        measured: LoadFrames = request.app.state.load_frames
        everything = database is edge_of(request).database
        return stream_response(streams, merge(happened, measured(database, everything=everything)))
    async with database.read() as session:
        rows, next_cursor = await page.keyset(session, wanted.select(), Event.id, descending=True)
    return Page(items=[EventOut.model_validate(row) for row in rows], next_cursor=next_cursor)


@router.get(
    "/audit",
    response_model=Page[AuditOut],
    responses={
        **problems(BadCursor, BadEventId),
        200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}},
    },
)
async def list_audit(
    request: Request,
    database: DatabaseDep,
    clock: ClockDep,
    streams: StreamsDep,
    page: PageDep,
    actor: Annotated[str | None, Query(max_length=64)] = None,
    action: Annotated[str | None, Query(max_length=64, description="An action or its beginning: `instance.`")] = None,
    target: Annotated[str | None, Query(max_length=200)] = None,
    outcome: Annotated[str | None, Query(max_length=64)] = None,
    since: Moment | None = None,
    after: Annotated[int | None, Query(ge=0, le=LARGEST, description="Live feed: begin after this record.")] = None,
    last_event_id: Annotated[str | None, Header(description="The same, as browsers send it.")] = None,
) -> Any:
    """Who changed what, from where, newest first; refused attempts included.

    With `Accept: text/event-stream` the live feed instead, oldest first, resumed like that of the events.
    """
    statement = queries.select_audit(actor=actor, action=action, target=target, outcome=outcome, since=since)
    if "text/event-stream" in request.headers.get("accept", ""):
        start = event_number(last_event_id) if last_event_id is not None else after
        return stream_response(streams, _audit_frames(database, clock, statement, start))
    async with database.read() as session:
        rows, next_cursor = await page.keyset(session, statement, AuditRecord.id, descending=True)
    return Page(items=[AuditOut.model_validate(row) for row in rows], next_cursor=next_cursor)


@router.get("/audit/verify")
async def verify_audit(
    database: DatabaseDep,
    known: Annotated[str | None, Query(pattern="^[0-9a-f]{64}$", description="A hash noted earlier.")] = None,
) -> AuditVerdictOut:
    """Walk the whole chain of the audit log and name the first record that is not as it was written."""
    return AuditVerdictOut.model_validate(await chain.verify(database, known))


@router.get(
    "/audit/export",
    response_class=StreamingResponse,
    responses={200: {"content": {"application/x-ndjson": {"schema": {"type": "string"}}}}},
)
async def export_audit(
    database: DatabaseDep,
    actor: Annotated[str | None, Query(max_length=64)] = None,
    action: Annotated[str | None, Query(max_length=64, description="An action or its beginning: `instance.`")] = None,
    target: Annotated[str | None, Query(max_length=200)] = None,
    outcome: Annotated[str | None, Query(max_length=64)] = None,
    since: Moment | None = None,
) -> StreamingResponse:
    """The audit log as lines of JSON, oldest first, however long it is."""
    statement = queries.select_audit(actor=actor, action=action, target=target, outcome=outcome, since=since)
    headers = {"Content-Disposition": 'attachment; filename="audit.ndjson"'}
    return StreamingResponse(_lines(database, statement), media_type="application/x-ndjson", headers=headers)


async def _lines(database: Database, statement: Select[AuditRecord]) -> AsyncGenerator[str, None]:
    async with aclosing(chain.records(database, statement)) as batches:
        async for batch in batches:
            yield "".join(AuditOut.model_validate(entry).model_dump_json() + "\n" for entry in batch)


async def _frames(
    database: Database, clock: Clock, wanted: queries.EventFilter, after: int | None
) -> AsyncGenerator[Frame, None]:
    async for event in follow(database, clock, wanted, after=after):
        data = EventOut.model_validate(event).model_dump(mode="json")
        yield Frame(data, id=str(event.id), event=event.kind)


async def _audit_frames(
    database: Database, clock: Clock, wanted: Select[AuditRecord], after: int | None
) -> AsyncGenerator[Frame, None]:
    async with aclosing(follow_audit(database, clock, wanted, after=after)) as records:
        async for entry in records:
            yield Frame(AuditOut.model_validate(entry).model_dump(mode="json"), id=str(entry.id), event="audit")
