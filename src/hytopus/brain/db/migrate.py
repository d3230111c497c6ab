"""Bringing the database to this version's schema, at every start and by `hytopus brain migrate`."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from hytopus.brain.db.engine import Database
from hytopus.kit.logs import get_logger

log = get_logger(__name__)

_LOCK = 0x48595450  # "HYTP"; the advisory lock that keeps two starting Brains from migrating at once


def alembic_config() -> Config:
    """Alembic's configuration without a file: the history lives in `migrations/` beside this module."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    return config


async def migrate(database: Database, revision: str = "head") -> None:
    """Upgrade to `revision`; does nothing when already there, or when a later release has been here."""
    if database.dialect == "sqlite":
        async with database.write() as session:
            await (await session.connection()).run_sync(upgrade, revision)
        return
    async with database.writer.begin() as connection:
        await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
        await connection.run_sync(upgrade, revision)


def revisions() -> list[str]:
    """All there are, the oldest first."""
    return [script.revision for script in ScriptDirectory.from_config(alembic_config()).walk_revisions()][::-1]


def upgrade(connection: Connection, revision: str) -> None:
    """In a transaction that is somebody else's."""
    config = alembic_config()
    config.attributes["connection"] = connection
    here = MigrationContext.configure(connection).get_current_revision()
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if here is not None and here not in known:
        log.warning("the schema is newer than this release; it is left as it is", schema=here)
        return
    command.upgrade(config, revision)
