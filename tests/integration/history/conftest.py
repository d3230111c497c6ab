"""Fixtures of the history, on real databases."""

from __future__ import annotations

from tests.harness.database import database, sqlite

__all__ = ["database", "sqlite"]
