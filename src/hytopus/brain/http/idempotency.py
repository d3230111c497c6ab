"""`Idempotency-Key`: a creation repeated with the same key gets the first answer again, and nothing is made twice.

The key, what was created and the answer are committed in one transaction, so a crash leaves all of them or none.
Routes whose answer holds a secret do not take keys, because answers are kept as they were sent.
"""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from typing import ClassVar, Final

from fastapi import FastAPI, Request, Response
from sqlalchemy import delete
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from hytopus.brain.http.models import IdempotencyKey
from hytopus.errors import HytopusError

KEPT_FOR: Final = timedelta(hours=24)


class IdempotencyConflict(HytopusError):
    code: ClassVar[str] = "idempotency_conflict"
    status: ClassVar[int] = 409
    template: ClassVar[str] = "The idempotency key {key!r} was used before, for another request."
    remedy: ClassVar[str] = "Use a new key for every new request."


class _Answered(Exception):
    """The request was answered before: this is the answer."""

    def __init__(self, status: int, body: bytes) -> None:
        super().__init__(status)
        self.status = status
        self.body = body


async def claim(session: AsyncSession, request: Request, key: str, *, now: datetime) -> None:
    """Take a key for this request. Ends the request with the kept answer if it was answered before."""
    actor_id: str = request.state.principal.actor.id
    fingerprint = await _fingerprint(request)
    await session.execute(delete(IdempotencyKey).where(IdempotencyKey.expires_at <= now))
    kept = await session.get(IdempotencyKey, (actor_id, key))
    if kept is None:
        kept = IdempotencyKey(
            actor_id=actor_id, key=key, fingerprint=fingerprint, status=0, body=b"", expires_at=now + KEPT_FOR
        )
        if await _insert(session, kept):
            request.state.idempotency = (session, kept)
            return
        kept = await session.get_one(IdempotencyKey, (actor_id, key), populate_existing=True)
    if kept.fingerprint != fingerprint:
        raise IdempotencyConflict(key=key)
    raise _Answered(kept.status, kept.body)


async def keep(request: Request, response: Response) -> None:
    """Keep the answer with the key its request claimed, if it claimed one."""
    claimed: tuple[AsyncSession, IdempotencyKey] | None = getattr(request.state, "idempotency", None)
    if claimed is None:
        return
    session, kept = claimed
    kept.status, kept.body = response.status_code, bytes(response.body)
    await session.flush()


def install(app: FastAPI) -> None:
    """Teach the application to answer from what was kept."""
    app.add_exception_handler(_Answered, _replay)


async def _replay(_request: Request, answered: Exception) -> Response:
    assert isinstance(answered, _Answered)
    return Response(answered.body, answered.status, {"Idempotency-Replayed": "true"}, media_type="application/json")


async def _insert(session: AsyncSession, row: IdempotencyKey) -> bool:
    """Whether the key was free. On PostgreSQL this waits for a twin request that is under way."""
    try:
        async with session.begin_nested():
            session.add(row)
            await session.flush()
    except IntegrityError:
        return False
    return True


async def _fingerprint(request: Request) -> str:
    digest = hashlib.sha256(f"{request.method} {request.url.path}\n".encode())
    digest.update(await request.body())
    return digest.hexdigest()
