"""Routes of games."""

from __future__ import annotations

from hytopus.brain.games.catalogue import GameNotFound
from hytopus.brain.games.dependencies import GamesDep
from hytopus.brain.http.problems import problems
from hytopus.brain.http.routing import feature_router
from hytopus.brain.http.schemas import Output
from hytopus.games.definition import Game

router = feature_router("games")


class GameOut(Output):
    name: str
    title: str
    definition: Game
    """Everything its `game.toml` says."""

    @classmethod
    def of(cls, game: Game) -> GameOut:
        return cls(name=game.name, title=game.title, definition=game)


@router.get("/games")
async def list_games(games: GamesDep) -> list[GameOut]:
    """Every game this Brain knows how to run, by name."""
    return [GameOut.of(game) for game in games.all()]


@router.get("/games/{name}", responses=problems(GameNotFound))
async def get_game(name: str, games: GamesDep) -> GameOut:
    """One game."""
    return GameOut.of(games.get(name))
