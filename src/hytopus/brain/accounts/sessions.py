"""Logins: which there are, and ending them at once, wherever their live streams are open."""

from __future__ import annotations

from typing import Final

from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncSession

from hytopus.brain.accounts.models import Token, TokenKind, User
from hytopus.brain.db.signals import signal

RIGHTS: Final = "rights"
"""Topic of signals: the user with this id has lost a token, a role or a part of what he may see, or the instance with
this id has got another region or other tags, so that others may see it."""


async def end_sessions(session: AsyncSession, user: User, *, but: str | None = None) -> None:
    """End a user's logins, all or all but one. His API tokens live on."""
    mine = [Token.user_id == user.id, Token.kind == TokenKind.SESSION]
    if but is not None:
        mine.append(Token.id != but)
    await session.execute(delete(Token).where(*mine))
    rights_changed(session, user)


def rights_changed(session: AsyncSession, user: User) -> None:
    """Let every live stream of the user look at once whether it may go on."""
    signal(session, RIGHTS, user.id)
