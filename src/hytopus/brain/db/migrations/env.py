"""Alembic's entry: runs on the connection it is handed, for both databases."""

from __future__ import annotations

from alembic import context

from hytopus.brain.db.base import Base
from hytopus.brain.db.schema import FEATURES

assert FEATURES, "importing the features fills Base.metadata"

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_as_batch=True,
    compare_type=True,
)
context.run_migrations()
