"""`hytopus backup`: the Brain's backups, through its API."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, ClassVar, Final

from cyclopts import Parameter

from hytopus.cli.connection.client import Api, Json, at
from hytopus.cli.connection.options import DEFAULTS, Options, connect, group
from hytopus.cli.terminal.ask import confirm
from hytopus.cli.terminal.output import age, clock_time, note, plain, print_json, print_table, say, size
from hytopus.errors import HytopusError

app: Final = group("backup", "List, make, verify and delete backups of the Brain.")

_LOOK_SECONDS: Final = 0.5
_ENDED: Final = ("done", "failed")


class RunFailed(HytopusError):
    code: ClassVar[str] = "backup_run_failed"
    template: ClassVar[str] = "The {kind} of {backup} failed: {why}"
    remedy: ClassVar[str] = "{what}"


class StillRunning(HytopusError):
    code: ClassVar[str] = "backup_still_running"
    template: ClassVar[str] = "The {kind} of {backup} is still {state} after {seconds:.0f} s."
    remedy: ClassVar[str] = "It goes on without you; `hytopus backup list` shows what becomes of it."


@app.command(name="list")
async def list_backups(*, options: Options = DEFAULTS) -> None:
    """List the backups in the object store, newest first, and what failed lately."""
    async with connect(options) as api:
        found = await api.get("/backups")
    if options.json:
        print_json(found)
        return
    rows = ((each["id"], clock_time(each["created_at"]), size(each["size"]), *_marks(each)) for each in found["items"])
    print_table(("ID", "MADE", "SIZE", "ROWS", "SEALED", "VERIFIED", "BY"), rows, empty="There is no backup yet.")
    newest = next(iter(found["runs"]), None)
    if newest is not None and newest["state"] == "failed":
        note(f"The last attempt failed {age(newest['finished_at'])}: {plain(_why(newest))}")


@app.command(name="now")
async def now(
    *, wait: Annotated[bool, Parameter(negative="--no-wait")] = True, timeout: float = 600, options: Options = DEFAULTS
) -> None:
    """Make a backup now.

    Parameters
    ----------
    wait
        Stay until it is made and verified; the default.
    timeout
        Seconds to stay at most.
    """
    async with connect(options) as api:
        run = await api.post("/backups")
        await _show(api, run, options, wait=wait, timeout=timeout)


@app.command(name="verify")
async def verify(
    backup: str,
    /,
    *,
    wait: Annotated[bool, Parameter(negative="--no-wait")] = True,
    timeout: float = 600,
    options: Options = DEFAULTS,
) -> None:
    """Read a backup back and restore it into a scratch database.

    Parameters
    ----------
    wait
        Stay until it is done; the default.
    timeout
        Seconds to stay at most.
    """
    async with connect(options) as api:
        run = await api.post(at("backups", backup, "verify"))
        await _show(api, run, options, wait=wait, timeout=timeout)


@app.command(name="delete")
async def delete(backup: str, /, *, yes: bool = False, options: Options = DEFAULTS) -> None:
    """Delete a backup for good."""
    confirm(f"Delete the backup {backup}?", yes=yes)
    async with connect(options) as api:
        await api.delete(at("backups", backup))
    if not options.json:
        say(f"Deleted {plain(backup)}.")


async def _show(api: Api, run: Json, options: Options, *, wait: bool, timeout: float) -> None:
    if wait:
        run = await _until_ended(api, run, timeout)
    if options.json:
        print_json(run)
    elif run["state"] == "done":
        checked = f", verified {age(run['verified_at'])}" if run["verified_at"] else ""
        say(f"Backup {plain(run['backup_id'])}: {run['rows']} rows, {size(run['size'])}{checked}.")
    else:
        say(f"The {plain(run['kind'])} of {plain(run['backup_id'])} is {plain(run['state'])}.")


async def _until_ended(api: Api, run: Json, timeout: float) -> Json:
    try:
        async with asyncio.timeout(timeout):
            while run["state"] not in _ENDED:
                await asyncio.sleep(_LOOK_SECONDS)
                runs = (await api.get("/backups"))["runs"]
                run = next((each for each in runs if each["id"] == run["id"]), run)
    except TimeoutError as error:
        named = {"kind": run["kind"], "backup": run["backup_id"], "state": run["state"]}
        raise StillRunning(**named, seconds=timeout) from error
    if run["state"] == "failed":
        what = (run["problem"] or {}).get("remedy", "")
        raise RunFailed(kind=run["kind"], backup=run["backup_id"], why=_why(run), what=what)
    return run


def _why(run: Json) -> str:
    return str((run["problem"] or {}).get("message", "nobody knows why"))


def _marks(backup: Json) -> tuple[Any, ...]:
    verified = f"{age(backup['verified_at'])} ago" if backup["verified_at"] else "no"
    by = "schedule" if backup["scheduled"] else "hand"
    return backup["rows"], backup["key_id"] or "no", verified, by if backup["ours"] else f"{by}, another Brain"
