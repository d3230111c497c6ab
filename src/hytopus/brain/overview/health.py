"""Health and metrics: outside the API, for supervisors and Prometheus, without a login."""

from __future__ import annotations

import asyncio
from typing import Final

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from hytopus.brain.db.engine import Database
from hytopus.brain.http.edge import edge_of
from hytopus.brain.overview.metrics import exposition
from hytopus.errors import HytopusError
from hytopus.storage.base import ObjectStore

router = APIRouter(include_in_schema=False)

_PATIENCE_SECONDS: Final = 3.0


@router.get("/healthz")
async def healthz() -> dict[str, str]:
    """The process answers."""
    return {"status": "ok"}


@router.get("/readyz")
async def readyz(request: Request) -> JSONResponse:
    """The database and the object store answer too."""
    edge = edge_of(request)
    database, store = await asyncio.gather(_database(edge.database), _store(edge.store))
    ready = database == store == "ok"
    return JSONResponse(
        {"status": "ok" if ready else "unavailable", "checks": {"database": database, "object_store": store}},
        200 if ready else 503,
    )


@router.get("/metrics")
async def metrics(request: Request) -> Response:
    """Prometheus' text format."""
    state = request.app.state
    sessions = len(state.gateway.sessions) if hasattr(state, "gateway") else 0
    text = await exposition(edge_of(request), state.presence, sessions=sessions)
    return Response(text, media_type=CONTENT_TYPE_LATEST)


async def _database(database: Database) -> str:
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS), database.read() as session:
            await session.execute(text("SELECT 1"))
    except (SQLAlchemyError, OSError, TimeoutError) as error:
        return str(error) or type(error).__name__
    return "ok"


async def _store(store: ObjectStore) -> str:
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            await store.ping()
    except HytopusError as error:
        return error.message
    except TimeoutError:
        return f"no answer within {_PATIENCE_SECONDS:.0f} seconds"
    return "ok"
