"""Looking up users and tokens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sqlalchemy import bindparam, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from hytopus.brain.accounts.errors import UserNotFound
from hytopus.brain.accounts.models import Token, TokenKind, User
from hytopus.brain.accounts.roles import Role
from hytopus.brain.accounts.tokens import hash_token


async def find_user(session: AsyncSession, name: str) -> User | None:
    found: User | None = await session.scalar(select(User).where(User.name == name))
    return found


async def get_user(session: AsyncSession, name_or_id: str, *, lock: bool = False) -> User:
    """The user of that id, or else of that name; raises `UserNotFound`."""
    either = or_(User.name == name_or_id, User.id == name_or_id)
    statement = select(User).where(either).order_by(User.id != name_or_id).limit(1)
    user: User | None = await session.scalar(statement.with_for_update() if lock else statement)
    if user is None:
        raise UserNotFound(name=name_or_id)
    return user


_PRESENT: Final = (
    select(Token, User)
    .join(User, User.id == Token.user_id)
    .where(Token.token_hash.in_(bindparam("hashes", expanding=True)))
)
"""Asked with every request."""

Present = tuple[Token, User] | None
"""A token that somebody shows, with its user; None if nobody made it."""


async def present(session: AsyncSession, tokens: Sequence[str]) -> list[Present]:
    """What each of these tokens stands for, in order."""
    hashes = [hash_token(token) for token in tokens]
    rows = await session.execute(_PRESENT, {"hashes": list(set(hashes))})
    found = {token.token_hash: (token, user) for token, user in rows}
    return [found.get(each) for each in hashes]


async def is_taken(session: AsyncSession, name: str) -> bool:
    """Whether somebody else is called so, by name or by id: whoever names him must not mean two."""
    return await session.scalar(select(User.id).where(or_(User.name == name, User.id == name)).limit(1)) is not None


async def count_admins(session: AsyncSession, *, but: str) -> int:
    """Admins who can log in, not counting the user with the id `but`. Locks them, so that two cannot go at once."""
    admins = await session.scalars(
        select(User.id).where(User.role == Role.ADMIN, User.disabled.is_(False)).with_for_update()
    )
    return len(set(admins.all()) - {but})


async def count_users(session: AsyncSession) -> int:
    return await session.scalar(select(func.count()).select_from(User)) or 0


async def tokens_of(session: AsyncSession, user_id: str, kind: TokenKind) -> Sequence[Token]:
    statement = select(Token).where(Token.user_id == user_id, Token.kind == kind).order_by(Token.id)
    return (await session.scalars(statement)).all()
