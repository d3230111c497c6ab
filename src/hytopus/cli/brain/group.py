"""`hytopus brain`: the control plane itself."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, Final

from hytopus.cli.connection.options import group
from hytopus.cli.extras import needs, reading_settings
from hytopus.cli.terminal.output import say

app: Final = group(
    "brain", "Run, back up and restore the Brain here. Settings: /etc/hytopus/brain.toml and HYTOPUS_BRAIN__…"
)
app.command("hytopus.cli.brain.ca:app", name="ca")
app.command("hytopus.cli.brain.list:list_brains", name="list", help="List the Brains that run side by side.")
app.command("hytopus.cli.brain.backup:backup", name="backup", help="Back the Brain up into the object store, now.")
app.command("hytopus.cli.brain.backup:restore", name="restore", help="Bring a Brain back from a backup.")
app.command("hytopus.cli.brain.backup:relearn", name="relearn", help="Ask every node what happened since.")
app.command("hytopus.cli.brain.backup:backup_key", name="backup-key", help="Make the key that seals backups.")


@app.command(name="run")
def run(*, config: Path | None = None) -> None:
    """Run the Brain in the foreground, until Ctrl-C or SIGTERM.

    Parameters
    ----------
    config
        Another settings file than /etc/hytopus/brain.toml.
    """
    with needs("brain", "brain run"):
        import uvloop

        from hytopus.brain.main import run as run_brain
        from hytopus.brain.settings import load_settings

    with reading_settings("brain"):
        settings = load_settings(config)
    uvloop.run(run_brain(settings, ready=_announce))


@app.command(name="migrate")
def migrate(*, config: Path | None = None) -> None:
    """Bring the database to this version, and do nothing else. `brain run` does it too.

    Parameters
    ----------
    config
        Another settings file than /etc/hytopus/brain.toml.
    """
    with needs("brain", "brain migrate"):
        from hytopus.brain.db.engine import Database
        from hytopus.brain.db.migrate import migrate as bring_up
        from hytopus.brain.db.signals import Signals
        from hytopus.brain.settings import load_settings

    with reading_settings("brain"):
        settings = load_settings(config)
    settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)

    async def work() -> None:
        async with Database.open(settings.database, Signals()) as database:
            await bring_up(database)

    asyncio.run(work())
    say("The database is at this version.")


@app.command(name="rotate-key")
def rotate_key(*, config: Path | None = None) -> None:
    """Seal the secrets in the database with a new key. Old keys stay in the file: older backups need them.

    A Brain that runs with the same file goes on; start it again to let it use the new key itself.

    Parameters
    ----------
    config
        Another settings file than /etc/hytopus/brain.toml.
    """
    with needs("brain", "brain rotate-key"):
        from hytopus.brain.db.engine import Database
        from hytopus.brain.db.migrate import migrate as bring_up
        from hytopus.brain.db.signals import Signals
        from hytopus.brain.db.unlock import key_file, rotate
        from hytopus.brain.settings import load_settings

    with reading_settings("brain"):
        settings = load_settings(config)

    async def work() -> int:
        async with Database.open(settings.database, Signals()) as database:
            await bring_up(database)
            return await rotate(database, settings.sealing, settings.data_dir)

    count = asyncio.run(work())
    say(f"Sealed {count} secrets with a new key, the first one in {key_file(settings.sealing, settings.data_dir)}.")


def _announce(running: Any) -> None:
    say(f"The Brain answers at {running.url}.")
    if running.admin_password is not None:
        say(f"Log in as admin with the password {running.admin_password} (shown this once).")
