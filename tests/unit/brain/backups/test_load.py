"""Loading begins with the question which release has written it."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy.ext.asyncio import create_async_engine

from hytopus.brain.backups.errors import BackupTooNew
from hytopus.brain.backups.load import load


async def test_the_migrations_are_not_read_in_the_event_loop() -> None:
    lines: Any = iter([{"header": {"revision": "of the future"}}])
    engine = create_async_engine("sqlite+aiosqlite://")
    async with engine.connect() as connection:
        with pytest.raises(BackupTooNew):
            await load(connection, lines, name="a")
    await engine.dispose()
