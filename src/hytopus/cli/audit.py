"""`hytopus audit`: who changed what, whether it is still what was written, and all of it for somebody else."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar, Final

from hytopus.cli.connection.client import Json
from hytopus.cli.connection.options import DEFAULTS, Options, connect, group
from hytopus.cli.extras import needs, reading_settings
from hytopus.cli.parse import duration
from hytopus.cli.terminal.output import clock_time, print_json, print_table, say
from hytopus.cli.terminal.sanitise import sanitise_json
from hytopus.errors import HytopusError

app: Final = group("audit", "Show, check and export who changed what.")


class ChainBroken(HytopusError):
    code: ClassVar[str] = "audit_chain_broken"
    template: ClassVar[str] = "The audit log was changed: record {record}: {cause}. The {good} before it are good."
    remedy: ClassVar[str] = (
        "Somebody has changed the database past its triggers. Compare with an export or a backup of before, and find "
        "out who can write to it."
    )


class HashNotFound(HytopusError):
    code: ClassVar[str] = "audit_hash_not_found"
    template: ClassVar[str] = "The audit log fits together, but {known} is not in it: its end was cut off."
    remedy: ClassVar[str] = "Compare with an export or a backup of the time when the hash was noted."


@app.default
async def audit(
    *,
    actor: str | None = None,
    action: str | None = None,
    target: str | None = None,
    since: str | None = None,
    limit: int = 50,
    options: Options = DEFAULTS,
) -> None:
    """Show who changed what, from where, newest first; refused attempts included.

    Parameters
    ----------
    actor
        Only by this user.
    action
        Only actions that begin with this, e.g. `instance.`.
    target
        Only on this, e.g. `user:alice`.
    since
        Only the last 15m, 12h, 7d ...
    """
    query = {"actor": actor, "action": action, "target": target, "since": _ago(since)}
    async with connect(options) as api:
        records = [record async for record in api.items("/audit", limit=limit, **query)]
    if options.json:
        print_json(records)
        return
    rows = (
        (
            clock_time(record["at"]),
            record["actor_name"],
            record["address"],
            record["action"],
            record["target"],
            record["outcome"],
        )
        for record in records
    )
    print_table(("AT", "WHO", "FROM", "ACTION", "TARGET", "OUTCOME"), rows, empty="Nothing was changed.")


@app.command(name="verify")
async def verify(
    *, known: str | None = None, local: bool = False, config: Path | None = None, options: Options = DEFAULTS
) -> None:
    """Walk the whole chain; names the first record that is not as it was written.

    Parameters
    ----------
    known
        A head noted earlier: it must still be in the chain, or an end was cut off.
    local
        Read this machine's database itself, without asking a Brain.
    config
        With --local: another settings file than /etc/hytopus/brain.toml.
    """
    verdict = await _locally(known, config) if local else await _ask(known, options)
    if options.json:
        print_json(verdict)
    if verdict["broken"] is not None:
        broken = verdict["broken"]
        raise ChainBroken(record=broken["id"], cause=broken["cause"], good=verdict["records"])
    if not verdict["knows"]:
        raise HashNotFound(known=known)
    if not options.json:
        say(f"All {verdict['records']} records are as they were written. Head: {verdict['head']}")


@app.command(name="export")
async def export(
    *,
    actor: str | None = None,
    action: str | None = None,
    target: str | None = None,
    since: str | None = None,
    options: Options = DEFAULTS,
) -> None:
    """Write the audit log as lines of JSON on standard output, oldest first.

    Parameters
    ----------
    actor
        Only by this user.
    action
        Only actions that begin with this, e.g. `instance.`.
    target
        Only on this, e.g. `user:alice`.
    since
        Only the last 15m, 12h, 7d ...
    """
    query = {"actor": actor, "action": action, "target": target, "since": _ago(since)}
    async with connect(options) as api, api.lines("/audit/export", **query) as lines:
        async for line in lines:
            print(sanitise_json(line))


async def _ask(known: str | None, options: Options) -> Json:
    async with connect(options) as api:
        return await api.request("GET", "/audit/verify", query={"known": known}, timeout=600)


async def _locally(known: str | None, config: Path | None) -> Json:
    with needs("brain", "audit verify --local"):
        from dataclasses import asdict

        from hytopus.brain.activity.chain import verify as walk
        from hytopus.brain.db.engine import Database
        from hytopus.brain.db.signals import Signals
        from hytopus.brain.settings import load_settings

    with reading_settings("brain"):
        settings = load_settings(config)
    async with Database.open(settings.database, Signals()) as database:
        return asdict(await walk(database, known))


def _ago(text: str | None) -> str | None:
    return (datetime.now(UTC) - duration(text, "--since")).isoformat() if text else None
