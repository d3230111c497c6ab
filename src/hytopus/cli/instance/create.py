"""`hytopus instance create`."""

from __future__ import annotations

from typing import Annotated, Any

from cyclopts import Parameter

from hytopus.cli.connection.client import Json
from hytopus.cli.connection.options import DEFAULTS, Options, connect
from hytopus.cli.failure import Usage
from hytopus.cli.instance.loss import NodeLoss, node_loss
from hytopus.cli.instance.many import Many, create_many, names_of
from hytopus.cli.instance.wait import RUNNING, Waiting, finish
from hytopus.cli.parse import megabytes, pairs, ports, restart_policy
from hytopus.cli.terminal.output import plain, print_json, print_table, say


async def create(
    name: str,
    /,
    *layers: str,
    set: Annotated[tuple[str, ...], Parameter(name=("--set", "-s"))] = (),
    game: str | None = None,
    port: tuple[str, ...] = (),
    memory: str | None = None,
    cpus: float | None = None,
    disk: str | None = None,
    region: str | None = None,
    tag: tuple[str, ...] = (),
    node: str | None = None,
    environment: str | None = None,
    meta: tuple[str, ...] = (),
    dev: bool = False,
    autostart: Annotated[bool, Parameter(negative="--no-autostart")] = True,
    restarts: Annotated[tuple[str, ...], Parameter(name="--restarts")] = (),
    loss: NodeLoss | None = None,
    preview: bool = False,
    key: str | None = None,
    many: Many | None = None,
    waiting: Waiting | None = None,
    options: Options = DEFAULTS,
) -> None:
    """Create a game server from layers, lowest first: `hytopus instance create lobby base lobby-mode@1.2 map`.

    Parameters
    ----------
    name
        A name no other instance has.
    layers
        Template layers as `id` (the newest version, locked now) or `id@version`; later ones win.
    set
        NAME=VALUE of a variable; may be repeated.
    game
        How to run it; by default what the layers provide.
    port
        PORT or NAME=PORT, instead of one that the node picks; may be repeated.
    memory
        Limit, e.g. 2G.
    cpus
        Processors at most, e.g. 1.5.
    disk
        Room to reserve, e.g. 5G.
    region
        Only on nodes of this region.
    tag
        Only on nodes with this tag; may be repeated.
    node
        Only on this node.
    environment
        What ENVIRONMENT is in its files, e.g. prod; by default that of its node.
    meta
        NAME=VALUE to remember with it, e.g. mode=skywars; may be repeated.
    dev
        Allow nodes in dev mode.
    autostart
        Start it at once; the default.
    restarts
        When it ends by itself: never, on-failure or always, or KEY=VALUE as in `[restart]` of game.toml, e.g.
        attempts=5; may be repeated. By default as its game says.
    preview
        Only say what it would be made of and where it would run.
    key
        Idempotency key: the same command with the same key makes one instance, however often it is sent.
    """
    if not layers:
        raise Usage(why="Name at least one layer, the lowest first; `hytopus template list` shows what there is")
    asked: dict[str, Any] = {
        "layers": list(layers),
        "game": game,
        "variables": pairs(set, "--set"),
        "ports": ports(port),
        "memory_mb": megabytes(memory, "--memory"),
        "cpus": cpus,
        "disk_mb": megabytes(disk, "--disk"),
        "region": region,
        "tags": list(tag),
        "node": node,
        "dev": dev,
    }
    body = {field: value for field, value in asked.items() if value is not None}
    async with connect(options) as api:
        if preview:
            _show_preview(await api.post("/instances/preview", body), options)
            return
        more: Json = {"autostart": autostart, "metadata": pairs(meta, "--meta"), **node_loss(loss)}
        if restarts:
            more["restart_policy"] = restart_policy(restarts)
        if environment is not None:
            more["environment"] = environment
        goal = RUNNING if autostart else None
        if many is not None and many.count is not None:
            await create_many(api, names_of(name, many), {**body, **more}, key, goal, waiting, options)
            return
        instance = await api.post("/instances", {**body, "name": name, **more}, key=key)
        await finish(api, instance, None, goal, waiting, options)


def _show_preview(preview: Json, options: Options) -> None:
    if options.json:
        print_json(preview)
        return
    say(f"Game: {plain(preview['game'])}")
    print_table(
        ("LAYER", "VERSION", "TYPE", "CHECKSUM"),
        ((each["template_id"], each["version"], each["type"], each["checksum"][:12]) for each in preview["layers"]),
        empty="No layers.",
    )
    print_table(
        ("VARIABLE", "VALUE", "DEFAULT", "DECLARED BY", "DESCRIPTION"),
        (
            (each["name"], each["value"], each["default"], each["declared_by"], each["description"])
            for each in preview["variables"]
        ),
        empty="No variables.",
    )
    for problem in preview["problems"]:
        say(f"problem: {plain(problem['message'])} {plain(problem['remedy'])}".rstrip())
    if placement := preview.get("placement"):
        say(plain(placement["summary"]))
