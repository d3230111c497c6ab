"""What every request may use. One `Edge` per application, made by the composition root."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncSession
from starlette.requests import HTTPConnection, Request

from hytopus.brain.db.engine import Database
from hytopus.brain.db.scope import Scope
from hytopus.brain.http.metrics import Metrics
from hytopus.brain.http.streams import Streams
from hytopus.kit.clock import Clock
from hytopus.storage.base import ObjectStore


@dataclass(frozen=True, slots=True)
class Edge:
    """The ports of the HTTP edge, and what it calls without importing it: `accounts` and `activity.requests`."""

    database: Database
    clock: Clock
    store: ObjectStore
    streams: Streams
    metrics: Metrics
    narrowed: Callable[[Database, Scope], Database]
    """The database as somebody sees it who may see a part."""
    authorise: Callable[[Request], Awaitable[None]]
    """Called before anything else of a request, even before its body is read; raises unless it may go on."""
    on_change: Callable[[Request, AsyncSession], None]
    """Called last in the transaction of a changing request."""
    on_refusal: Callable[[Request, str], Awaitable[None]]
    """Called with the error code of a request that was refused or failed, after its transaction is undone."""


def edge_of(connection: HTTPConnection) -> Edge:
    """The edge of the application that serves this request."""
    edge: Edge = connection.app.state.edge
    return edge
