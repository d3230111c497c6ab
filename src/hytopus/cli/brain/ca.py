"""`hytopus brain ca`: replacing the Brain's certificate authority."""

from __future__ import annotations

from typing import Final

from rich.text import Text

from hytopus.cli.connection import credentials
from hytopus.cli.connection.client import Api, Json
from hytopus.cli.connection.options import DEFAULTS, Options, connect, group
from hytopus.cli.terminal.ask import confirm
from hytopus.cli.terminal.output import age, clock_time, plain, print_json, print_table, say

app: Final = group("ca", "Show and replace the certificate authority that nodes and browsers believe.")


@app.command(name="show")
async def show(*, options: Options = DEFAULTS) -> None:
    """Show the authorities, how many nodes hold certificates of each, and who keeps the former one from retiring."""
    async with connect(options) as api:
        found = await api.get("/authority")
    _show(found, options)


@app.command(name="rotate")
async def rotate(*, yes: bool = False, options: Options = DEFAULTS) -> None:
    """Make a new authority. Both count until the former one is retired; connected nodes change over by themselves.

    Parameters
    ----------
    yes
        Do not ask.
    """
    confirm("Replace the certificate authority?", yes=yes)
    async with connect(options) as api:
        found = await api.post("/authority/rotate")
        _believe(api, found)
    _show(found, options)


@app.command(name="retire")
async def retire(*, force: bool = False, yes: bool = False, options: Options = DEFAULTS) -> None:
    """Let the former authority count no more, once every node has changed over.

    Parameters
    ----------
    force
        Also if nodes are locked out by it; they have to join again.
    yes
        Do not ask.
    """
    confirm("Retire the former certificate authority?", yes=yes)
    async with connect(options) as api:
        _believe(api, await api.get("/authority"))
        found = await api.post("/authority/retire", {"force": force})
    _show(found, options)


def _believe(api: Api, found: Json) -> None:
    """This command line has to change over, too, where it believes the Brain's own authority."""
    saved = credentials.load()
    if saved is not None and saved.ca is not None and saved.url == api.credentials.url:
        credentials.save(credentials.Credentials(saved.url, saved.token, found["trusted_pem"]))


def _show(found: Json, options: Options) -> None:
    if options.json:
        print_json(found)
        return
    print_table(("AUTHORITY", "STATE", "NODES", "MADE", "GOOD UNTIL"), map(_row, found["items"]), empty="None.")
    for each in found["waiting"]:
        say(f"{plain(each['node'])} has not changed over: {plain(each['why'])}.")
    if found["rotating"] and not found["waiting"]:
        say("Every node has changed over; `hytopus brain ca retire` ends it.")


def _row(item: Json) -> tuple[Text | str, ...]:
    return (
        plain(item["fingerprint"]),
        plain(item["state"]),
        str(item["nodes"]),
        age(item["created_at"]),
        clock_time(item["expires_at"]),
    )
