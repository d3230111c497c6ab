"""The games that come with Hytopus and those of the operator's own folders, by name."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import ClassVar

from hytopus.errors import HytopusError
from hytopus.games.definition import Game
from hytopus.games.library import builtin_games, catalogue


class GameNotFound(HytopusError):
    code: ClassVar[str] = "game_not_found"
    status: ClassVar[int] = 404
    template: ClassVar[str] = "There is no game {name!r}{hint}."
    remedy: ClassVar[str] = "`hytopus game list` shows what there is; the Brain's setting `games_dirs` adds folders."


class Catalogue:
    """The games, as they were read at start."""

    def __init__(self, games: Mapping[str, Game]) -> None:
        self._games = dict(sorted(games.items()))

    @classmethod
    async def load(cls, folders: Sequence[Path]) -> Catalogue:
        """Read the games of Hytopus, then those of the folders; a later one of the same name wins."""
        loaded = await asyncio.to_thread(catalogue, [builtin_games(), *folders])
        return cls({name: each.game for name, each in loaded.items()})

    def get(self, name: str) -> Game:
        """Raises `GameNotFound`, with the nearest names."""
        if name not in self._games:
            near = get_close_matches(name, self._games, n=3)
            hint = f"; the nearest are {', '.join(near)}" if near else f"; there are {', '.join(self._games)}"
            raise GameNotFound(name=name, hint=hint if self._games else "", near=near)
        return self._games[name]

    def all(self) -> list[Game]:
        """Every game, by name."""
        return list(self._games.values())
