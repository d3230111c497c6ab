"""`hytopus session`: your logins."""

from __future__ import annotations

from typing import Final

from hytopus.cli.connection.client import at
from hytopus.cli.connection.options import DEFAULTS, Options, connect, group
from hytopus.cli.terminal.output import clock_time, plain, print_json, print_table, say

app: Final = group("session", "See and end your logins: browsers, command lines.")


@app.command(name="list")
async def list_sessions(*, options: Options = DEFAULTS) -> None:
    """List where you are logged in, and when each was used last."""
    async with connect(options) as api:
        sessions = await api.get("/me/sessions")
    if options.json:
        print_json(sessions)
        return
    rows = (
        (
            f"{each['hint']}{' (this one)' if each['current'] else ''}",
            each["last_address"],
            clock_time(each["last_used_at"]),
            clock_time(each["created_at"]),
            each["id"],
        )
        for each in sessions
    )
    print_table(("LOGIN", "ADDRESS", "LAST USED", "SINCE", "ID"), rows, empty="No logins.")


@app.command(name="end")
async def end_session(session_id: str, /, *, options: Options = DEFAULTS) -> None:
    """End one of your logins, and everything live that hangs on it."""
    async with connect(options) as api:
        await api.delete(at("me", "sessions", session_id))
    say(f"Ended {plain(session_id)}.")


@app.command(name="end-others")
async def end_other_sessions(*, options: Options = DEFAULTS) -> None:
    """End all your logins but the one this command uses."""
    async with connect(options) as api:
        await api.delete("/me/sessions")
    say("You are logged out everywhere else.")
