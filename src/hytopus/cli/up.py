"""`hytopus up`: everything on one machine, and a demo network to begin with."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

from cyclopts import Parameter

from hytopus.cli.connection import credentials
from hytopus.cli.connection.client import Api
from hytopus.cli.connection.credentials import Credentials
from hytopus.cli.extras import needs
from hytopus.cli.failure import Usage
from hytopus.cli.terminal.output import plain, say

if TYPE_CHECKING:
    from hytopus.up.network import Network
    from hytopus.up.options import UpOptions

_TRY: Final = {
    "instance list": "what there is",
    "instance logs NAME -f": "what a server prints",
    "instance console NAME": "type commands to it",
    "instance files NAME": "which layer each file came from",
    "template push DIR id@1.0.0": "a layer of your own",
}


def up(
    *,
    data_dir: Path = Path("/var/lib/hytopus"),
    port: int = 8420,
    bind: str = "127.0.0.1",
    s3_url: str | None = None,
    database_url: str = "",
    name: str | None = None,
    region: str = "",
    address: str | None = None,
    game_ports: str = "30000-30499",
    demo: Annotated[bool, Parameter(negative="--no-demo")] = True,
    verbose: Annotated[bool, Parameter(name=("--verbose", "-v"))] = False,
) -> None:
    """Start everything on this machine: Docker, an S3 server, the Brain, a node, and on the first run a demo network.

    Safe to repeat. Ctrl-C stops the control plane and leaves game servers running; the next `up` adopts them.

    Parameters
    ----------
    data_dir
        Where everything is kept; /var/lib/hytopus unless given.
    port
        Port of the API, 8420 unless given; those of the nodes and of S3 follow after it.
    bind
        Address of the API and of the ports nodes use, 127.0.0.1 unless given: only this machine reaches it. Nodes on
        other machines also need an S3 they can reach: see --s3-url.
    s3_url
        Use this S3, s3://bucket/prefix?endpoint=https://host:port, with the keys in AWS_ACCESS_KEY_ID and
        AWS_SECRET_ACCESS_KEY, and start none.
    database_url
        Use this PostgreSQL (postgresql://user:password@host/name), not SQLite in the data directory.
    name
        What to call this machine as a node; by default its host name. Counts when it joins, in the first run.
    region
        Its region.
    address
        Where players reach this machine; by default its address on the network it reaches others over.
    game_ports
        The ports games may use, first-last; 30000-30499 unless given.
    demo
        Build the demo network on the first run; the default.
    verbose
        Show everything the services print.
    """
    with needs("up", "up"):
        from hytopus.up.options import UpOptions

    options = UpOptions(
        data_dir=data_dir.absolute(),
        port=port,
        bind=bind,
        s3_url=s3_url,
        s3_access_key=os.environ.get("AWS_ACCESS_KEY_ID"),
        s3_secret_key=os.environ.get("AWS_SECRET_ACCESS_KEY"),
        database_url=database_url,
        node_name=name,
        region=region,
        address=address,
        game_ports=_range(game_ports),
        verbose=verbose,
    )
    _check_ports(options)
    with suppress(asyncio.CancelledError):  # Ctrl-C is the way this command ends
        asyncio.run(_until_stopped(options, demo=demo))


async def _until_stopped(options: UpOptions, *, demo: bool) -> None:
    with needs("up", "up"):
        from hytopus.up.network import running
        from hytopus.up.panel import building

    _cancel_on_signals()
    async with building(options.logs, _step) as panel, running(options, _step) as network:
        _remember(network)
        if demo and not (options.data_dir / "demo.done").exists():
            await _build_demo(network, options)
        await panel()
        await _explain(network)
        await asyncio.Event().wait()


def _cancel_on_signals() -> None:
    """The first Ctrl-C ends everything in order; further ones do not disturb that."""
    task = asyncio.current_task()
    assert task is not None
    stopping = False

    def stop() -> None:
        nonlocal stopping
        if not stopping:
            stopping = True
            task.cancel()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, stop)


def _remember(network: Network) -> None:
    """The next `hytopus` command of this user works at once; a login to another Brain is left alone."""
    known = credentials.load()
    if known is None or known.url == network.url or known.token is None:
        credentials.save(_login(network))
    else:
        _step(f"You stay logged in to {plain(known.url)}; for this Brain say --url {network.url}.")
    if network.access.password is not None:
        _step(f"The password of admin is {network.access.password}: keep it, it is not shown again.")


async def _build_demo(network: Network, options: UpOptions) -> None:
    from hytopus.cli.demo import build_demo

    async with Api.open(_login(network)) as api:
        await build_demo(api, options.logs, _step)
    (options.data_dir / "demo.done").touch()


async def _explain(network: Network) -> None:
    async with Api.open(_login(network)) as api:
        running = [instance async for instance in api.items("/instances", state=["running"], limit=10)]
    for instance in running:
        _step(f"{plain(instance['name'])} runs: players join {plain(instance['address'])}")
    _step(f"Hytopus is up. Open {network.url} and sign in as admin{_password(network)}.")
    _step("Ctrl-C stops it; game servers go on. In another terminal:")
    program = _program()
    for command, purpose in _TRY.items():
        say(f"      {program} {command:27}  {purpose}")


def _login(network: Network) -> Credentials:
    return Credentials(network.url, network.access.token, network.authority)


def _password(network: Network) -> str:
    """Once more at the end, where it is not overlooked."""
    return f" with the password {network.access.password}" if network.access.password is not None else ""


def _program() -> str:
    """How one calls this command from here: a checkout's is not on the PATH."""
    if shutil.which("hytopus"):
        return "hytopus"
    path = Path(sys.argv[0]).absolute()
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


def _step(text: str) -> None:
    say(f"==> {text}")


def _check_ports(options: UpOptions) -> None:
    highest = 65535 - (max(options.ports()) - options.port)
    if not 0 < options.port <= highest:
        raise Usage(why=f"--port takes 1 to {highest}, since the other ports follow after it, not {options.port}")


def _range(text: str) -> tuple[int, int]:
    first, _, last = text.partition("-")
    if not first.isdigit() or not last.isdigit() or not 0 < int(first) <= int(last) <= 65535:
        raise Usage(why=f"--game-ports takes first-last, not {text!r}")
    return int(first), int(last)
