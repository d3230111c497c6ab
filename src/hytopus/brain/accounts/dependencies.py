"""Finding out who makes a request, and letting through only those who may."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Annotated, Final
from urllib.parse import urlsplit

from fastapi import Depends, Request, Response
from fastapi.security import APIKeyCookie, HTTPBearer

from hytopus.brain.accounts.commands import touch
from hytopus.brain.accounts.errors import (
    CrossSiteRequest,
    Forbidden,
    InvalidToken,
    NeedsEverything,
    NotAuthenticated,
    SecondFactorMissing,
)
from hytopus.brain.accounts.models import Token, TokenKind, User
from hytopus.brain.accounts.passwords import Passwords
from hytopus.brain.accounts.permissions import PUBLIC, Permission
from hytopus.brain.accounts.queries import Present, present
from hytopus.brain.accounts.roles import Principal, Role, narrower
from hytopus.brain.accounts.scopes import scope_of
from hytopus.brain.accounts.sessions import RIGHTS
from hytopus.brain.accounts.settings import AccountSettings
from hytopus.brain.activity.actor import Actor, ActorKind
from hytopus.brain.activity.requests import address_of
from hytopus.brain.db.engine import Database
from hytopus.brain.db.scope import describe
from hytopus.brain.http.edge import Edge, edge_of
from hytopus.kit.together import Together

COOKIE: Final = "hytopus_session"
_TOUCH_EVERY: Final = timedelta(minutes=1)
_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})

_bearer = HTTPBearer(auto_error=False, description="A login's or an API token: `hyt_…`")
_cookie = APIKeyCookie(name=COOKIE, auto_error=False, description="The panel's login")
SECURITY: Final = (Depends(_bearer), Depends(_cookie))
"""For the description of the API: either of the two."""


def open_tokens(database: Database) -> Together[str, Present]:
    """What a token stands for at this moment; of many tokens in one statement when many requests come at once."""

    async def look(tokens: Sequence[str]) -> list[Present]:
        async with database.read() as session:
            return await present(session, tokens)

    return Together(look)


async def authorise(request: Request) -> None:
    """Runs before everything else of every route: the table of permissions decides."""
    permission: Permission = request.app.state.permissions[request.scope["endpoint"]]
    if permission.least is PUBLIC:
        return
    edge = edge_of(request)
    bearer = await _bearer(request)
    token = bearer.credentials if bearer else await _cookie(request)
    if not token:
        raise NotAuthenticated
    principal = await _authenticate(request, edge.database, token, edge.clock.now(), by_cookie=bearer is None)
    request.state.principal = principal
    request.state.recheck = recheck = _recheck(request, edge, token, principal)
    request.state.revoked = _revoked(edge.database, principal.actor.id, recheck)
    if principal.by_cookie and request.method not in _SAFE:
        _refuse_other_sites(request)
    _check(principal, permission, permission.least)


def _check(principal: Principal, permission: Permission, least: Role) -> None:
    name, role = principal.actor.name, principal.role
    if principal.must_enrol and not permission.before_enrolment:
        raise SecondFactorMissing(name=name, role=role.value)
    if not role.includes(least):
        raise Forbidden(needed=least.value, name=name, role=role.value)
    if principal.scope and not permission.scoped:
        raise NeedsEverything(name=name, scope=describe(principal.scope))


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


def set_cookie(response: Response, secret: str, *, secure: bool) -> None:
    """The panel's login, which scripts cannot read and other sites cannot send."""
    response.set_cookie(COOKIE, secret, httponly=True, samesite="strict", secure=secure, path="/")


def forget_cookie(response: Response) -> None:
    response.delete_cookie(COOKIE, path="/")


async def _authenticate(
    request: Request, database: Database, secret: str, now: datetime, *, by_cookie: bool
) -> Principal:
    shown: Together[str, Present] = request.app.state.tokens
    found = await shown(secret)
    if found is None or not _valid(*found, now):
        raise InvalidToken
    token, user = found
    address = address_of(request)
    if token.last_used_at is None or now - token.last_used_at >= _TOUCH_EVERY:
        async with database.write() as session:
            await touch(session, token.id, address=address, at=now)
    settings: AccountSettings = request.app.state.account_settings
    actor = Actor(ActorKind.USER, user.id, user.name, address, request.state.request_id)
    return _principal_of(actor, token, user, settings, by_cookie=by_cookie)


def _principal_of(actor: Actor, token: Token, user: User, settings: AccountSettings, *, by_cookie: bool) -> Principal:
    takes = token.kind is TokenKind.SESSION and token.id_token is None and user.role in settings.require_second_factor
    return Principal(
        actor,
        narrower(token.role, user.role),
        token.id,
        scope=scope_of(user, token),
        by_cookie=by_cookie,
        must_enrol=takes and not user.second_factor,
    )


def _valid(token: Token, user: User, now: datetime) -> bool:
    return not user.disabled and (token.expires_at is None or token.expires_at > now)


def _recheck(request: Request, edge: Edge, secret: str, principal: Principal) -> Callable[[], Awaitable[bool]]:
    """Whether the token still stands for just this; live streams ask now and then.

    Kept with the request, so it must not keep the request: a circle costs the collector a walk over everything young.
    """
    shown: Together[str, Present] = request.app.state.tokens
    settings: AccountSettings = request.app.state.account_settings

    async def same() -> bool:
        found = await shown(secret)
        if found is None or not _valid(*found, edge.clock.now()):
            return False
        actor = replace(principal.actor, name=found[1].name)
        return _principal_of(actor, *found, settings, by_cookie=principal.by_cookie) == principal

    return same


def _revoked(database: Database, user_id: str, same: Callable[[], Awaitable[bool]]) -> Callable[[], Awaitable[None]]:
    """Returns as soon as the user may do more or less than before, whichever Brain has changed it."""

    async def wait() -> None:
        with database.signals.subscribe(RIGHTS) as changes:
            while await same():
                while await changes.get() not in (user_id, None):
                    pass

    return wait


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
