"""`hytopus instance start | stop | restart | kill | destroy | upgrade | change`."""

from __future__ import annotations

from typing import Annotated, Any

from cyclopts import Parameter

from hytopus.cli.connection.client import at
from hytopus.cli.connection.options import DEFAULTS, Options, connect
from hytopus.cli.instance.loss import NodeLoss, node_loss
from hytopus.cli.instance.wait import DESTROYED, RUNNING, STOPPED, Waiting, describe, finish
from hytopus.cli.parse import megabytes, pairs, restart_policy
from hytopus.cli.terminal.ask import confirm
from hytopus.cli.terminal.output import print_json, say


async def start(name: str, /, *, waiting: Waiting | None = None, options: Options = DEFAULTS) -> None:
    """Start an instance that is stopped or has failed, or that waits for its next attempt after a crash."""
    await _steer(name, "start", RUNNING, waiting, options)


async def stop(name: str, /, *, waiting: Waiting | None = None, options: Options = DEFAULTS) -> None:
    """Stop an instance: the server gets the time its game gives it to save. Ends attempts after a crash, too."""
    await _steer(name, "stop", STOPPED, waiting, options)


async def restart(name: str, /, *, waiting: Waiting | None = None, options: Options = DEFAULTS) -> None:
    """Stop an instance and start it again."""
    await _steer(name, "restart", RUNNING, waiting, options)


async def kill(name: str, /, *, waiting: Waiting | None = None, options: Options = DEFAULTS) -> None:
    """End an instance at once. What it has not saved is lost."""
    await _steer(name, "kill", STOPPED, waiting, options)


async def destroy(
    name: str, /, *, yes: bool = False, waiting: Waiting | None = None, options: Options = DEFAULTS
) -> None:
    """Remove an instance with its files. There is no way back.

    Parameters
    ----------
    yes
        Do not ask.
    """
    async with connect(options) as api:
        before = await api.get(at("instances", name))
        confirm(f"Destroy {before['name']} with its world and all its files?", yes=yes)
        instance = await api.delete(at("instances", before["id"]))
        await finish(api, instance, None, DESTROYED, waiting, options)


async def upgrade(
    name: str,
    /,
    *layers: str,
    restart: bool = False,
    discard_changes: bool = False,
    waiting: Waiting | None = None,
    options: Options = DEFAULTS,
) -> None:
    """Lock newer versions of the layers. They count from the next start on.

    Parameters
    ----------
    layers
        The new layers, lowest first; without any, the newest versions of the present ones.
    restart
        Restart a running instance now, so that it uses them.
    discard_changes
        Also throw away what the server itself wrote (its world), so that the layers' files count everywhere.
    """
    body: dict[str, Any] = {"restart": restart, "discard_changes": discard_changes}
    if layers:
        body["layers"] = list(layers)
    async with connect(options) as api:
        before = await api.get(at("instances", name))
        instance = await api.post(at("instances", before["id"], "upgrade"), body)
        goal = RUNNING if restart and before["wanted"] == RUNNING else None
        await finish(api, instance, before, goal, waiting, options)


async def change(
    name: str,
    /,
    *,
    rename: str | None = None,
    set: Annotated[tuple[str, ...], Parameter(name=("--set", "-s"))] = (),
    memory: str | None = None,
    cpus: float | None = None,
    disk: str | None = None,
    region: str | None = None,
    tag: tuple[str, ...] | None = None,
    autostart: Annotated[bool | None, Parameter(negative="--no-autostart")] = None,
    restarts: Annotated[tuple[str, ...], Parameter(name="--restarts")] = (),
    meta: tuple[str, ...] = (),
    loss: NodeLoss | None = None,
    restart: bool = False,
    options: Options = DEFAULTS,
) -> None:
    """Change an instance. Variables and limits count from the next start on.

    Parameters
    ----------
    set
        NAME=VALUE of a variable; the others stay as they are.
    restarts
        When it ends by itself: never, on-failure or always, or KEY=VALUE as in `[restart]` of game.toml, e.g.
        attempts=5; may be repeated. `game` takes back what it wants otherwise than its game.
    meta
        NAME=VALUE to remember with it; the others stay as they are.
    restart
        Restart it now if it runs.
    """
    async with connect(options) as api:
        before = await api.get(at("instances", name))
        body: dict[str, Any] = {
            "name": rename,
            "variables": pairs(set, "--set") or None,
            "memory_mb": megabytes(memory, "--memory"),
            "cpus": cpus,
            "disk_mb": megabytes(disk, "--disk"),
            "region": region,
            "tags": list(tag) if tag is not None else None,
            "autostart": autostart,
            "restart_policy": restart_policy(restarts) if restarts else None,
            "metadata": {**before["metadata"], **pairs(meta, "--meta")} if meta else None,
            "restart": restart,
            **node_loss(loss),
        }
        body = {field: value for field, value in body.items() if value is not None}
        instance = await api.patch(at("instances", before["id"]), body)
    print_json(instance) if options.json else say(describe(instance))


async def _steer(name: str, verb: str, goal: str, waiting: Waiting | None, options: Options) -> None:
    async with connect(options) as api:
        before = await api.get(at("instances", name))
        instance = await api.post(at("instances", before["id"], verb))
        settled = before if before["state"] != goal or verb == "restart" else None
        await finish(api, instance, settled, goal, waiting, options)
