"""The catalogue, for routes."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request

from hytopus.brain.games.catalogue import Catalogue


async def _catalogue(request: Request) -> Catalogue:
    games: Catalogue = request.app.state.games
    return games


GamesDep = Annotated[Catalogue, Depends(_catalogue)]
