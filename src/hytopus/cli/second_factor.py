"""`hytopus second-factor`: an authenticator app beside the password."""

from __future__ import annotations

from typing import Final

from hytopus.cli.connection.options import DEFAULTS, Options, connect, group
from hytopus.cli.terminal.ask import ask, password
from hytopus.cli.terminal.output import note, plain, print_json, say

app: Final = group("second-factor", "Protect your login with an authenticator app.")


@app.command
async def enrol(*, password_stdin: bool = False, options: Options = DEFAULTS) -> None:
    """Set up an authenticator app; shows the secret and then the recovery codes, each this once.

    Parameters
    ----------
    password_stdin
        Read the password from standard input.
    """
    secret = password("Your password", from_stdin=password_stdin)
    async with connect(options) as api:
        begun = await api.post("/me/second-factor", {"password": secret})
        note(f"Type this into your app: {plain(begun['secret'])}")
        note(f"Or open it there:        {plain(begun['uri'])}")
        done = await api.post("/me/second-factor/confirm", {"code": ask("The code it shows")})
    _show(done["recovery_codes"], options)


@app.command(name="recovery-codes")
async def renew_recovery_codes(*, password_stdin: bool = False, options: Options = DEFAULTS) -> None:
    """Make new recovery codes; the old ones are worthless then.

    Parameters
    ----------
    password_stdin
        Read the password from standard input.
    """
    body = {"password": password("Your password", from_stdin=password_stdin), "code": ask("Code of your app")}
    async with connect(options) as api:
        done = await api.post("/me/second-factor/recovery-codes", body)
    _show(done["recovery_codes"], options)


@app.command
async def disable(*, code: str | None = None, password_stdin: bool = False, options: Options = DEFAULTS) -> None:
    """Let the password alone be enough again.

    Parameters
    ----------
    code
        Of your app, or a recovery code; asked for where it is not given.
    password_stdin
        Read the password from standard input.
    """
    secret = password("Your password", from_stdin=password_stdin)
    async with connect(options) as api:
        body = {"password": secret, "code": code or ask("Code of your app, or a recovery code")}
        await api.post("/me/second-factor/disable", body)
    say("The second factor is turned off.")


def _show(codes: list[str], options: Options) -> None:
    if options.json:
        print_json({"recovery_codes": codes})
        return
    say("Recovery codes, each good once if the app is lost. Shown this once: keep them safe.")
    for code in codes:
        say(f"  {plain(code)}")
