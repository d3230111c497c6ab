"""Routes of single sign-on. A browser walks through them, so what goes wrong is told on the login page."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import Depends, Query, Request
from starlette.responses import RedirectResponse, Response

from hytopus.brain.accounts.commands import begin_session, revoke_token
from hytopus.brain.accounts.dependencies import PrincipalDep, forget_cookie, set_cookie
from hytopus.brain.accounts.errors import TooManyAttempts
from hytopus.brain.accounts.logins import LoginThrottleDep
from hytopus.brain.accounts.models import Token, User
from hytopus.brain.accounts.oidc import commands
from hytopus.brain.accounts.oidc.claims import person_of
from hytopus.brain.accounts.oidc.errors import OidcOff, OidcRefused, OidcUnavailable
from hytopus.brain.accounts.oidc.provider import Provider
from hytopus.brain.accounts.queries import get_user
from hytopus.brain.accounts.schemas import OidcLogoutOut, OidcOut
from hytopus.brain.activity.actor import Actor, ActorKind
from hytopus.brain.activity.commands import audit
from hytopus.brain.activity.requests import STRANGER, address_of
from hytopus.brain.db.engine import Database
from hytopus.brain.http.dependencies import ClockDep, DatabaseDep
from hytopus.brain.http.problems import problems
from hytopus.brain.http.routing import PREFIX, feature_router
from hytopus.errors import HytopusError
from hytopus.kit.clock import Clock
from hytopus.kit.logs import get_logger

log = get_logger(__name__)
router = feature_router("accounts")

COOKIE: Final = "hytopus_oidc"
_PATH: Final = f"{PREFIX}/oidc"


async def _provider(request: Request) -> Provider:
    provider: Provider | None = request.app.state.oidc
    if provider is None:
        raise OidcOff
    return provider


ProviderDep = Annotated[Provider, Depends(_provider)]


@router.get("/oidc")
async def get_single_sign_on(request: Request) -> OidcOut:
    """Whether there is single sign-on, and what its button says."""
    provider: Provider | None = request.app.state.oidc
    return OidcOut(enabled=provider is not None, title=provider.settings.title if provider else "")


@router.get(
    "/oidc/login",
    status_code=303,
    response_class=Response,
    responses=problems(OidcOff, OidcUnavailable, TooManyAttempts),
)
async def begin_single_sign_on(
    request: Request,
    database: DatabaseDep,
    clock: ClockDep,
    throttle: LoginThrottleDep,
    provider: ProviderDep,
    to: Annotated[str, Query(alias="next", max_length=500, description="Page of the panel to come back to.")] = "/",
) -> Response:
    """Send the browser to the provider."""
    throttle.take_address(address_of(request))
    await provider.metadata()
    async with database.write() as session:
        begun = await commands.begin(session, to, at=clock.now())
    url = await provider.login_url(state=begun.state, nonce=begun.nonce, challenge=begun.challenge)
    response = RedirectResponse(url, 303, {"Cache-Control": "no-store"})
    secure = provider.settings.public_url.startswith("https")
    seconds = int(commands.TIME_TO_LOG_IN.total_seconds())
    response.set_cookie(
        COOKIE, begun.binding, httponly=True, samesite="lax", secure=secure, path=_PATH, max_age=seconds
    )
    return response


@router.get("/oidc/callback", status_code=303, response_class=Response, responses=problems(OidcOff))
async def end_single_sign_on(
    request: Request,
    database: DatabaseDep,
    clock: ClockDep,
    provider: ProviderDep,
    state: Annotated[str, Query(max_length=200)] = "",
    code: Annotated[str, Query(max_length=4096)] = "",
    error: Annotated[str, Query(max_length=200)] = "",
    iss: Annotated[str, Query(max_length=500, description="RFC 9207: who answers.")] = "",
) -> Response:
    """Where the provider sends the browser back to: log in, and on to the panel."""
    try:
        if iss and iss != provider.settings.issuer:
            raise OidcRefused(why="somebody else answers for it")
        secret, to = await _log_in(request, database, clock, provider, state=state, code=code, error=error)
    except HytopusError as problem:
        await _note(request, database, clock, problem)
        response: Response = RedirectResponse(f"/login?problem={problem.code}", 303)
    else:
        response = RedirectResponse(to, 303)
        set_cookie(response, secret, secure=provider.settings.public_url.startswith("https"))
    response.delete_cookie(COOKIE, path=_PATH)
    response.headers["Cache-Control"] = "no-store"
    return response


@router.post("/oidc/logout", responses=problems(OidcOff))
async def end_single_sign_on_session(
    response: Response, database: DatabaseDep, clock: ClockDep, principal: PrincipalDep, provider: ProviderDep
) -> OidcLogoutOut:
    """End this login here, and say where the browser ends it at the provider."""
    async with database.write() as session:
        token = await session.get_one(Token, principal.token_id)
        id_token = token.id_token
        user = await get_user(session, principal.actor.id)
        await revoke_token(session, user, token.id, by=principal, at=clock.now())
    forget_cookie(response)
    return OidcLogoutOut(url=await _logout_url(provider, id_token) if id_token else None)


async def _log_in(
    request: Request, database: Database, clock: Clock, provider: Provider, *, state: str, code: str, error: str
) -> tuple[str, str]:
    """The session's secret, and where to go on. Raises whatever is wrong with what came back."""
    async with database.write() as session:
        begun = await commands.take_back(session, state, request.cookies.get(COOKIE), at=clock.now())
    if error or not code:
        raise OidcRefused(why=error or "it sent no code")
    id_token = await provider.exchange(code, begun.verifier)
    person = person_of(await provider.verify(id_token, begun.nonce), provider.settings)
    async with database.write() as session:
        user = await commands.admit(session, person, at=clock.now())
        await session.flush()
        actor = _actor(request, user)
        client = request.headers.get("user-agent", "")
        token, secret = await begin_session(session, user, actor=actor, at=clock.now(), shown="provider", client=client)
        token.id_token = id_token
    return secret, begun.next


async def _logout_url(provider: Provider, id_token: str) -> str | None:
    """A provider that is down must not keep anybody logged in here."""
    try:
        return await provider.logout_url(id_token)
    except OidcUnavailable as error:
        log.warning("no logout at the provider", code=error.code, detail=error.message)
        return None


async def _note(request: Request, database: Database, clock: Clock, problem: HytopusError) -> None:
    log.warning("single sign-on failed", code=problem.code, detail=problem.message)
    async with database.write() as session:
        audit(session, _actor(request), "session.begin", "oidc", at=clock.now(), outcome=problem.code)


def _actor(request: Request, user: User | None = None) -> Actor:
    name, user_id = (user.name, user.id) if user else (STRANGER, STRANGER)
    return Actor(ActorKind.USER, user_id, name, address_of(request), request.state.request_id)
