"""Generate a migration by comparing the models with a database at the newest revision."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
from pathlib import Path

from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from hytopus.brain.db.engine import Database
from hytopus.brain.db.migrate import alembic_config, migrate
from hytopus.brain.db.signals import Signals

VERSIONS = Path(__file__).parents[1] / "src/hytopus/brain/db/migrations/versions"


async def generate(message: str) -> None:
    with tempfile.TemporaryDirectory() as directory:
        async with Database.open(f"sqlite:///{directory}/brain.db", Signals()) as database:
            await migrate(database)
            async with database.write() as session:
                await (await session.connection()).run_sync(_revise, message)


def _revise(connection: Connection, message: str) -> None:
    config = alembic_config()
    config.set_main_option("file_template", "%%(rev)s_%%(slug)s")
    config.attributes["connection"] = connection
    heads = ScriptDirectory.from_config(config).get_heads()
    number = f"{int(heads[0]) + 1 if heads else 1:04d}"
    command.revision(config, message=message, autogenerate=True, rev_id=number)


if __name__ == "__main__":
    asyncio.run(generate(" ".join(sys.argv[1:])))
    for file in VERSIONS.glob("*.py"):
        lines = file.read_text().splitlines(keepends=True)
        file.write_text("".join(line for line in lines if not line.strip().startswith("# ###")))
        subprocess.run([sys.executable, "-m", "ruff", "check", "-q", "--fix-only", str(file)], check=False)
        subprocess.run([sys.executable, "-m", "ruff", "format", "-q", str(file)], check=True)
