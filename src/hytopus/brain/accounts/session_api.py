"""Routes of logins: where a user is logged in, and ending that."""

from __future__ import annotations

from hytopus.brain.accounts import commands, queries
from hytopus.brain.accounts.dependencies import ActorDep, PrincipalDep
from hytopus.brain.accounts.errors import TokenHoldsMore, TokenNotFound, UserNotFound
from hytopus.brain.accounts.models import TokenKind
from hytopus.brain.accounts.schemas import SessionOut
from hytopus.brain.accounts.scopes import holds
from hytopus.brain.accounts.sessions import end_sessions
from hytopus.brain.activity.commands import audit
from hytopus.brain.http.dependencies import ClockDep, ReadDep, WriteDep
from hytopus.brain.http.problems import problems
from hytopus.brain.http.routing import feature_router

router = feature_router("accounts")


@router.get("/me/sessions")
async def list_my_sessions(session: ReadDep, clock: ClockDep, principal: PrincipalDep) -> list[SessionOut]:
    """Where you are logged in."""
    tokens = await queries.tokens_of(session, principal.actor.id, TokenKind.SESSION)
    alive = [token for token in tokens if token.expires_at is None or token.expires_at > clock.now()]
    return [SessionOut.of(token, current=token.id == principal.token_id) for token in alive]


@router.delete("/me/sessions", status_code=204, responses=problems(TokenHoldsMore))
async def end_my_other_sessions(session: WriteDep, clock: ClockDep, principal: PrincipalDep) -> None:
    """End all your logins but this one."""
    user = await queries.get_user(session, principal.actor.id)
    if not holds(principal, user):
        raise TokenHoldsMore(name="login")
    await end_sessions(session, user, but=principal.token_id)
    audit(session, principal.actor, "session.end_others", f"user:{user.name}", at=clock.now())


@router.delete("/me/sessions/{session_id}", status_code=204, responses=problems(TokenNotFound, TokenHoldsMore))
async def end_my_session(session_id: str, session: WriteDep, clock: ClockDep, principal: PrincipalDep) -> None:
    """End one of your logins at once, with everything live that hangs on it."""
    user = await queries.get_user(session, principal.actor.id)
    await commands.revoke_token(session, user, session_id, by=principal, at=clock.now())


@router.delete("/users/{user}/sessions", status_code=204, responses=problems(UserNotFound))
async def end_user_sessions(user: str, session: WriteDep, clock: ClockDep, actor: ActorDep) -> None:
    """End all logins of a user at once. His API tokens live on."""
    found = await queries.get_user(session, user)
    await end_sessions(session, found)
    audit(session, actor, "session.end_all", f"user:{found.name}", at=clock.now())
