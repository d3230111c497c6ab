"""`hytopus login`, `logout` and `whoami`."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from hytopus.cli.connection import credentials
from hytopus.cli.connection.client import Api, Json
from hytopus.cli.connection.credentials import Credentials
from hytopus.cli.connection.options import DEFAULTS, Options, connect
from hytopus.cli.connection.trust import authority_for
from hytopus.cli.failure import ApiProblem, NotLoggedIn
from hytopus.cli.limits import scope_text
from hytopus.cli.terminal.ask import ask, password
from hytopus.cli.terminal.output import clock_time, note, plain, print_fields, print_json, say


async def login(
    url: str | None = None,
    /,
    *,
    user: Annotated[str | None, Parameter(name=("--user", "-u"))] = None,
    password_stdin: bool = False,
    code: str | None = None,
    token: str | None = None,
    ca: str | None = None,
    options: Options = DEFAULTS,
) -> None:
    """Log in to a Brain and remember it for the next commands.

    Parameters
    ----------
    url
        Address of the Brain, e.g. https://brain.example.org.
    user
        Your name; asked for where it is not given.
    password_stdin
        Read the password from standard input.
    code
        Of your authenticator app, or a recovery code; asked for where the login takes one.
    token
        Use this API token instead of a name and a password.
    ca
        Trust the Brain by the certificate of its authority (a file), or by that one's fingerprint, which its log names.
    """
    known = credentials.resolve(url or options.url)
    address, believed = known.url, known.ca
    if ca is not None or believed is None:
        believed = await authority_for(address, ca)
    if credentials.is_open(address):
        note(f"{plain(address)} is not HTTPS: whoever is on the way reads the password and takes the login.")
    if token is None:
        brain = Credentials(address, ca=believed)
        token = await _trade(brain, user, code, password_stdin=password_stdin)
    login_of = Credentials(address, token, believed)
    async with Api.open(login_of) as api:
        me = await api.get("/me")
    file = credentials.save(login_of)
    if options.json:
        print_json(me)
    else:
        say(f"Logged in to {plain(address)} as {plain(me['user']['name'])} ({plain(me['role'])}); kept in {file}.")
        if me["must_enrol"]:
            say("Your role takes a second factor: run `hytopus second-factor enrol` first.")


async def logout(*, options: Options = DEFAULTS) -> None:
    """Forget the login, and revoke its token at the Brain."""
    known = credentials.resolve(options.url)
    credentials.forget()
    if known.token is None:
        raise NotLoggedIn(url=known.url)
    async with Api.open(known) as api:
        try:
            await api.post("/logout")
        except ApiProblem as problem:
            if problem.status != 401:  # revoked or expired already: all the better
                raise
    say(f"Logged out of {plain(known.url)}.")


async def whoami(*, options: Options = DEFAULTS) -> None:
    """Show who you are to the Brain, and as what."""
    async with connect(options) as api:
        me = await api.get("/me")
    if options.json:
        print_json(me)
        return
    print_fields(
        {
            "name": me["user"]["name"],
            "role": me["role"],
            "limited to": scope_text(me["scope"]) or "nothing",
            "brain": api.credentials.url,
            "last login": clock_time(me["user"]["last_login_at"]),
        }
    )


async def _trade(brain: Credentials, user: str | None, code: str | None, *, password_stdin: bool) -> str:
    name = user or ask("User", "admin")
    body: dict[str, Json] = {"name": name, "password": password(f"Password of {name}", from_stdin=password_stdin)}
    async with Api.open(brain) as api:
        try:
            answer = await api.post("/login", body | {"code": code})
        except ApiProblem as problem:
            if problem.code != "second_factor_required":
                raise
            answer = await api.post(
                "/login", body | {"code": ask("Code of your authenticator app, or a recovery code")}
            )
    return str(answer["token"])
