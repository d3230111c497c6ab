"""`hytopus game`: what kinds of servers there are, and building their images."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, ClassVar, Final, Literal

from cyclopts import Parameter

from hytopus.cli.connection.client import at
from hytopus.cli.connection.options import DEFAULTS, Options, connect, group
from hytopus.cli.extras import needs
from hytopus.cli.terminal.output import note, plain, print_fields, print_json, print_table, say
from hytopus.errors import HytopusError

app: Final = group("game", "List games and build their images.")


class UnknownGame(HytopusError):
    code: ClassVar[str] = "game_unknown_here"
    status: ClassVar[int] = 404
    template: ClassVar[str] = "There is no game {name!r} on this machine; there are: {known}."
    remedy: ClassVar[str] = "Name one of them, or the folder of its game.toml."


@app.command(name="list")
async def list_games(*, options: Options = DEFAULTS) -> None:
    """List the games the Brain knows."""
    async with connect(options) as api:
        games = await api.get("/games")
    if options.json:
        print_json(games)
        return
    rows = ((game["name"], game["title"], game["definition"]["image"]["reference"]) for game in games)
    print_table(("NAME", "TITLE", "IMAGE"), rows, empty="No games.")


@app.command(name="show")
async def show_game(name: str, /, *, options: Options = DEFAULTS) -> None:
    """Show how a game is run."""
    async with connect(options) as api:
        game = await api.get(at("games", name))
    if options.json:
        print_json(game)
        return
    definition = game["definition"]
    print_fields(
        {
            "name": game["name"],
            "title": game["title"],
            "image": definition["image"]["reference"],
            "command": " ".join(definition["command"]),
            "ports": [f"{port['name']} ({port['protocol']})" for port in definition["ports"]],
            "limits": definition["resources"],
            "variables": sorted(definition["variables"]),
            "defined in": game["source"],
        }
    )


@app.command(name="build")
async def build(
    name: str,
    /,
    *,
    way: Annotated[Literal["auto", "dockerfile", "debian"], Parameter(name="--from")] = "auto",
    options: Options = DEFAULTS,
) -> None:
    """Build a game's image on this machine's Docker Engine.

    Parameters
    ----------
    name
        A game that comes with Hytopus, or the folder of a game.toml.
    way
        dockerfile needs a registry; debian builds from Debian packages alone; auto takes what works.
    """
    with needs("node", "game build"):
        from hytopus.games.images import build_image
        from hytopus.games.library import builtin_games, catalogue, load_game
        from hytopus.node.runtime.docker.client import connect as connect_engine

    folder = Path(name)
    if (folder / "game.toml").is_file():
        game = load_game(folder)
    else:
        known = catalogue([builtin_games()])
        if name not in known:
            raise UnknownGame(name=name, known=", ".join(sorted(known)))
        game, folder = known[name].game, known[name].folder
    async with connect_engine() as engine:
        built = await build_image(
            game, folder, engine=engine, progress=lambda line: note(f"  {plain(line)}"), prefer=way
        )
    if options.json:
        print_json({"reference": built.reference, "image_id": built.image_id, "built": built.built})
    else:
        say(f"{built.reference} is {'built' if built.built else 'there already'} ({built.image_id}).")
