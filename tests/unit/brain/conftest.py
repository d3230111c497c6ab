"""Fixtures of the Brain's unit tests."""

from __future__ import annotations

import pytest

from hytopus.kit.logs import configure_logging
from tests.harness.database import database, sqlite

__all__ = ["database", "sqlite"]


@pytest.fixture(scope="session", autouse=True)
def _logging() -> None:
    """As in production: structlog's own default would pretty-print every local variable of a traceback."""
    configure_logging(json=True, level="warning")
