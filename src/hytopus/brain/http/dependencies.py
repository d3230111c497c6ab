"""What a route can ask for by annotating a parameter. All are coroutines: FastAPI runs plain functions in threads."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import Depends, Header, Request
from sqlalchemy.ext.asyncio import AsyncSession

from hytopus.brain.db.engine import Database
from hytopus.brain.http import idempotency
from hytopus.brain.http.edge import Edge, edge_of
from hytopus.brain.http.streams import Streams
from hytopus.kit.clock import Clock
from hytopus.storage.base import ObjectStore


async def _edge(request: Request) -> Edge:
    return edge_of(request)


EdgeDep = Annotated[Edge, Depends(_edge)]


async def _database(request: Request) -> Database:
    return _visible(request)


async def _clock(edge: EdgeDep) -> Clock:
    return edge.clock


async def _store(edge: EdgeDep) -> ObjectStore:
    return edge.store


async def _streams(edge: EdgeDep) -> Streams:
    return edge.streams


async def _read(request: Request) -> AsyncIterator[AsyncSession]:
    async with _visible(request).read() as session:
        yield session


async def _write(request: Request, edge: EdgeDep) -> AsyncIterator[AsyncSession]:
    async with _visible(request).write() as session:
        yield session
        edge.on_change(request, session)


IdempotencyKeyDep = Annotated[
    str | None,
    Header(
        alias="idempotency-key",
        min_length=1,
        max_length=128,
        description="The same key with the same body gets the first response again, for 24 hours.",
    ),
]


@asynccontextmanager
async def creating(request: Request, key: str | None) -> AsyncIterator[AsyncSession]:
    """The one transaction of a creation, with its idempotency key."""
    edge = edge_of(request)
    async with _visible(request).write() as session:
        if key is not None:
            await idempotency.claim(session, request, key, now=edge.clock.now())
        yield session
        edge.on_change(request, session)


async def _create(request: Request, idempotency_key: IdempotencyKeyDep = None) -> AsyncIterator[AsyncSession]:
    async with creating(request, idempotency_key) as session:
        yield session


def _visible(request: Request) -> Database:
    """The database as whoever makes the request may see it."""
    principal = getattr(request.state, "principal", None)
    edge = edge_of(request)
    return edge.narrowed(edge.database, principal.scope) if principal and principal.scope else edge.database


DatabaseDep = Annotated[Database, Depends(_database)]
"""For routes that must not hold a session: live streams, and everything that talks to the object store or a node."""
ClockDep = Annotated[Clock, Depends(_clock)]
StoreDep = Annotated[ObjectStore, Depends(_store)]
StreamsDep = Annotated[Streams, Depends(_streams)]

ReadDep = Annotated[AsyncSession, Depends(_read, scope="function")]
"""A session for looking, closed before the response is sent."""
WriteDep = Annotated[AsyncSession, Depends(_write, scope="function")]
"""The request's one transaction: committed before the response is sent, undone by any error.

Never open `database.write()` beside it: on SQLite it is the write lock.
"""
CreationDep = Annotated[AsyncSession, Depends(_create, scope="function")]
"""The same for creations, with the `Idempotency-Key` header."""
