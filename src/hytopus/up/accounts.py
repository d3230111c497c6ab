"""The first admin, and the token with which `up` and the command line on this machine work.

Root on the Brain's machine owns its database anyway; so the token can be made anew whenever it is lost.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from hytopus.brain.accounts.commands import create_token, ensure_admin
from hytopus.brain.accounts.models import User
from hytopus.brain.accounts.queries import present
from hytopus.brain.accounts.roles import Principal, Role
from hytopus.brain.activity.actor import SYSTEM
from hytopus.brain.db.engine import Database
from hytopus.brain.db.migrate import migrate
from hytopus.brain.db.signals import Signals
from hytopus.brain.settings import BrainSettings
from hytopus.kit.clock import Clock, SystemClock
from hytopus.kit.files import replace_file
from hytopus.kit.ids import new_id
from hytopus.up.errors import NoAdmin

TOKEN_FILE: Final = "operator.token"  # noqa: S105 - the name of a file


@dataclass(frozen=True, slots=True)
class Access:
    """`password` is that of the user `admin`, in the one run that made the account."""

    token: str
    password: str | None


async def prepare_access(settings: BrainSettings, directory: Path) -> Access:
    """Migrate the database, and make what is missing of the first admin and the token. The Brain must not run."""
    clock = SystemClock()
    async with _database(settings) as database:
        password = await ensure_admin(database, clock)
        file = directory / TOKEN_FILE
        token = file.read_text().strip() if file.exists() else None
        if token is None or not await _still_good(database, token):
            token = await _make_token(database, clock)
            await asyncio.to_thread(replace_file, file, token.encode())
    return Access(token, password)


@asynccontextmanager
async def _database(settings: BrainSettings) -> AsyncIterator[Database]:
    settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    async with Database.open(settings.database, Signals()) as database:
        await migrate(database)
        yield database


async def _still_good(database: Database, token: str) -> bool:
    async with database.read() as session:
        (found,) = await present(session, [token])
    return found is not None and not found[1].disabled and found[1].role is Role.ADMIN


async def _make_token(database: Database, clock: Clock) -> str:
    async with database.write() as session:
        user = await _an_admin(session)
        by = Principal(SYSTEM, Role.ADMIN, token_id="")
        name = f"hytopus up ({new_id()})"
        _, secret = await create_token(session, user, name, role=None, expires_at=None, by=by, at=clock.now())
    return secret


async def _an_admin(session: AsyncSession) -> User:
    admins = select(User).where(User.role == Role.ADMIN, User.disabled.is_(False)).order_by(User.created_at)
    user: User | None = await session.scalar(admins.limit(1))
    if user is None:
        raise NoAdmin
    return user
