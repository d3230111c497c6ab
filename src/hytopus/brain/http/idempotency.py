"""`Idempotency-Key`: a creation repeated with the same key gets the first answer again, and nothing is made twice.

The key, what was created and the answer are committed in one transaction, so a crash leaves all of them or none.
Routes whose answer holds a secret do not take keys, because answers are kept as they were sent.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final, cast

from fastapi import FastAPI, Request, Response
from sqlalchemy import Table, bindparam, delete, update
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.ext.asyncio import AsyncSession

from hytopus.brain.http.models import IdempotencyKey
from hytopus.errors import HytopusError

KEPT_FOR: Final = timedelta(hours=24)

_KEYS: Final = cast("Table", IdempotencyKey.__table__)
_CLAIMED: Final = (_KEYS.c.actor_id, _KEYS.c.key, _KEYS.c.fingerprint)
_ON_SQLITE: Final = sqlite_insert(_KEYS).on_conflict_do_nothing().returning(*_CLAIMED)
_ON_POSTGRESQL: Final = postgresql_insert(_KEYS).on_conflict_do_nothing().returning(*_CLAIMED)
_ANSWER: Final = (
    update(_KEYS)
    .where(_KEYS.c.actor_id == bindparam("of_actor"), _KEYS.c.key == bindparam("of_key"))
    .values(status=bindparam("status"), body=bindparam("body"))
)


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


@dataclass(frozen=True, slots=True)
class Claim:
    """Somebody's key, and what he wants with it."""

    actor_id: str
    key: str
    fingerprint: str
    """sha256 of method, path and body."""

    @classmethod
    async def of(cls, request: Request, key: str) -> Claim:
        return cls(request.state.principal.actor.id, key, await _fingerprint(request))

    def row(self, now: datetime) -> dict[str, Any]:
        """As it is kept before there is an answer."""
        return {**asdict(self), "status": 0, "body": b"", "expires_at": now + KEPT_FOR}


async def claim(session: AsyncSession, request: Request, key: str, *, now: datetime) -> None:
    """Take a key for this request. Ends the request with the kept answer if it was answered before."""
    wanted = await Claim.of(request, key)
    if wanted in await claim_all(session, [wanted], now=now) or await _renew(session, wanted, now):
        request.state.idempotency = (session, wanted)
        return
    kept = await session.get_one(IdempotencyKey, (wanted.actor_id, key), populate_existing=True)
    if kept.fingerprint != wanted.fingerprint:
        raise IdempotencyConflict(key=key)
    raise _Answered(kept.status, kept.body)


async def claim_all(session: AsyncSession, claims: Iterable[Claim | None], *, now: datetime) -> set[Claim]:
    """Those whose keys were free. On PostgreSQL this waits for twins of them that are under way."""
    wanted = sorted({claim for claim in claims if claim is not None}, key=lambda claim: (claim.actor_id, claim.key))
    if not wanted:
        return set()
    statement = _ON_SQLITE if session.get_bind().dialect.name == "sqlite" else _ON_POSTGRESQL
    free = await session.execute(statement, [claim.row(now) for claim in wanted])
    return {Claim(*row) for row in free}


async def keep(request: Request, response: Response) -> None:
    """Keep the answer with the key its request claimed, if it claimed one."""
    claimed: tuple[AsyncSession, Claim] | None = getattr(request.state, "idempotency", None)
    if claimed is None:
        return
    session, wanted = claimed
    await keep_all(session, {wanted: bytes(response.body)}, status=response.status_code)
    request.state.idempotency = None


async def keep_all(session: AsyncSession, answers: Mapping[Claim, bytes], *, status: int) -> None:
    """Keep the bodies of answers with the keys they were claimed with."""
    if answers:
        rows = [
            {"of_actor": claim.actor_id, "of_key": claim.key, "status": status, "body": body}
            for claim, body in answers.items()
        ]
        await (await session.connection()).execute(_ANSWER, rows)


async def forget_expired(session: AsyncSession, now: datetime) -> None:
    """Keys may be used again when their time is over; this is for those that never are."""
    await session.execute(delete(_KEYS).where(_KEYS.c.expires_at <= now))


def install(app: FastAPI) -> None:
    """Teach the application to answer from what was kept."""
    app.add_exception_handler(_Answered, _replay)


async def _replay(_request: Request, answered: Exception) -> Response:
    assert isinstance(answered, _Answered)
    return Response(answered.body, answered.status, {"Idempotency-Replayed": "true"}, media_type="application/json")


async def _renew(session: AsyncSession, wanted: Claim, now: datetime) -> bool:
    """Whether the key's time was over, and nobody else has taken it since."""
    over = (_KEYS.c.actor_id == wanted.actor_id, _KEYS.c.key == wanted.key, _KEYS.c.expires_at <= now)
    renewed = update(_KEYS).where(*over).values(wanted.row(now)).returning(_KEYS.c.key)
    return (await session.execute(renewed)).one_or_none() is not None


async def _fingerprint(request: Request) -> str:
    digest = hashlib.sha256(f"{request.method} {request.url.path}\n".encode())
    digest.update(await request.body())
    return digest.hexdigest()
