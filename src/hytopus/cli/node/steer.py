"""`hytopus node cordon | drain | dev-mode | purge | change | remove | join-token …`: what operators do to nodes."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from cyclopts import Parameter

from hytopus.cli.connection.client import at
from hytopus.cli.connection.options import DEFAULTS, Options, connect
from hytopus.cli.node.drain import watch_drain
from hytopus.cli.node.show import marks
from hytopus.cli.parse import duration
from hytopus.cli.terminal.ask import confirm
from hytopus.cli.terminal.output import clock_time, note, plain, print_json, say, size


async def cordon(name: str, /, *, options: Options = DEFAULTS) -> None:
    """Place nothing new on a node; what runs there goes on."""
    await _steer(name, "cordon", None, options)


async def uncordon(name: str, /, *, options: Options = DEFAULTS) -> None:
    """Place new instances on a node again."""
    await _steer(name, "uncordon", None, options)


async def drain(
    name: str,
    /,
    *,
    deadline: str = "10m",
    force: bool = False,
    move: bool = False,
    wait: Annotated[bool, Parameter(name=("--wait", "-w"))] = False,
    options: Options = DEFAULTS,
) -> None:
    """Empty a node: what runs there is stopped, what has no world of its own starts again elsewhere.

    Parameters
    ----------
    deadline
        Time to stop gracefully, e.g. 10m; what runs then is killed.
    force
        Kill at once; what servers have not saved is lost.
    move
        Also move instances with worlds of their own to other nodes, as far as there is room.
    wait
        Stay until no process is left there, with a progress bar.
    """
    seconds = duration(deadline, "--deadline").total_seconds()
    async with connect(options) as api:
        node = await api.post(at("nodes", name, "drain"), {"deadline_s": int(seconds), "force": force, "move": move})
        if wait:
            node = await watch_drain(api, node)
    _report(node, options)
    if wait and not options.json and node["drain"] and node["drain"]["staying"]:
        say(f"These stay there with their worlds: {', '.join(map(plain, node['drain']['staying']))}.")


async def undrain(name: str, /, *, options: Options = DEFAULTS) -> None:
    """Stop draining a node, and place new instances on it again."""
    await _steer(name, "undrain", None, options)


async def lost(name: str, /, *, off: bool = False, yes: bool = False, options: Options = DEFAULTS) -> None:
    """Declare an offline node lost: what may be replaced is started elsewhere as soon as that cannot double it.

    Servers without a world of their own follow at once. Servers with one wait for their node, unless they may be
    replaced (`--on-node-loss replace`): then they follow when their lease has run out, and begin with the worlds of
    their layers. What is left on the node is stopped when it returns, and worlds there are kept.

    Parameters
    ----------
    off
        You have seen to it that the machine is off: nothing has to be waited for.
    yes
        Do not ask.
    """
    confirm(f"Declare the node {name} lost{' and its machine off' if off else ''}?", yes=yes)
    await _steer(name, "lost", {"off": off}, options)


async def dev_mode(name: str, switch: Literal["on", "off"], /, *, options: Options = DEFAULTS) -> None:
    """Switch dev mode: templates are fetched anew for every instance, and only instances that allow it are placed."""
    await _steer(name, "dev-mode", {"enabled": switch == "on"}, options)


async def purge(name: str, template: str | None = None, /, *, yes: bool = False, options: Options = DEFAULTS) -> None:
    """Throw away a node's cached templates. Those in use are deleted when their last instance lets go.

    Parameters
    ----------
    template
        Only this template, as `id` or `id@version`; without it, all.
    """
    template_id, _, version = (template or "").partition("@")
    if template is None:
        confirm(f"Purge the whole template cache of {name}?", yes=yes)
    body = {"template_id": template_id or None, "version": version or None}
    async with connect(options) as api:
        purged = await api.request("POST", at("nodes", name, "purge"), body=_given(body), timeout=90)
    if options.json:
        print_json(purged)
        return
    kept = f"; {purged['kept_until_released']} go when their instances do" if purged["kept_until_released"] else ""
    say(f"Freed {size(purged['freed_bytes'])} in {purged['trees']} templates{kept}.")


async def change(
    name: str,
    /,
    *,
    rename: str | None = None,
    region: str | None = None,
    tag: tuple[str, ...] | None = None,
    environment: str | None = None,
    address: str | None = None,
    slots: int | None = None,
    options: Options = DEFAULTS,
) -> None:
    """Change how a node is known; what is not given stays as it is.

    Parameters
    ----------
    tag
        All its tags; may be repeated.
    address
        Where players reach its games.
    slots
        How many instances it takes at most.
    """
    body = {
        "name": rename,
        "region": region,
        "tags": list(tag) if tag is not None else None,
        "environment": environment,
        "address": address,
        "slots": slots,
    }
    async with connect(options) as api:
        _report(await api.patch(at("nodes", name), _given(body)), options)


async def remove(name: str, /, *, force: bool = False, yes: bool = False, options: Options = DEFAULTS) -> None:
    """Take a node out of the network; its certificate is refused from now on.

    Parameters
    ----------
    force
        Even with instances on it: they count as lost.
    """
    confirm(f"Remove the node {name}?", yes=yes)
    async with connect(options) as api:
        await api.delete(at("nodes", name), force=force or None)
    say(f"Removed {plain(name)}.")


async def revoke(name: str, /, *, yes: bool = False, options: Options = DEFAULTS) -> None:
    """End a node's identity at once: its session is cut and its certificates are refused. What runs there goes on."""
    confirm(f"Revoke the identity of the node {name}?", yes=yes)
    async with connect(options) as api:
        await api.post(at("nodes", name, "revoke"))
    say(f"Revoked {plain(name)}. To take it in again: `hytopus node token {plain(name)} --rejoin`.")


async def join_token(
    name: str | None = None, /, *, rejoin: bool = False, expires: str = "15m", options: Options = DEFAULTS
) -> None:
    """Allow one machine to become a node: gives the command to run there.

    Parameters
    ----------
    name
        The name the machine must take; without it, whoever joins chooses.
    rejoin
        The machine takes the place of the node of that name: it was installed anew, or its identity was revoked.
    expires
        How long the token may be used, e.g. 15m.
    """
    body = {
        "node_name": name,
        "rejoin": rejoin or None,
        "lifetime_s": int(duration(expires, "--expires").total_seconds()),
    }
    async with connect(options) as api:
        token = await api.post("/nodes/join-tokens", _given(body))
    if options.json:
        print_json(token)
        return
    say(plain(token["command"]))
    say(f"Run this on the machine, once, before {clock_time(token['expires_at'])}; then `hytopus node run`.")
    if "://127.0.0.1:" in token["command"] or "://localhost:" in token["command"]:
        note("Only this machine reaches that address: for another one, log in to the Brain by an address it has too.")


async def _steer(name: str, verb: str, body: dict[str, Any] | None, options: Options) -> None:
    async with connect(options) as api:
        _report(await api.post(at("nodes", name, verb), body), options)


def _report(node: Any, options: Options) -> None:
    if options.json:
        print_json(node)
        return
    special = marks(node)
    say(f"{plain(node['name'])} is {plain(node['state'])}{f' ({special})' if special else ''}.")


def _given(body: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in body.items() if value is not None}
