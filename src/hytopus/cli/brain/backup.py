"""`hytopus brain backup | restore | backup-key`: on the Brain's own machine, whether a Brain runs there or not."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from hytopus.cli.extras import needs, reading_settings
from hytopus.cli.terminal.ask import confirm
from hytopus.cli.terminal.output import note, plain, print_json, say, size


def backup_key(file: Path, /) -> None:
    """Make the key that seals backups. Keep a copy where a fire at the Brain's place does not reach it.

    Parameters
    ----------
    file
        Where it is written; must not exist.
    """
    with needs("brain", "brain backup-key"):
        from hytopus.brain.backups.sealing import BackupKey

    key = BackupKey.make()
    key.write(file)
    say(f"Wrote the key {key.id} to {plain(str(file))}.")
    say("Whoever has lost it cannot restore what it sealed: keep a copy somewhere else, on paper for instance.")


def backup(
    *, verify: Annotated[bool, Parameter(negative="--no-verify")] = True, config: Path | None = None, json: bool = False
) -> None:
    """Back the Brain up now, into the object store; it may go on working meanwhile.

    Parameters
    ----------
    verify
        Read it back and restore it into a scratch database; the default.
    config
        Another settings file than /etc/hytopus/brain.toml.
    """
    with needs("brain", "brain backup"):
        from hytopus.brain.authority.keeper import open_authority
        from hytopus.brain.backups.sealing import BackupKey
        from hytopus.brain.backups.work import Source, back_up
        from hytopus.brain.db.engine import Database
        from hytopus.brain.db.signals import Signals
        from hytopus.brain.db.unlock import unlock
        from hytopus.brain.settings import load_settings
        from hytopus.kit.clock import SystemClock
        from hytopus.kit.ids import new_id
        from hytopus.storage.s3 import open_s3

    with reading_settings("brain"):
        settings = load_settings(config)
    key = BackupKey.read(settings.backups.key_file) if settings.backups.key_file else None

    async def work() -> Any:
        clock = SystemClock()
        async with Database.open(settings.database, Signals()) as database, open_s3(settings.storage) as store:
            await unlock(database, settings.sealing, settings.data_dir)
            authority = await open_authority(database, settings.data_dir / "ca", names=[], clock=clock)
            source = Source(database, store, settings.key_files, authority.lineage, key, clock)
            return await back_up(source, new_id(), scheduled=False, verify=verify)

    made = asyncio.run(work())
    if json:
        print_json(made.model_dump(mode="json"))
        return
    how = f"sealed with key {made.key_id}" if made.key_id else "not sealed, without the Brain's keys"
    checked = ", verified" if made.verified_at else ""
    say(f"Backup {made.id}: {made.total_rows} rows, {size(made.size)}, {how}{checked}.")


def restore(
    backup: str | None = None,
    /,
    *,
    s3_url: str | None = None,
    access_key: str | None = None,
    secret_key: str | None = None,
    key_file: Path | None = None,
    overwrite: bool = False,
    yes: bool = False,
    config: Path | None = None,
) -> None:
    """Bring a Brain back from a backup, on a machine that has nothing but Hytopus.

    Parameters
    ----------
    backup
        Its id; without it, the newest.
    s3_url
        Where the backups lie, as in the setting storage.url: s3://bucket/prefix?endpoint=...
    access_key
        Key of the object store; better in HYTOPUS_BRAIN__STORAGE__ACCESS_KEY.
    secret_key
        Belongs to the access key; better in HYTOPUS_BRAIN__STORAGE__SECRET_KEY.
    key_file
        The key the backup was sealed with.
    overwrite
        Replace what is there: files are moved aside, tables of a PostgreSQL are dropped.
    config
        Another settings file than /etc/hytopus/brain.toml.
    """
    with needs("brain", "brain restore"):
        from pydantic import SecretStr

        from hytopus.brain.backups.restore import Target, choose
        from hytopus.brain.backups.restore import restore as bring_back
        from hytopus.brain.backups.sealing import BackupKey
        from hytopus.brain.settings import load_settings
        from hytopus.brain.tables import TABLES
        from hytopus.kit.clock import SystemClock
        from hytopus.storage.s3 import open_s3

    with reading_settings("brain"):
        settings = load_settings(config)
    given = {
        "url": s3_url,
        "access_key": SecretStr(access_key) if access_key else None,
        "secret_key": SecretStr(secret_key) if secret_key else None,
    }
    storage = settings.storage.model_copy(update={name: value for name, value in given.items() if value})
    file = key_file or settings.backups.key_file
    key = BackupKey.read(file) if file else None
    target = Target(settings.database, settings.key_files, TABLES, overwrite)
    if overwrite:
        confirm(f"Replace what is in {settings.data_dir} and its database?", yes=yes)

    async def work() -> Any:
        async with open_s3(storage) as store:
            chosen = await choose(store, backup)
            note(f"Restoring {chosen.id} of {chosen.created_at:%Y-%m-%d %H:%M} UTC ...")
            return await bring_back(store, chosen, key, target, SystemClock())

    restored = asyncio.run(work())
    say(f"Restored {sum(restored.rows.values())} rows and the files {', '.join(restored.files) or '(none)'}.")
    if not restored.files:
        say("It held no keys: put ca/ and secrets.key back yourself, or every node has to join again.")
    say("Start the Brain: nodes come back by themselves and tell what happened since.")


def relearn(*, config: Path | None = None) -> None:
    """Have the Brain ask every node what happened since: for a database that came back another way than by `restore`.

    Run it before the Brain is started.

    Parameters
    ----------
    config
        Another settings file than /etc/hytopus/brain.toml.
    """
    with needs("brain", "brain relearn"):
        from hytopus.brain.backups.restore import mark_old
        from hytopus.brain.db.engine import Database
        from hytopus.brain.db.migrate import migrate
        from hytopus.brain.db.signals import Signals
        from hytopus.brain.settings import load_settings
        from hytopus.kit.clock import SystemClock

    with reading_settings("brain"):
        settings = load_settings(config)

    async def work() -> Any:
        async with Database.open(settings.database, Signals()) as database:
            await migrate(database)
            return await mark_old(database, SystemClock())

    since = asyncio.run(work())
    say(f"The database is of {since:%Y-%m-%d %H:%M:%S} UTC. Start the Brain: nodes tell what happened since.")
