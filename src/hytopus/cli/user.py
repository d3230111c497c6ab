"""`hytopus user`: accounts and their roles."""

from __future__ import annotations

from typing import Final, Literal

from hytopus.cli.connection.client import Json, at
from hytopus.cli.connection.options import DEFAULTS, Options, connect, group
from hytopus.cli.limits import scope_of, scope_text
from hytopus.cli.terminal.ask import confirm, password
from hytopus.cli.terminal.output import clock_time, plain, print_json, print_table, say

Role = Literal["viewer", "operator", "admin"]

app: Final = group("user", "Manage accounts: who may look, who may operate, who may administrate.")


@app.command(name="list")
async def list_users(*, options: Options = DEFAULTS) -> None:
    """List all users."""
    async with connect(options) as api:
        users = [user async for user in api.items("/users")]
    if options.json:
        print_json(users)
        return
    rows = (
        (
            user["name"],
            user["role"],
            scope_text([user["scope"]]),
            user["disabled"],
            user["second_factor"],
            clock_time(user["last_login_at"]),
            clock_time(user["created_at"]),
        )
        for user in users
    )
    columns = ("NAME", "ROLE", "LIMITED TO", "DISABLED", "2ND FACTOR", "LAST LOGIN", "CREATED")
    print_table(columns, rows, empty="No users.")


@app.command(name="create")
async def create_user(
    name: str,
    /,
    *,
    role: Role = "viewer",
    region: list[str] | None = None,
    tag: list[str] | None = None,
    password_stdin: bool = False,
    options: Options = DEFAULTS,
) -> None:
    """Make a user; asks for the password.

    Parameters
    ----------
    role
        viewer looks, operator runs game servers and nodes, admin does everything.
    region
        Limit the user to this region; can be repeated.
    tag
        Limit the user to what has this tag, or one of them; can be repeated.
    password_stdin
        Read the password from standard input.
    """
    secret = password(f"Password of {name} (10 characters or more)", from_stdin=password_stdin, repeat=True)
    async with connect(options) as api:
        user = await api.post(
            "/users", {"name": name, "password": secret, "role": role, "scope": scope_of(region, tag)}
        )
    _report(user, "Created", options)


@app.command(name="change")
async def change_user(
    name: str,
    /,
    *,
    role: Role | None = None,
    region: list[str] | None = None,
    tag: list[str] | None = None,
    everywhere: bool = False,
    disable: bool = False,
    enable: bool = False,
    options: Options = DEFAULTS,
) -> None:
    """Change a user's role and limits, or keep the user out (and let back in).

    Parameters
    ----------
    region
        Limit the user to this region; can be repeated. Replaces the limits there are.
    tag
        Limit the user to what has this tag, or one of them; can be repeated. Replaces the limits there are.
    everywhere
        Take all limits away.
    """
    body: dict[str, Json] = {"role": role} if role else {}
    if everywhere or region or tag:
        body["scope"] = scope_of(region, tag)
    if disable or enable:
        body["disabled"] = disable
    async with connect(options) as api:
        user = await api.patch(at("users", name), body)
    _report(user, "Changed", options)


@app.command(name="password")
async def set_password(name: str, /, *, password_stdin: bool = False, options: Options = DEFAULTS) -> None:
    """Set a user's password; all logins of that user end."""
    secret = password(f"New password of {name}", from_stdin=password_stdin, repeat=True)
    async with connect(options) as api:
        user = await api.patch(at("users", name), {"password": secret})
    _report(user, "Set the password of", options)


@app.command(name="reset-second-factor")
async def reset_second_factor(name: str, /, *, yes: bool = False, options: Options = DEFAULTS) -> None:
    """Take a user's second factor away, because it is lost; all logins of that user end."""
    confirm(f"Let {name} log in with the password alone?", yes=yes)
    async with connect(options) as api:
        await api.delete(at("users", name, "second-factor"))
    say(f"{plain(name)} has no second factor any more.")


@app.command(name="end-sessions")
async def end_user_sessions(name: str, /, *, options: Options = DEFAULTS) -> None:
    """End all logins of a user, and everything live that hangs on them."""
    async with connect(options) as api:
        await api.delete(at("users", name, "sessions"))
    say(f"{plain(name)} is logged out everywhere.")


@app.command(name="remove")
async def remove_user(name: str, /, *, yes: bool = False, options: Options = DEFAULTS) -> None:
    """Remove a user and all tokens of that user."""
    confirm(f"Remove the user {name}?", yes=yes)
    async with connect(options) as api:
        await api.delete(at("users", name))
    say(f"Removed {plain(name)}.")


def _report(user: Json, done: str, options: Options) -> None:
    if options.json:
        print_json(user)
    else:
        say(f"{done} {plain(user['name'])} ({plain(user['role'])}{', disabled' if user['disabled'] else ''}).")
