"""Fixtures of the Brain on real databases."""

from __future__ import annotations

from tests.harness.database import (
    database,
    postgres_template,
    postgresql_copy,
    sqlite,
    sqlite_copy,
    sqlite_template,
)

__all__ = ["database", "postgres_template", "postgresql_copy", "sqlite", "sqlite_copy", "sqlite_template"]
