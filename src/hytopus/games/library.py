"""The games there are: those that come with Hytopus and those an operator adds."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hytopus.games.definition import BadGame, Game

GAME_FILE: Final = "game.toml"


@dataclass(frozen=True, slots=True)
class LoadedGame:
    """A game and the folder its image is built from."""

    game: Game
    folder: Path


def load_game(path: Path) -> Game:
    """The game in a `game.toml`, or in the folder that holds one; raises `BadGame` that names the file."""
    file = path / GAME_FILE if path.is_dir() else path
    try:
        text = file.read_bytes()
    except OSError as error:
        raise BadGame(source=str(file), where="the file", why=error.strerror or str(error)) from error
    return Game.parse(text, source=str(file))


def builtin_games() -> Path:
    """The folder of the games that come with Hytopus: inside the installed package, or beside it in a checkout."""
    here = Path(__file__).resolve()
    packaged = here.parent / "builtin"
    return packaged if packaged.is_dir() else here.parents[3] / "games"


def catalogue(folders: Iterable[Path]) -> dict[str, LoadedGame]:
    """Every game of the folders by name; a later folder wins, so that operators can replace a built-in game.

    A folder that does not exist has none. One bad game fails the whole: a game that silently is not there would
    be noticed when somebody needs it.
    """
    found: dict[str, LoadedGame] = {}
    for folder in folders:
        for file in sorted(folder.glob(f"*/{GAME_FILE}")):
            game = load_game(file)
            if game.name != file.parent.name:
                why = f"the folder is called {file.parent.name!r}; both must have the same name"
                raise BadGame(source=str(file), where="name", why=why)
            found[game.name] = LoadedGame(game, file.parent)
    return found
