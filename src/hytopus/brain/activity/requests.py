"""One audit record for every request that changes something, whatever becomes of it.

Commands write their own record in their own transaction. These hooks add the plain one where a command did not, and
the record of a request that was refused or failed, whose transaction is gone.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncSession
from starlette.requests import Request

from hytopus.brain.activity.actor import Actor, ActorKind
from hytopus.brain.activity.commands import audit
from hytopus.brain.db.engine import Database
from hytopus.brain.http.throttle import Throttle
from hytopus.kit.clock import Clock

_CHANGING: Final = frozenset({"POST", "PUT", "PATCH", "DELETE"})


class RequestAudit:
    """The two hooks, with what they need."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        # Strangers must not be able to fill the database: past this, their refusals are in the access log only.
        self._strangers = Throttle(clock, burst=20, every=30)

    def on_change(self, request: Request, session: AsyncSession) -> None:
        """Called last in a changing request's transaction."""
        if session.info.get("hytopus.audited"):
            return
        audit(session, actor_of(request), _action(request), _target(request), at=self._clock.now())

    async def on_refusal(self, request: Request, code: str) -> None:
        """Called when a request was refused or failed, after its transaction was undone."""
        if request.method not in _CHANGING or "endpoint" not in request.scope:
            return
        actor = actor_of(request)
        if actor.id == STRANGER and self._strangers.take(actor.address):
            return
        async with self._database.write() as session:
            audit(session, actor, _action(request), _target(request), at=self._clock.now(), outcome=code)


STRANGER: Final = "anonymous"


def actor_of(request: Request) -> Actor:
    """Who makes this request; somebody who has not shown who he is counts as a stranger."""
    principal: Any = getattr(request.state, "principal", None)
    if principal is not None:
        actor: Actor = principal.actor
        return actor
    return Actor(ActorKind.USER, STRANGER, STRANGER, address_of(request), request.state.request_id)


def address_of(request: Request) -> str:
    """The address the request came from."""
    return request.client.host if request.client else ""


def name_request(request: Request, action: str, target: str) -> None:
    """Say what a request is about, for the record of its refusal."""
    request.state.audit_name = (action, target)


def _action(request: Request) -> str:
    named: tuple[str, str] | None = getattr(request.state, "audit_name", None)
    return named[0] if named else str(request.scope["endpoint"].__name__)[:64]


def _target(request: Request) -> str:
    named: tuple[str, str] | None = getattr(request.state, "audit_name", None)
    return (named[1] if named else request.url.path.replace("\0", "%00"))[:200]
