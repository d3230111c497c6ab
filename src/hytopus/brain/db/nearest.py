"""Names that somebody may have meant, for errors that say there is no such thing."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Final

from sqlalchemy import ColumnElement, select, true
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

_LOOKED_AT: Final = 500
_SHOWN: Final = 3
_LONGEST: Final = 64


async def nearest(
    session: AsyncSession, names: InstrumentedAttribute[str], wanted: str, among: ColumnElement[bool] | None = None
) -> list[str]:
    """The names most like the wanted one, best first, of those that begin like it and that the session may see."""
    wanted = wanted[:_LONGEST]
    alike = select(names).where(names.startswith(wanted[:1], autoescape=True), true() if among is None else among)
    known = await session.scalars(alike.order_by(names).limit(_LOOKED_AT))
    return get_close_matches(wanted, list(known), n=_SHOWN)


def as_hint(near: list[str]) -> str:
    """What follows on "There is no …"."""
    return f"; the nearest are {', '.join(near)}" if near else ""
