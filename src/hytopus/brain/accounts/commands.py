"""Changing users and tokens. Each command leaves its own audit record; none ever holds a secret."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from hytopus.brain.accounts.errors import (
    ExpiryInThePast,
    LastAdmin,
    ScopedAdmin,
    TokenHoldsMore,
    TokenNameTaken,
    TokenNotFound,
    TokenRoleTooHigh,
    UserNameTaken,
)
from hytopus.brain.accounts.models import Token, TokenKind, User
from hytopus.brain.accounts.passwords import Passwords, generate_password
from hytopus.brain.accounts.queries import count_admins, count_users, is_taken
from hytopus.brain.accounts.roles import Principal, Role, narrower
from hytopus.brain.accounts.scopes import holds
from hytopus.brain.accounts.sessions import end_sessions, rights_changed
from hytopus.brain.accounts.tokens import hash_token, hint_of, new_token
from hytopus.brain.activity.actor import SYSTEM, Actor
from hytopus.brain.activity.commands import audit
from hytopus.brain.db.engine import Database
from hytopus.kit.clock import Clock

Document = dict[str, Any]
"""Limits as they are kept: `regions` and `tags`, and `others` like that."""
SESSION_IDLE: Final = timedelta(hours=24)
"""A login ends when it has not been used for this long."""
FIRST_ADMIN: Final = "admin"


async def ensure_admin(database: Database, clock: Clock, passwords: Passwords | None = None) -> str | None:
    """Make the first admin of an empty Brain. Returns the password, which nobody can ever ask for again."""
    async with database.read() as session:
        if await count_users(session):
            return None
    password = generate_password()
    password_hash = await (passwords or Passwords()).hash(password)
    async with database.write() as session:
        if await count_users(session):
            return None
        await create_user(session, FIRST_ADMIN, password_hash, Role.ADMIN, actor=SYSTEM, at=clock.now())
    return password


async def create_user(
    session: AsyncSession,
    name: str,
    password_hash: str,
    role: Role,
    *,
    scope: Document | None = None,
    actor: Actor,
    at: datetime,
) -> User:
    """Raises `UserNameTaken` or `ScopedAdmin`."""
    _check_scope(role, scope)
    if await is_taken(session, name):
        raise UserNameTaken(name=name)
    user = User(name=name, password_hash=password_hash, role=role, scope=scope or {}, created_at=at)
    session.add(user)
    try:
        await session.flush()
    except IntegrityError as error:
        raise UserNameTaken(name=name) from error
    audit(session, actor, "user.create", f"user:{name}", at=at, after=_facts(user))
    return user


async def change_user(
    session: AsyncSession,
    user: User,
    *,
    role: Role | None = None,
    scope: Document | None = None,
    disabled: bool | None = None,
    password_hash: str | None = None,
    actor: Actor,
    at: datetime,
) -> None:
    """Give a user another role, limits or password, or keep him out; all but other limits end his logins.

    Raises `LastAdmin` or `ScopedAdmin`.
    """
    before = _facts(user)
    loses_admin = (role is not None and role is not Role.ADMIN) or disabled is True
    if loses_admin:
        await _keep_an_admin(session, user)
    user.role = user.role if role is None else role
    user.scope = user.scope if scope is None else scope
    _check_scope(user.role, user.scope)
    user.disabled = user.disabled if disabled is None else disabled
    user.password_hash = password_hash or user.password_hash
    if user.disabled or password_hash is not None or user.role.value != before["role"]:
        await end_sessions(session, user)
    rights_changed(session, user)
    after = _facts(user) | ({"password": "changed"} if password_hash is not None else {})
    audit(session, actor, "user.change", f"user:{user.name}", at=at, before=before, after=after)


async def remove_user(session: AsyncSession, user: User, *, actor: Actor, at: datetime) -> None:
    """Remove a user and all his tokens. Raises `LastAdmin`."""
    await _keep_an_admin(session, user)
    await session.execute(delete(Token).where(Token.user_id == user.id))
    await session.delete(user)
    rights_changed(session, user)
    audit(session, actor, "user.remove", f"user:{user.name}", at=at, before=_facts(user))


async def set_password(
    session: AsyncSession, user: User, password_hash: str, *, keep: str, actor: Actor, at: datetime
) -> None:
    """A user sets his own password: ends every other login of his; the token with the id `keep` lives on."""
    user.password_hash = password_hash
    await end_sessions(session, user, but=keep)
    audit(session, actor, "user.set_password", f"user:{user.name}", at=at)


async def begin_session(
    session: AsyncSession, user: User, *, actor: Actor, at: datetime, shown: str = "none", client: str = ""
) -> tuple[Token, str]:
    """Log a user in. Returns the row and the secret, which is not kept. `shown` is his second factor, for the audit."""
    await session.execute(delete(Token).where(Token.expires_at <= at))
    user.last_login_at = at
    token, secret = _make(user, TokenKind.SESSION, client[:64] or "login", Role.ADMIN, at + SESSION_IDLE, at)
    token.last_used_at, token.last_address = at, actor.address
    session.add(token)
    audit(session, actor, "session.begin", f"user:{user.name}", at=at, after={"second_factor": shown})
    return token, secret


async def create_token(
    session: AsyncSession,
    user: User,
    name: str,
    *,
    role: Role | None,
    scope: Document | None = None,
    expires_at: datetime | None,
    by: Principal,
    at: datetime,
) -> tuple[Token, str]:
    """Make an API token. Its role, limits and end are those of the token it is made with or less, so that no token can
    make itself greater. (A login's own end does not count: people make tokens to outlast it.)
    """
    asked = role or by.role
    if not by.role.includes(asked):
        raise TokenRoleTooHigh(asked=asked.value, role=by.role.value)
    _check_scope(asked, scope)
    if expires_at is not None and expires_at <= at:
        raise ExpiryInThePast(expires_at=expires_at.isoformat())
    twin = select(Token.id).where(Token.user_id == user.id, Token.kind == TokenKind.API, Token.name == name)
    if await session.scalar(twin) is not None:
        raise TokenNameTaken(name=name)
    maker = await session.get(Token, by.token_id)
    if maker is not None and maker.kind is TokenKind.API and maker.expires_at is not None:
        expires_at = min(expires_at or maker.expires_at, maker.expires_at)
    token, secret = _make(user, TokenKind.API, name, narrower(asked, user.role), expires_at, at)
    token.scopes = [*(maker.scopes if maker else []), *([scope] if scope else [])]
    session.add(token)
    await session.flush()
    until = expires_at.isoformat() if expires_at else None
    after = {"role": token.role.value, "scopes": token.scopes, "expires_at": until}
    audit(session, by.actor, "token.create", f"token:{user.name}/{name}", at=at, after=after)
    return token, secret


async def revoke_token(session: AsyncSession, user: User, token_id: str, *, by: Principal, at: datetime) -> None:
    """End a token or a login of the user at once. Raises `TokenNotFound`, and `TokenHoldsMore` for one that may do what
    the token in use may not: whoever found the lesser one must not shut out the owner.
    """
    actor, token = by.actor, await session.get(Token, token_id)
    if token is None or token.user_id != user.id:
        raise TokenNotFound(token_id=token_id)
    if token_id != by.token_id and not holds(by, user, token):
        raise TokenHoldsMore(name=token.name)
    await session.delete(token)
    rights_changed(session, user)
    if token.kind is TokenKind.SESSION:
        audit(session, actor, "session.end", f"session:{user.name}/{token.id}", at=at)
    else:
        audit(session, actor, "token.revoke", f"token:{user.name}/{token.name}", at=at)


async def touch(session: AsyncSession, token_id: str, *, address: str, at: datetime) -> None:
    """Note that a token was used; a login lives on."""
    token = await session.get(Token, token_id)
    if token is None:
        return
    token.last_used_at, token.last_address = at, address
    if token.kind is TokenKind.SESSION:
        token.expires_at = at + SESSION_IDLE


async def _keep_an_admin(session: AsyncSession, user: User) -> None:
    if user.role is Role.ADMIN and not user.disabled and not await count_admins(session, but=user.id):
        raise LastAdmin(name=user.name)


def _check_scope(role: Role, scope: Document | None) -> None:
    if role is Role.ADMIN and scope:
        raise ScopedAdmin


def _make(
    user: User, kind: TokenKind, name: str, role: Role, expires_at: datetime | None, at: datetime
) -> tuple[Token, str]:
    secret = new_token()
    token = Token(
        user_id=user.id,
        kind=kind,
        name=name,
        token_hash=hash_token(secret),
        hint=hint_of(secret),
        role=role,
        created_at=at,
        expires_at=expires_at,
        last_address="",
    )
    return token, secret


def _facts(user: User) -> dict[str, Any]:
    return {"role": user.role.value, "disabled": user.disabled} | ({"scope": user.scope} if user.scope else {})
