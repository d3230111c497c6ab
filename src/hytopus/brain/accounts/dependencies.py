"""Finding out who makes a request, and letting through only those who may."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Annotated, Final
from urllib.parse import urlsplit

from fastapi import Depends, Request
from fastapi.security import APIKeyCookie, HTTPBearer

from hytopus.brain.accounts.commands import touch
from hytopus.brain.accounts.errors import CrossSiteRequest, Forbidden, InvalidToken, NotAuthenticated
from hytopus.brain.accounts.models import Token, User
from hytopus.brain.accounts.passwords import Passwords
from hytopus.brain.accounts.permissions import PUBLIC
from hytopus.brain.accounts.queries import present
from hytopus.brain.accounts.roles import Principal, Role, narrower
from hytopus.brain.activity.actor import Actor, ActorKind
from hytopus.brain.activity.requests import address_of
from hytopus.brain.db.engine import Database
from hytopus.brain.http.edge import edge_of

COOKIE: Final = "hytopus_session"
_TOUCH_EVERY: Final = timedelta(minutes=1)
_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})

_bearer = HTTPBearer(auto_error=False, description="A login's or an API token: `hyt_…`")
_cookie = APIKeyCookie(name=COOKIE, auto_error=False, description="The panel's login")
SECURITY: Final = (Depends(_bearer), Depends(_cookie))
"""For the description of the API: either of the two."""


async def authorise(request: Request) -> None:
    """Runs before everything else of every route: the table of permissions decides."""
    least: Role | None = request.app.state.permissions[request.scope["endpoint"]]
    if least is PUBLIC:
        return
    edge = edge_of(request)
    bearer = await _bearer(request)
    token = bearer.credentials if bearer else await _cookie(request)
    if not token:
        raise NotAuthenticated
    principal = await _authenticate(request, edge.database, token, edge.clock.now(), by_cookie=bearer is None)
    request.state.principal = principal
    request.state.recheck = _recheck(edge.database, token, edge.clock.now)
    if principal.by_cookie and request.method not in _SAFE:
        _refuse_other_sites(request)
    if not principal.role.includes(least):
        raise Forbidden(needed=least.value, name=principal.actor.name, role=principal.role.value)


async def _principal(request: Request) -> Principal:
    principal: Principal = request.state.principal
    return principal


async def _actor(principal: Annotated[Principal, Depends(_principal)]) -> Actor:
    return principal.actor


async def _passwords(request: Request) -> Passwords:
    passwords: Passwords = request.app.state.passwords
    return passwords


PrincipalDep = Annotated[Principal, Depends(_principal)]
ActorDep = Annotated[Actor, Depends(_actor)]
PasswordsDep = Annotated[Passwords, Depends(_passwords)]


async def _authenticate(
    request: Request, database: Database, secret: str, now: datetime, *, by_cookie: bool
) -> Principal:
    async with database.read() as session:
        found = await present(session, secret)
    if found is None or not _valid(*found, now):
        raise InvalidToken
    token, user = found
    address = address_of(request)
    if token.last_used_at is None or now - token.last_used_at >= _TOUCH_EVERY:
        async with database.write() as session:
            await touch(session, token.id, address=address, at=now)
    actor = Actor(ActorKind.USER, user.id, user.name, address, request.state.request_id)
    return Principal(actor, narrower(token.role, user.role), token.id, by_cookie)


def _valid(token: Token, user: User, now: datetime) -> bool:
    return not user.disabled and (token.expires_at is None or token.expires_at > now)


def _recheck(database: Database, secret: str, now: Callable[[], datetime]) -> Callable[[], Awaitable[bool]]:
    """Whether the token is still good; live streams ask now and then."""

    async def good() -> bool:
        async with database.read() as session:
            found = await present(session, secret)
        return found is not None and _valid(*found, now())

    return good


def _refuse_other_sites(request: Request) -> None:
    """A browser sends the cookie whoever made it send the request; it also says who that was."""
    origin = request.headers.get("origin")
    fetch_site = request.headers.get("sec-fetch-site")
    if fetch_site is not None and fetch_site != "same-origin":
        raise CrossSiteRequest
    if origin is not None and urlsplit(origin).netloc != request.headers.get("host"):
        raise CrossSiteRequest
    if origin is None and fetch_site is None:
        raise CrossSiteRequest
