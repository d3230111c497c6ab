"""`hytopus brain`: the control plane itself."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, Final

from hytopus.cli.extras import needs, reading_settings
from hytopus.cli.options import group
from hytopus.cli.output import say

app: Final = group("brain", "Run the Brain. Settings: /etc/hytopus/brain.toml and HYTOPUS_BRAIN__… variables.")


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


def _announce(running: Any) -> None:
    say(f"The Brain answers at {running.url}.")
    if running.admin_password is not None:
        say(f"Log in as admin with the password {running.admin_password} (shown this once).")
