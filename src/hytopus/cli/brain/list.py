"""`hytopus brain list`."""

from __future__ import annotations

from rich.text import Text

from hytopus.cli.connection.client import Json
from hytopus.cli.connection.options import DEFAULTS, Options, connect
from hytopus.cli.terminal.output import age, plain, print_json, print_table, state_text


async def list_brains(*, options: Options = DEFAULTS) -> None:
    """List the Brains that run side by side, and those that ended within the last hour."""
    async with connect(options) as api:
        brains = [brain async for brain in api.items("/brains")]
    if options.json:
        print_json(brains)
        return
    print_table(
        ("NAME", "STATE", "NODES", "RELEASE", "ADDRESS", "STARTED", "SEEN"),
        (_row(brain) for brain in brains),
        empty="No Brains.",
    )


def _row(brain: Json) -> tuple[Text | str, ...]:
    state = "online" if brain["alive"] else "stopped" if brain["stopped_at"] else "offline"
    name = f"{brain['name']} (answers)" if brain["here"] else brain["name"]
    return (
        plain(name),
        state_text(state),
        str(brain["nodes"]),
        plain(brain["release"]),
        plain(brain["session_address"]),
        age(brain["started_at"]),
        age(brain["heard_at"]),
    )
