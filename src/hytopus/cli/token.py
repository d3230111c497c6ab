"""`hytopus token`: your API tokens, for scripts and other machines."""

from __future__ import annotations

from typing import ClassVar, Final, Literal

from hytopus.cli.connection.client import at
from hytopus.cli.connection.options import DEFAULTS, Options, connect, group
from hytopus.cli.limits import scope_of, scope_text
from hytopus.cli.parse import moment
from hytopus.cli.terminal.output import clock_time, plain, print_json, print_table, say
from hytopus.errors import HytopusError

app: Final = group("token", "Manage your API tokens, for scripts and other machines.")


class NoSuchToken(HytopusError):
    code: ClassVar[str] = "token_not_found"
    status: ClassVar[int] = 404
    template: ClassVar[str] = "You have no token named {name!r}."
    remedy: ClassVar[str] = "`hytopus token list` shows them."


@app.command(name="list")
async def list_tokens(*, options: Options = DEFAULTS) -> None:
    """List your tokens, without their secrets."""
    async with connect(options) as api:
        tokens = await api.get("/me/tokens")
    if options.json:
        print_json(tokens)
        return
    rows = (
        (
            token["name"],
            token["hint"],
            token["role"],
            scope_text(token["scopes"]),
            clock_time(token["expires_at"]) if token["expires_at"] else "never",
            clock_time(token["last_used_at"]),
            token["id"],
        )
        for token in tokens
    )
    print_table(("NAME", "TOKEN", "ROLE", "LIMITED TO", "EXPIRES", "LAST USED", "ID"), rows, empty="No tokens.")


@app.command(name="create")
async def create_token(
    name: str,
    /,
    *,
    role: Literal["viewer", "operator", "admin"] | None = None,
    region: list[str] | None = None,
    tag: list[str] | None = None,
    expires: str | None = None,
    options: Options = DEFAULTS,
) -> None:
    """Make a token. Its secret is shown this once.

    Parameters
    ----------
    role
        Yours if not given; never more than yours.
    region
        Limit it to this region, beside your own limits; can be repeated.
    tag
        Limit it to what has this tag, or one of them; can be repeated.
    expires
        A date, or a time from now such as 30d; without it the token does not expire.
    """
    async with connect(options) as api:
        body = {"name": name, "role": role, "scope": scope_of(region, tag), "expires_at": moment(expires, "--expires")}
        token = await api.post("/me/tokens", body)
    if options.json:
        print_json(token)
        return
    say(token["token"])
    say("Shown this once: keep it safe. Use it as HYTOPUS_TOKEN.")


@app.command(name="revoke")
async def revoke_token(name: str, /, *, options: Options = DEFAULTS) -> None:
    """Revoke a token by name or id; it is refused from now on."""
    async with connect(options) as api:
        found = [token for token in await api.get("/me/tokens") if name in (token["name"], token["id"])]
        if not found:
            raise NoSuchToken(name=name)
        for token in found:
            await api.delete(at("me", "tokens", token["id"]))
    say(f"Revoked {plain(name)}.")
