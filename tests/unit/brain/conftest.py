"""Fixtures of the Brain's unit tests."""

from __future__ import annotations

from tests.harness.database import database, sqlite

__all__ = ["database", "sqlite"]
