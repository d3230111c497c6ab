"""Alembic's entry: runs on the connection it is handed, for both databases."""

from __future__ import annotations

from typing import Any, Literal

from alembic import context

from hytopus.brain.db.base import Base
from hytopus.brain.db.sealed import Sealed
from hytopus.brain.db.types import ENUM_LENGTH, EnumText, UtcDateTime
from hytopus.brain.tables import FEATURES

assert FEATURES, "importing the features fills Base.metadata"


def render_item(kind: str, item: Any, _context: Any) -> str | Literal[False]:
    """Write our column types as what they are in the database: a migration must not change with the code."""
    if kind == "type" and isinstance(item, UtcDateTime):
        return "sa.DateTime(timezone=True)"
    if kind == "type" and isinstance(item, EnumText):
        return f"sa.String(length={ENUM_LENGTH})"
    if kind == "type" and isinstance(item, Sealed):
        return "sa.JSON()"
    return False


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_as_batch=True,
    compare_type=True,
    render_item=render_item,
)
context.run_migrations()
